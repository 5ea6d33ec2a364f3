"""Creates, reads, changes and deletes accelerators, listeners and endpoint groups of Global Accelerator for the
emulated AWS provider.

As in the real provider, the Pulumi id of each resource is its ARN, and an accelerator is disabled before it is deleted.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

import pulumi_aws as aws

from emulation.dns.records import ACCELERATORS_ZONE
from emulation.providers.aws.clients import removed_tags, tag_list, tags_of
from emulation.providers.aws.described import Api, Described
from emulation.providers.handler import CloudError, Handler, HoldsSets, Properties

_REGION = "us-west-2"  # The only region that serves the Global Accelerator API.

# Each of these mappings belongs to one resource type of Global Accelerator. It maps each Pulumi property to the name of
# the field in the Global Accelerator API.
_ACCELERATOR = {"name": "Name", "ipAddressType": "IpAddressType", "enabled": "Enabled"}
_LISTENER = {"protocol": "Protocol", "clientAffinity": "ClientAffinity"}
_GROUP = {
    "trafficDialPercentage": "TrafficDialPercentage",
    "healthCheckPort": "HealthCheckPort",
    "healthCheckProtocol": "HealthCheckProtocol",
    "healthCheckPath": "HealthCheckPath",
    "healthCheckIntervalSeconds": "HealthCheckIntervalSeconds",
    "thresholdCount": "ThresholdCount",
}
_ENDPOINT = {
    "endpointId": "EndpointId",
    "weight": "Weight",
    "clientIpPreservationEnabled": "ClientIPPreservationEnabled",
}


@dataclass(frozen=True)
class _WithSets(Described, HoldsSets):
    sets: frozenset[str] = frozenset()


def handlers() -> list[Handler]:
    """Returns the handlers of the Global Accelerator resource types. The service is global, so none of these types has
    a region.
    """
    return [
        Described(
            aws.globalaccelerator.Accelerator,
            "globalaccelerator",
            make=_make_accelerator,
            describe=_describe_accelerator,
            remove=_remove_accelerator,
            change=_change_accelerator,
            replace_on=frozenset({"ipAddresses"}),
            only_region=_REGION,
        ),
        _WithSets(
            aws.globalaccelerator.Listener,
            "globalaccelerator",
            make=_make_listener,
            describe=_describe_listener,
            remove=lambda api, id, state: api.delete_listener(ListenerArn=id),
            change=lambda api, id, old, new: api.update_listener(ListenerArn=id, **_of_listener(new)),
            replace_on=frozenset({"acceleratorArn"}),
            only_region=_REGION,
            sets=frozenset({"portRanges"}),
        ),
        _WithSets(
            aws.globalaccelerator.EndpointGroup,
            "globalaccelerator",
            make=_make_group,
            describe=_describe_group,
            remove=lambda api, id, state: api.delete_endpoint_group(EndpointGroupArn=id),
            change=lambda api, id, old, new: api.update_endpoint_group(EndpointGroupArn=id, **_of_group(new)),
            replace_on=frozenset({"listenerArn", "endpointGroupRegion"}),
            only_region=_REGION,
            sets=frozenset({"endpointConfigurations"}),
        ),
    ]


def _fields(names: dict[str, str], inputs: Properties) -> dict[str, Any]:
    return {theirs: inputs[ours] for ours, theirs in names.items() if inputs.get(ours) is not None}


def _seen(names: dict[str, str], found: dict[str, Any], state: Properties) -> Properties:
    """Translates the API's answer `found` into Pulumi properties. `names` maps the name of each Pulumi property to the
    name of the API's field. Properties that are not in the Pulumi state are left out.
    """
    return {ours: found[theirs] for ours, theirs in names.items() if ours in state and theirs in found}


def _of_accelerator(inputs: Properties) -> dict[str, Any]:
    if inputs.get("attributes"):
        raise CloudError("accelerators with attributes (flow logs) are not emulated")
    return _fields(_ACCELERATOR, inputs)


def _make_accelerator(api: Api, inputs: Properties) -> str:
    addresses = {"IpAddresses": inputs["ipAddresses"]} if inputs.get("ipAddresses") else {}
    given = {**_of_accelerator(inputs), **addresses, "Tags": tag_list(inputs.get("tags"))}
    return api.create_accelerator(IdempotencyToken=uuid.uuid4().hex, **given)["Accelerator"]["AcceleratorArn"]


def _describe_accelerator(api: Api, id: str, state: Properties) -> Properties | None:
    found = api.describe_accelerator(AcceleratorArn=id)["Accelerator"]
    return {
        "arn": id,
        "dnsName": found["DnsName"],
        "hostedZoneId": ACCELERATORS_ZONE,
        "ipSets": [{"ipFamily": each["IpFamily"], "ipAddresses": each["IpAddresses"]} for each in found["IpSets"]],
        **_seen(_ACCELERATOR, found, state),
        **tags_of(api.list_tags_for_resource(ResourceArn=id), state),
    }


def _change_accelerator(api: Api, id: str, old: Properties, new: Properties) -> None:
    api.update_accelerator(AcceleratorArn=id, **_of_accelerator(new))
    if gone := removed_tags(old, new):
        api.untag_resource(ResourceArn=id, TagKeys=gone)
    if new.get("tags"):
        api.tag_resource(ResourceArn=id, Tags=tag_list(new["tags"]))


def _remove_accelerator(api: Api, id: str, state: Properties) -> None:
    api.update_accelerator(AcceleratorArn=id, Enabled=False)
    api.delete_accelerator(AcceleratorArn=id)


def _of_listener(inputs: Properties) -> dict[str, Any]:
    ranges = [{"FromPort": each["fromPort"], "ToPort": each["toPort"]} for each in inputs["portRanges"]]
    return {**_fields(_LISTENER, inputs), "PortRanges": ranges}


def _make_listener(api: Api, inputs: Properties) -> str:
    created = api.create_listener(
        AcceleratorArn=inputs["acceleratorArn"], IdempotencyToken=uuid.uuid4().hex, **_of_listener(inputs)
    )
    return created["Listener"]["ListenerArn"]


def _describe_listener(api: Api, id: str, state: Properties) -> Properties | None:
    found = api.describe_listener(ListenerArn=id)["Listener"]
    ranges = [{"fromPort": each["FromPort"], "toPort": each["ToPort"]} for each in found["PortRanges"]]
    return {"arn": id, "portRanges": ranges, **_seen(_LISTENER, found, state)}


def _of_group(inputs: Properties) -> dict[str, Any]:
    if inputs.get("portOverrides"):
        raise CloudError("endpoint groups with port overrides are not emulated")
    if any(each.get("attachmentArn") for each in inputs.get("endpointConfigurations", [])):
        raise CloudError("endpoints of other accounts (attachmentArn) are not emulated")
    endpoints = [_fields(_ENDPOINT, each) for each in inputs.get("endpointConfigurations", [])]
    return {**_fields(_GROUP, inputs), "EndpointConfigurations": endpoints}


def _make_group(api: Api, inputs: Properties) -> str:
    if not inputs.get("endpointGroupRegion"):
        raise CloudError("name the region of the endpoint group; the provider's own region is not emulated")
    created = api.create_endpoint_group(
        ListenerArn=inputs["listenerArn"],
        EndpointGroupRegion=inputs["endpointGroupRegion"],
        IdempotencyToken=uuid.uuid4().hex,
        **_of_group(inputs),
    )
    return created["EndpointGroup"]["EndpointGroupArn"]


def _describe_group(api: Api, id: str, state: Properties) -> Properties | None:
    found = api.describe_endpoint_group(EndpointGroupArn=id)["EndpointGroup"]
    known = {each.get("endpointId"): each for each in state.get("endpointConfigurations", [])}
    whole = dict.fromkeys(_ENDPOINT)
    endpoints = [
        _seen(_ENDPOINT, each, known.get(each["EndpointId"], whole)) for each in found.get("EndpointDescriptions", [])
    ]
    return {
        "arn": id,
        "endpointGroupRegion": found["EndpointGroupRegion"],
        **_seen(_GROUP, found, state),
        **({"endpointConfigurations": endpoints} if endpoints or "endpointConfigurations" in state else {}),
    }
