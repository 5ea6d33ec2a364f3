"""Tests that policies and the emulated Cloudflare list the same Cloudflare networks."""

from __future__ import annotations

from contract import cloudflare_networks
from emulation.cloudflare import api


def test_the_emulated_cloudflare_lists_the_networks_that_policies_let_in() -> None:
    """Compares the two lists of Cloudflare's networks.

    The Pulumi program raises an error if Cloudflare's API returns other IPv4 networks than those of the contract. If
    the two lists differed, the program would therefore fail for each environment on the emulated Cloudflare.
    """
    assert list(cloudflare_networks.IPV4) == api.IPV4
    assert list(cloudflare_networks.IPV6) == api.IPV6
