"""Tests that the project and the emulated Cloudflare API have the same list of Cloudflare's IP networks."""

from __future__ import annotations

from contract import cloudflare_networks
from emulation.cloudflare import api


def test_the_emulated_cloudflare_lists_the_networks_that_policies_let_in() -> None:
    """Compares the IP networks in contract/cloudflare_networks.py with the networks that the emulated Cloudflare API
    returns.

    The Pulumi program raises an error if the IPv4 networks of Cloudflare's API differ from those in
    contract/cloudflare_networks.py. A difference would make the program fail for each environment on the emulated
    Cloudflare.
    """
    assert list(cloudflare_networks.IPV4) == api.IPV4
    assert list(cloudflare_networks.IPV6) == api.IPV6
