"""Tests that policies and the emulated Cloudflare list the same Cloudflare networks."""

from __future__ import annotations

from contract import cloudflare_networks
from emulation.cloudflare import api


def test_the_emulated_cloudflare_lists_the_networks_that_policies_let_in() -> None:
    """Compares the two lists of Cloudflare's networks.

    If a network were in only one list, the plans of all environments would fail, or a policy would admit a network
    that is not Cloudflare's.
    """
    assert list(cloudflare_networks.IPV4) == api.IPV4
    assert list(cloudflare_networks.IPV6) == api.IPV6
