"""Tests that the policies and the emulated Cloudflare API list the same IP networks of Cloudflare."""

from __future__ import annotations

from contract import cloudflare_networks
from emulation.cloudflare import api


def test_the_emulated_cloudflare_lists_the_networks_that_policies_let_in() -> None:
    """Compares the IP networks in contract/cloudflare_networks.py with those that the emulated Cloudflare API returns.

    The Pulumi program raises an error if Cloudflare's API returns other IPv4 networks than
    contract/cloudflare_networks.py lists. If the two lists differed, the program would therefore fail for each
    environment on the emulated Cloudflare.
    """
    assert list(cloudflare_networks.IPV4) == api.IPV4
    assert list(cloudflare_networks.IPV6) == api.IPV6
