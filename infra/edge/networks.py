"""The networks from which the edge connects to the shields."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_cloudflare as cloudflare

from contract.cloudflare_networks import IPV4


class EdgeNetworksError(pulumi.RunError):
    """Cloudflare's networks are not those of the contract. The message names the difference."""


def edge_networks() -> pulumi.Output[Sequence[str]]:
    """Returns Cloudflare's IPv4 networks; shields have no IPv6 addresses. Raises EdgeNetworksError within the output.

    The API says what Cloudflare uses today, and the contract what people reviewed. Policies hold plans to the contract,
    as they call no API. With the contract alone, a new network would be cut off from the shields without a word. With
    the API alone, firewalls would open to a network that nobody reviewed. So both must agree before a plan is made.
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
