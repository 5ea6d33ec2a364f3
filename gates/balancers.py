"""Finds the machines behind the load balancer of Google Cloud that a DNS record points to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gates.plan import Resource
from gates.resource_types import (
    BACKEND_SERVICE,
    ENDPOINT,
    ENDPOINT_SET,
    FORWARDING_RULE,
    GLOBAL_ADDRESS,
    NODES,
    TARGET_PROXY,
)


def balanced_machines(record: Resource, resources: Sequence[Resource]) -> list[Resource]:
    """Returns the machines to which a load balancer leads the clients of a DNS record. The list is empty for a record
    without the address of a load balancer, and for a load balancer that lacks one of its parts.
    """
    addresses = [one for one in resources if one.type == GLOBAL_ADDRESS and one.urn in record.uses()]
    rules = _using(addresses, FORWARDING_RULE, resources)
    services = _used(_used(rules, TARGET_PROXY, resources), BACKEND_SERVICE, resources)
    endpoints = _using(_used(services, ENDPOINT_SET, resources), ENDPOINT, resources)
    urns = {urn for endpoint in endpoints for urn in endpoint.uses()}
    return [one for one in resources if one.type in NODES and one.urn in urns]


def _using(used: Iterable[Resource], kind: str, resources: Sequence[Resource]) -> list[Resource]:
    """Returns resources of the type `kind`. Each of them refers to at least one of the resources in `used`."""
    urns = {one.urn for one in used}
    return [one for one in resources if one.type == kind and urns & one.uses()]


def _used(users: Iterable[Resource], kind: str, resources: Sequence[Resource]) -> list[Resource]:
    """Returns resources of the type `kind`. At least one of the resources in `users` refers to each of them."""
    urns = {urn for one in users for urn in one.uses()}
    return [one for one in resources if one.type == kind and one.urn in urns]
