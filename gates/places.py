"""Where resources stand, and what leads to them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, cast

from gates.kinds import RECORDS
from gates.plan import Resource

_ZONE_OF_GCP = re.compile(r"([a-z]+-[a-z]+\d+)-[a-z]")


def region_of(resource: Resource) -> str:
    """The region, in the cloud's own spelling; empty for what stands nowhere in particular."""
    for properties in (resource.inputs, resource.outputs):
        for key in ("region", "zone", "location"):
            value = properties.get(key)
            if isinstance(value, str) and value:
                zone = _ZONE_OF_GCP.fullmatch(value)
                return zone[1] if zone else value.lower()
    return ""


def users_of(urns: Iterable[str], resources: Sequence[Resource]) -> set[str]:
    """URNs of all resources that are made of one of these, or of one that is."""
    found = set(urns)
    while more := {one.urn for one in resources if one.urn not in found and not found.isdisjoint(one.uses())}:
        found |= more
    return found


def led_to(urns: Iterable[str], region: str, resources: Sequence[Resource]) -> bool:
    """Whether a record is made of one of these machines, or a worker is told of the region."""
    users = users_of(urns, resources)
    return any(one.type in RECORDS and one.urn in users for one in resources) or any(
        region in _regions_in(one) for one in resources if one.type.endswith(":WorkersScript")
    )


def shields_of(worker: Resource) -> Iterator[dict[str, Any]]:
    """The shields that a worker is bound to: objects with a `host` and a `region`, in a binding that holds JSON."""
    for binding in cast(list[dict[str, Any]], worker.inputs.get("bindings") or []):
        try:
            listed = json.loads(binding.get("text", ""))
        except ValueError:
            continue  # a name, or a secret that the engine does not show
        if isinstance(listed, list):
            members = cast(list[Any], listed)
            yield from (one for one in members if isinstance(one, dict) and "region" in one)


def _regions_in(worker: Resource) -> set[str]:
    return {str(shield["region"]) for shield in shields_of(worker)}
