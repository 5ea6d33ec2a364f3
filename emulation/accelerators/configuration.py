"""Reads the accelerators of a sandbox (a set of emulated clouds) with their listeners, endpoint groups and endpoints,
through the APIs of the emulated AWS.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import boto3

from emulation.dns.health import Check

# The only region that serves the API of Global Accelerator.
_API_REGION = "us-west-2"


@dataclass(frozen=True)
class Endpoint:
    """A server to which an accelerator forwards connections.

    An endpoint is an Elastic IP address or an EC2 instance. `address` is the Elastic IP address or the instance's
    public IP address. Emulated machines have no private addresses. `address` is empty while the instance does not run.
    `preserves_address` states whether the server sees the addresses of clients.
    """

    id: str
    address: str
    weight: int
    preserves_address: bool
    check: Check


@dataclass(frozen=True)
class EndpointGroup:
    """An endpoint group: the endpoints of an accelerator's listener in one region. `dial` is the group's traffic dial
    in percent.
    """

    region: str
    dial: float
    endpoints: tuple[Endpoint, ...]


@dataclass(frozen=True)
class Listener:
    """A listener of an enabled accelerator. The listener accepts TCP connections at each address in `addresses` and
    each port in `ports`.

    With `by_client`, the listener's client affinity is SOURCE_IP: all connections of one client address go to one
    endpoint.
    """

    arn: str
    addresses: tuple[str, ...]
    ports: tuple[int, ...]
    by_client: bool
    groups: tuple[EndpointGroup, ...]


@dataclass(frozen=True)
class Configuration:
    """The listeners of Global Accelerator that a sandbox (a set of emulated clouds) serves. `refused` lists the
    listeners that the emulation does not support, with the reasons.
    """

    listeners: tuple[Listener, ...] = ()
    refused: tuple[str, ...] = ()


class Accelerators:
    """Reads the configuration of all accelerators from the emulated AWS at `url`. Without `url`, calls the emulated
    APIs in this process. The reader does not use the AWS credentials in the environment. Each read blocks the calling
    thread.
    """

    def __init__(self, url: str | None = None) -> None:
        self._url = url
        self._session = boto3.Session(aws_access_key_id="local", aws_secret_access_key="local")  # noqa: S106
        self._clients: dict[tuple[str, str], Any] = {}

    def read(self) -> Configuration:
        """Reads the current configuration of Global Accelerator. Raises botocore's errors when the emulated AWS does
        not answer.
        """
        listeners: list[Listener] = []
        refused: list[str] = []
        for accelerator in self._list("list_accelerators", "Accelerators"):
            if not accelerator["Enabled"]:
                continue
            addresses = tuple(address for each in accelerator["IpSets"] for address in each["IpAddresses"])
            for raw in self._list("list_listeners", "Listeners", AcceleratorArn=accelerator["AcceleratorArn"]):
                if reason := _unsupported(raw):
                    refused.append(f"{raw['ListenerArn']}: not emulated: {reason}")
                else:
                    listeners.append(self._listener(raw, addresses))
        return Configuration(tuple(listeners), tuple(refused))

    def _listener(self, raw: Mapping[str, Any], addresses: tuple[str, ...]) -> Listener:
        groups = self._list("list_endpoint_groups", "EndpointGroups", ListenerArn=raw["ListenerArn"])
        return Listener(
            raw["ListenerArn"],
            addresses,
            tuple(each["FromPort"] for each in raw["PortRanges"]),
            raw["ClientAffinity"] == "SOURCE_IP",
            tuple(self._group(group) for group in groups),
        )

    def _group(self, raw: Mapping[str, Any]) -> EndpointGroup:
        region = raw["EndpointGroupRegion"]
        descriptions: Sequence[Mapping[str, Any]] = raw["EndpointDescriptions"]
        addresses = self._addresses(region, [each["EndpointId"] for each in descriptions])
        endpoints = tuple(
            Endpoint(
                each["EndpointId"],
                addresses.get(each["EndpointId"], ""),
                each["Weight"],
                each["ClientIPPreservationEnabled"],
                _check(raw, each["EndpointId"], addresses.get(each["EndpointId"], "")),
            )
            for each in descriptions
        )
        return EndpointGroup(region, float(raw["TrafficDialPercentage"]), endpoints)

    def _addresses(self, region: str, ids: Sequence[str]) -> dict[str, str]:
        """Returns the public addresses of the EC2 instances and Elastic IP addresses with the given ids. An instance
        without an address is missing in the result.
        """
        ec2 = self._client("ec2", region)
        instances = [each for each in ids if each.startswith("i-")]
        elastic = [each for each in ids if not each.startswith("i-")]
        found: dict[str, str] = {}
        if instances:
            filters = [
                {"Name": "instance-id", "Values": instances},
                {"Name": "instance-state-name", "Values": ["running"]},
            ]
            for page in ec2.get_paginator("describe_instances").paginate(Filters=filters):
                running = [each for reservation in page["Reservations"] for each in reservation["Instances"]]
                found |= {each["InstanceId"]: each.get("PublicIpAddress", "") for each in running}
        if elastic:
            filters = [{"Name": "allocation-id", "Values": elastic}]
            described = ec2.describe_addresses(Filters=filters)["Addresses"]
            found |= {each["AllocationId"]: each["PublicIp"] for each in described}
        return found

    def _list(self, operation: str, members: str, **arguments: str) -> Iterator[Mapping[str, Any]]:
        pages = self._client("globalaccelerator", _API_REGION).get_paginator(operation).paginate(**arguments)
        return (each for page in pages for each in page[members])

    def _client(self, service: str, region: str) -> Any:
        if (service, region) not in self._clients:
            made = cast(Any, self._session).client(service, region_name=region, endpoint_url=self._url)
            self._clients[service, region] = made
        return self._clients[service, region]


def _unsupported(raw: Mapping[str, Any]) -> str:
    """Returns a description of the listener setting that the emulation does not support, or an empty string if it
    supports all settings of the listener.
    """
    if raw["Protocol"] != "TCP":
        return f"listeners for {raw['Protocol']}"
    if any(each["FromPort"] != each["ToPort"] for each in raw["PortRanges"]):
        return "ranges of more than one port"
    return ""


def _check(group: Mapping[str, Any], endpoint: str, address: str) -> Check:
    """Returns the health check of an endpoint, with the settings of its endpoint group.

    Health checkers of Route 53 send the requests (Developer Guide, "Changing health check options"). A new endpoint is
    not healthy before it has passed health checks. The guide does not say how many, so the emulation uses the threshold
    of the endpoint group.
    """
    return Check(
        id=f"{group['EndpointGroupArn']} {endpoint}",
        type=group["HealthCheckProtocol"],
        address=address,
        port=group["HealthCheckPort"],
        path=group.get("HealthCheckPath", "/"),
        interval=float(group["HealthCheckIntervalSeconds"]),
        failures=group["ThresholdCount"],
        starts_healthy=False,
    )
