"""Global Accelerator: the anycast address, what it listens to, and the machines behind it in each region."""

from __future__ import annotations

import uuid
from typing import Any

import pulumi_aws as aws

from local.providers.aws.clients import client, tag_list, tag_map
from local.providers.aws.described import Api, Described
from local.providers.handler import Handler, Properties

_REGION = {"region": "us-west-2"}
"""Where the API is, wherever the accelerators are (Global Accelerator API Reference, "Welcome")."""


def handlers() -> list[Handler]:
    """One handler a resource type; an ARN is the identity of each."""
    return [
        Described(
            aws.globalaccelerator.Accelerator,
            "globalaccelerator",
            _make_accelerator,
            _describe_accelerator,
            _remove_accelerator,
            _change_accelerator,
            frozenset({"ipAddresses"}),
            place=_REGION,
        ),
        Described(
            aws.globalaccelerator.Listener,
            "globalaccelerator",
            lambda api, inputs: api.create_listener(
                AcceleratorArn=inputs["acceleratorArn"], IdempotencyToken=uuid.uuid4().hex, **_listener(inputs)
            )["Listener"]["ListenerArn"],
            _describe_listener,
            lambda api, id, state: api.delete_listener(ListenerArn=id),
            lambda api, id, old, new: api.update_listener(ListenerArn=id, **_listener(new)),
            frozenset({"acceleratorArn"}),
            place=_REGION,
        ),
        Described(
            aws.globalaccelerator.EndpointGroup,
            "globalaccelerator",
            _make_group,
            _describe_group,
            lambda api, id, state: api.delete_endpoint_group(EndpointGroupArn=id),
            lambda api, id, old, new: api.update_endpoint_group(EndpointGroupArn=id, **_group(new)),
            frozenset({"listenerArn", "endpointGroupRegion"}),
            place=_REGION,
        ),
    ]


def _make_accelerator(api: Api, inputs: Properties) -> str:
    made = api.create_accelerator(
        Name=inputs["name"],
        IpAddressType=inputs.get("ipAddressType", "IPV4"),
        Enabled=inputs.get("enabled", True),
        IdempotencyToken=uuid.uuid4().hex,
        Tags=tag_list(inputs.get("tags")),
    )
    return made["Accelerator"]["AcceleratorArn"]


def _describe_accelerator(api: Api, id: str, state: Properties) -> Properties | None:
    found = api.describe_accelerator(AcceleratorArn=id)["Accelerator"]
    tags = tag_map(api.list_tags_for_resource(ResourceArn=id)["Tags"])
    return {
        "arn": id,
        "name": found["Name"],
        "enabled": found["Enabled"],
        "ipAddressType": found["IpAddressType"],
        "dnsName": found["DnsName"],
        "ipSets": [{"ipFamily": each["IpFamily"], "ipAddresses": each["IpAddresses"]} for each in found["IpSets"]],
        **({"tags": tags} if tags or "tags" in state else {}),
    }


def _change_accelerator(api: Api, id: str, old: Properties, new: Properties) -> None:
    api.update_accelerator(
        AcceleratorArn=id,
        Name=new["name"],
        IpAddressType=new.get("ipAddressType", "IPV4"),
        Enabled=new.get("enabled", True),
    )
    gone = old.get("tags", {}).keys() - new.get("tags", {}).keys()
    if gone:
        api.untag_resource(ResourceArn=id, TagKeys=sorted(gone))
    if new.get("tags"):
        api.tag_resource(ResourceArn=id, Tags=tag_list(new["tags"]))


def _remove_accelerator(api: Api, id: str, state: Properties) -> None:
    api.update_accelerator(AcceleratorArn=id, Enabled=False)  # only then may it be deleted
    api.delete_accelerator(AcceleratorArn=id)


def _listener(inputs: Properties) -> dict[str, Any]:
    ranges = [{"FromPort": each["fromPort"], "ToPort": each["toPort"]} for each in inputs["portRanges"]]
    affinity = inputs.get("clientAffinity", "NONE")
    return {"PortRanges": ranges, "Protocol": inputs["protocol"], "ClientAffinity": affinity}


def _describe_listener(api: Api, id: str, state: Properties) -> Properties | None:
    found = api.describe_listener(ListenerArn=id)["Listener"]
    return {
        "arn": id,
        "portRanges": [{"fromPort": each["FromPort"], "toPort": each["ToPort"]} for each in found["PortRanges"]],
        "protocol": found["Protocol"],
        "clientAffinity": found["ClientAffinity"],
    }


_SETTINGS = {
    "healthCheckIntervalSeconds": "HealthCheckIntervalSeconds",
    "healthCheckPath": "HealthCheckPath",
    "healthCheckPort": "HealthCheckPort",
    "healthCheckProtocol": "HealthCheckProtocol",
    "thresholdCount": "ThresholdCount",
    "trafficDialPercentage": "TrafficDialPercentage",
}


def _make_group(api: Api, inputs: Properties) -> str:
    made = api.create_endpoint_group(
        ListenerArn=inputs["listenerArn"],
        EndpointGroupRegion=inputs.get("endpointGroupRegion") or client("ec2").meta.region_name,
        IdempotencyToken=uuid.uuid4().hex,
        **_group(inputs),
    )
    return made["EndpointGroup"]["EndpointGroupArn"]


def _group(inputs: Properties) -> dict[str, Any]:
    return {
        **{theirs: inputs[ours] for ours, theirs in _SETTINGS.items() if ours in inputs},
        "EndpointConfigurations": [
            {
                "EndpointId": each["endpointId"],
                **({"Weight": each["weight"]} if "weight" in each else {}),
                **(
                    {"ClientIPPreservationEnabled": each["clientIpPreservationEnabled"]}
                    if "clientIpPreservationEnabled" in each
                    else {}
                ),
            }
            for each in inputs.get("endpointConfigurations", [])
        ],
        "PortOverrides": [
            {"ListenerPort": each["listenerPort"], "EndpointPort": each["endpointPort"]}
            for each in inputs.get("portOverrides", [])
        ],
    }


def _describe_group(api: Api, id: str, state: Properties) -> Properties | None:
    found = api.describe_endpoint_group(EndpointGroupArn=id)["EndpointGroup"]
    given = {each["endpointId"]: each for each in state.get("endpointConfigurations", [])}
    endpoints = {each["EndpointId"]: _endpoint(each, given) for each in found["EndpointDescriptions"]}
    in_order = [endpoints[name] for name in (*given, *(endpoints.keys() - given.keys())) if name in endpoints]
    return {
        "arn": id,
        "endpointGroupRegion": found["EndpointGroupRegion"],
        "endpointConfigurations": in_order,
        "portOverrides": [
            {"listenerPort": each["ListenerPort"], "endpointPort": each["EndpointPort"]}
            for each in found["PortOverrides"]
        ],
        **{ours: found[theirs] for ours, theirs in _SETTINGS.items() if ours in state},
    }


def _endpoint(found: Properties, given: Properties) -> Properties:
    """An endpoint with what was said of it, as the API has it."""
    seen = {
        "endpointId": found["EndpointId"],
        "weight": found["Weight"],
        "clientIpPreservationEnabled": found["ClientIPPreservationEnabled"],
    }
    asked = given.get(found["EndpointId"], seen)
    return {name: value for name, value in seen.items() if name in asked}
