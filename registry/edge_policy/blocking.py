"""Blocks networks at the edge: changes the list of networks in the edge policy in force, and nothing else in it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence

from registry import RegistryError
from registry.catalog.audit import By
from registry.edge_policy import conditions, versions
from registry.edge_policy.document import Policy, parsed
from registry.target import Target


def block(target: Target, by: By, networks: Sequence[str]) -> versions.Changed:
    """Adds networks to those that the edge blocks. Raises RegistryError if one is no network in CIDR notation, and no
    address.
    """
    added = [_checked(network) for network in networks]
    return versions.edit(target, by, lambda policy: _blocking(policy, [*policy.blocked, *added]))


def unblock(target: Target, by: By, networks: Sequence[str]) -> versions.Changed:
    """Removes networks from those that the edge blocks. Raises RegistryError if one is not among them."""
    removed = [_checked(network) for network in networks]

    def without(policy: Policy) -> Policy:
        for network in removed:
            _check_among(network, policy.blocked)
        return _blocking(policy, [network for network in policy.blocked if network not in removed])

    return versions.edit(target, by, without)


def _checked(network: str) -> str:
    """Returns a network in canonical notation. An address becomes the network that contains only this address."""
    try:
        return conditions.network(network if "/" in network else str(ipaddress.ip_network(network)))
    except ValueError as error:
        message = str(error) if "/" in network else "is not an address; write one such as 192.0.2.7"
        raise RegistryError(f"network {network!r}: {message}") from None


def _blocking(policy: Policy, networks: Iterable[str]) -> Policy:
    changed = policy.model_copy(update={"blocked": tuple(dict.fromkeys(networks))})
    return parsed(changed.text, "the edge policy with this change")


def _check_among(network: str, blocked: Sequence[str]) -> None:
    if network in blocked:
        return
    address = ipaddress.ip_network(network).network_address
    larger = next((each for each in blocked if address in ipaddress.ip_network(each)), None)
    hint = f"unblock {larger}, which contains it" if larger else "see: python -m registry edge blocked"
    raise RegistryError(f"network {network}: is not in the list of blocked networks; {hint}")
