"""Finds the accelerators of AWS Global Accelerator that a DNS record points to. Also finds the endpoint groups of these
accelerators.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gates.plan import Resource
from gates.resource_types import ACCELERATOR, ENDPOINT_GROUP, LISTENER


def accelerators(record: Resource, resources: Iterable[Resource]) -> list[Resource]:
    """Returns the accelerators of AWS Global Accelerator that a DNS record points to."""
    return [one for one in resources if one.type == ACCELERATOR and one.urn in record.uses()]


def endpoint_groups(record: Resource, resources: Sequence[Resource]) -> list[Resource]:
    """Returns the endpoint groups of the accelerators that a DNS record points to. The list is empty for a record that
    points to no accelerator.
    """
    listeners = _using(accelerators(record, resources), LISTENER, resources)
    return _using(listeners, ENDPOINT_GROUP, resources)


def _using(used: Iterable[Resource], kind: str, resources: Sequence[Resource]) -> list[Resource]:
    """Returns resources of the type `kind`. Each of them refers to at least one of the resources in `used`."""
    urns = {one.urn for one in used}
    return [one for one in resources if one.type == kind and urns & one.uses()]
