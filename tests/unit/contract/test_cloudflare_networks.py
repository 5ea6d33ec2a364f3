"""Cloudflare's networks, as policies and the emulated Cloudflare have them."""

from __future__ import annotations

from contract import cloudflare_networks
from emulation.cloudflare import api


def test_the_emulated_cloudflare_lists_the_networks_that_policies_let_in() -> None:
    """A network in one list alone would have the plans of all environments refused, or a stranger let in."""
    assert list(cloudflare_networks.IPV4) == api.IPV4
    assert list(cloudflare_networks.IPV6) == api.IPV6
