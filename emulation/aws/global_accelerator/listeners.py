"""Operations of the Global Accelerator API on listeners.

Sources: API Reference of the operations; Developer Guide, "Listeners for standard accelerators" and "Quotas for AWS
Global Accelerator".
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from emulation.aws.global_accelerator.models import (
    Fields,
    GlobalAcceleratorBackend,
    accelerator_arn,
    below,
    limit,
    page,
)
from emulation.aws.global_accelerator.refusals import Refused

_MOST_LISTENERS = 10


def create(backend: GlobalAcceleratorBackend, given: Fields) -> Fields:
    accelerator = given["AcceleratorArn"]
    backend.accelerator(accelerator)
    others = below(accelerator, backend.listeners)
    limit(others, _MOST_LISTENERS, "listeners of an accelerator")
    arn = f"{accelerator}/listener/{uuid.uuid4().hex[:8]}"
    listener = {"ListenerArn": arn, "ClientAffinity": "NONE", **_settings(given)}
    _check_ports(listener, others)
    backend.listeners[arn] = listener
    return {"Listener": listener}


def describe(backend: GlobalAcceleratorBackend, given: Fields) -> Fields:
    return {"Listener": backend.listener(given["ListenerArn"])}


def list_all(backend: GlobalAcceleratorBackend, given: Fields) -> Fields:
    backend.accelerator(given["AcceleratorArn"])
    return page("Listeners", below(given["AcceleratorArn"], backend.listeners), given)


def update(backend: GlobalAcceleratorBackend, given: Fields) -> Fields:
    arn = given["ListenerArn"]
    found = backend.listener(arn)
    others = [each for each in below(accelerator_arn(arn), backend.listeners) if each is not found]
    _check_ports(found | _settings(given), others)
    found |= _settings(given)
    return {"Listener": found}


def delete(backend: GlobalAcceleratorBackend, given: Fields) -> None:
    arn = given["ListenerArn"]
    backend.listener(arn)
    if below(arn, backend.groups):
        raise Refused("AssociatedEndpointGroupFoundException", f"{arn} has an endpoint group; delete it first")
    del backend.listeners[arn]


def _settings(given: Fields) -> Fields:
    return {name: given[name] for name in ("PortRanges", "Protocol", "ClientAffinity") if name in given}


def _check_ports(listener: Fields, others: Sequence[Fields]) -> None:
    """Refuses a port range whose first port is greater than its last port. Also refuses a port range that overlaps with
    another range of the listener, or with a range of another listener with the same protocol.
    """
    ranges = listener["PortRanges"]
    taken = [each for other in others if other["Protocol"] == listener["Protocol"] for each in other["PortRanges"]]
    for number, each in enumerate(ranges):
        if "FromPort" not in each or "ToPort" not in each or each["FromPort"] > each["ToPort"]:
            raise Refused("InvalidPortRangeException", f"{each} is no range of ports")
        for other in [*taken, *ranges[:number]]:
            if each["FromPort"] <= other["ToPort"] and other["FromPort"] <= each["ToPort"]:
                raise Refused("InvalidPortRangeException", f"{each} overlaps with {other}")
