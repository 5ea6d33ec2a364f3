"""Operations of the Global Accelerator API on endpoint groups.

Sources: API Reference of the operations; Developer Guide, "Endpoint groups for standard accelerators" and "Quotas for
AWS Global Accelerator".
"""

from __future__ import annotations

import uuid

from emulation.aws.global_accelerator.endpoints import check_region, described
from emulation.aws.global_accelerator.models import Fields, GlobalAcceleratorBackend, below, limit, page
from emulation.aws.global_accelerator.refusals import Refused, invalid, not_emulated

_MOST_ENDPOINT_GROUPS = 42
_SETTINGS = (
    "TrafficDialPercentage",
    "HealthCheckPort",
    "HealthCheckProtocol",
    "HealthCheckPath",
    "HealthCheckIntervalSeconds",
    "ThresholdCount",
)


def create(backend: GlobalAcceleratorBackend, given: Fields) -> Fields:
    listener, region = backend.listener(given["ListenerArn"]), given["EndpointGroupRegion"]
    others = below(given["ListenerArn"], backend.groups)
    if any(each["EndpointGroupRegion"] == region for each in others):
        message = f"{given['ListenerArn']} has an endpoint group in {region}"
        raise Refused("EndpointGroupAlreadyExistsException", message)
    limit(others, _MOST_ENDPOINT_GROUPS, "endpoint groups of a listener")
    check_region(region)
    arn = f"{given['ListenerArn']}/endpoint-group/{uuid.uuid4().hex[:12]}"
    group: Fields = {
        "EndpointGroupArn": arn,
        "EndpointGroupRegion": region,
        "TrafficDialPercentage": 100.0,
        "HealthCheckPort": listener["PortRanges"][0]["FromPort"],
        "HealthCheckProtocol": "TCP",
        "HealthCheckIntervalSeconds": 30,
        "ThresholdCount": 3,
        "PortOverrides": [],
        "EndpointDescriptions": [],
        **_changes(backend, given, region),
    }
    _check_health(group, given)
    backend.groups[arn] = group
    return {"EndpointGroup": group}


def describe(backend: GlobalAcceleratorBackend, given: Fields) -> Fields:
    return {"EndpointGroup": backend.group(given["EndpointGroupArn"])}


def list_all(backend: GlobalAcceleratorBackend, given: Fields) -> Fields:
    backend.listener(given["ListenerArn"])
    return page("EndpointGroups", below(given["ListenerArn"], backend.groups), given)


def update(backend: GlobalAcceleratorBackend, given: Fields) -> Fields:
    group = backend.group(given["EndpointGroupArn"])
    changed = group | _changes(backend, given, group["EndpointGroupRegion"])
    _check_health(changed, given)
    group |= changed
    return {"EndpointGroup": group}


def delete(backend: GlobalAcceleratorBackend, given: Fields) -> None:
    backend.group(given["EndpointGroupArn"])
    del backend.groups[given["EndpointGroupArn"]]


def _changes(backend: GlobalAcceleratorBackend, given: Fields, region: str) -> Fields:
    """Returns the new values of the fields that a request changes in an endpoint group. `given` is the request. A list
    of endpoints replaces all endpoints of the group.
    """
    if given.get("PortOverrides"):
        raise not_emulated("port overrides")
    changed = {name: given[name] for name in _SETTINGS if name in given}
    if "EndpointConfigurations" in given:
        changed["EndpointDescriptions"] = described(given["EndpointConfigurations"], region, backend.account_id)
    return changed


def _check_health(group: Fields, given: Fields) -> None:
    """Checks the health check settings of an endpoint group. For health checks over HTTP and HTTPS, adds the path `/`
    if the endpoint group has no path yet.
    """
    if group["HealthCheckIntervalSeconds"] not in (10, 30):
        raise invalid(f"HealthCheckIntervalSeconds is {group['HealthCheckIntervalSeconds']}, and must be 10 or 30")
    if group["HealthCheckProtocol"] != "TCP":
        group.setdefault("HealthCheckPath", "/")
    elif "HealthCheckPath" in given:
        raise invalid(f"HealthCheckPath {given['HealthCheckPath']!r} needs the HealthCheckProtocol HTTP or HTTPS")
