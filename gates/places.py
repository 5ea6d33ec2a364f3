"""Finds the region of a resource and the resources that depend on it. Also finds out whether clients or edge workers
send requests to given machines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gates import user_data
from gates.plan import Resource
from gates.resource_types import RECORDS

_ZONE_OF_GCP = re.compile(r"([a-z]+-[a-z]+\d+)-[a-z]")


def region_of(resource: Resource) -> str:
    """Returns the region of a resource in lowercase, such as `us-east-1`, or an empty string if the resource has no
    region. For a zone of Google Cloud, returns the region of the zone.
    """
    for properties in (resource.inputs, resource.outputs):
        for key in ("region", "zone", "location"):
            value = properties.get(key)
            if isinstance(value, str) and value:
                zone = _ZONE_OF_GCP.fullmatch(value)
                return zone[1] if zone else value.lower()
    return ""


def users_of(urns: Iterable[str], resources: Sequence[Resource]) -> set[str]:
    """Returns the given URNs, and the URNs of all resources that directly or indirectly depend on these resources."""
    found = set(urns)
    while more := {one.urn for one in resources if one.urn not in found and not found.isdisjoint(one.uses())}:
        found |= more
    return found


def led_to(urns: Iterable[str], region: str, resources: Sequence[Resource]) -> bool:
    """Returns whether clients or edge workers send requests to the given machines of a region. Clients send requests to
    the machines if a DNS record depends on one of the machines. Edge workers send requests to the machines if the
    workers' bindings list a shield (a cache) in the region.
    """
    users = users_of(urns, resources)
    return any(one.type in RECORDS and one.urn in users for one in resources) or any(
        region in _regions_in(one) for one in resources if one.type.endswith(":WorkersScript")
    )


def _regions_in(worker: Resource) -> set[str]:
    bindings: Sequence[Mapping[str, Any]] = worker.inputs.get("bindings") or []
    return {str(shield["region"]) for binding in bindings for shield in user_data.shields(str(binding.get("text", "")))}
