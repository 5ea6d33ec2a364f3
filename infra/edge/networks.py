"""The IP networks from which Cloudflare's edge connects to the shields (regional caches)."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_cloudflare as cloudflare

from contract.cloudflare_networks import IPV4


class EdgeNetworksError(pulumi.RunError):
    """Raised when the networks in Cloudflare's API differ from those in contract/cloudflare_networks.py. The message
    names the networks that differ.
    """


def edge_networks() -> pulumi.Output[Sequence[str]]:
    """Returns Cloudflare's IPv4 networks. Shields (regional caches) have no IPv6 addresses, so the result has no IPv6
    networks. The output fails with EdgeNetworksError when Cloudflare's API and contract/cloudflare_networks.py differ.

    The API lists the networks that Cloudflare uses today, and the contract lists the networks that people reviewed. The
    policies of the policy pack call no API, so they compare plans with the contract. If the program used only the
    contract, the shields would silently refuse a new network of Cloudflare. If the program used only the API, firewalls
    would admit a network that nobody reviewed.
    """
    return cloudflare.get_ip_ranges_output().ipv4_cidrs.apply(_as_in_contract)


def _as_in_contract(networks: Sequence[str]) -> Sequence[str]:
    added, removed = sorted(set(networks) - set(IPV4)), sorted(set(IPV4) - set(networks))
    if not added and not removed:
        return networks
    differences = [f"{what} {', '.join(which)}" for what, which in (("adds", added), ("lacks", removed)) if which]
    raise EdgeNetworksError(
        f"Cloudflare's networks are not those of contract/cloudflare_networks.py: the API {' and '.join(differences)}. "
        "Compare with www.cloudflare.com/ips-v4, and change IPV4 in that file"
    )
