"""What one account has of Global Accelerator, in the shapes of its API (AWS Global Accelerator API Reference)."""

from __future__ import annotations

import itertools
import secrets
import time
import uuid
from typing import Any, cast

from moto.core.base_backend import BackendDict, BaseBackend
from moto.core.exceptions import JsonRESTError
from moto.ec2.exceptions import InvalidInstanceIdError
from moto.ec2.models import ec2_backends
from moto.utilities.utils import PARTITION_NAMES

Shape = dict[str, Any]

_GROUP_DEFAULTS: Shape = {
    "HealthCheckIntervalSeconds": 30,
    "HealthCheckProtocol": "TCP",
    "PortOverrides": [],
    "ThresholdCount": 3,
    "TrafficDialPercentage": 100.0,
}
_WEIGHT = 128
_HOSTS = itertools.count(1)


class Refused(JsonRESTError):
    """One of the API's own exceptions, by its name."""

    code = 400


class AcceleratorBackend(BaseBackend):
    """Accelerators, listeners and endpoint groups by ARN; a child's ARN begins with its parent's."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.accelerators: dict[str, Shape] = {}
        self.listeners: dict[str, Shape] = {}
        self.groups: dict[str, Shape] = {}
        self.tags: dict[str, dict[str, str]] = {}

    def create_accelerator(self, asked: Shape) -> Shape:
        arn = f"arn:aws:globalaccelerator::{self.account_id}:accelerator/{uuid.uuid4()}"
        host, now = next(_HOSTS), time.time()
        self.tags[arn] = {tag["Key"]: tag["Value"] for tag in asked.get("Tags", [])}
        self.accelerators[arn] = {
            "AcceleratorArn": arn,
            "Name": asked["Name"],
            "IpAddressType": asked.get("IpAddressType", "IPV4"),
            "Enabled": asked.get("Enabled", True),
            # Nobody's: set aside for measurements (RFC 2544, appendix C.2.2).
            "IpSets": [{"IpFamily": "IPv4", "IpAddresses": [f"198.18.0.{host}", f"198.19.0.{host}"]}],
            "DnsName": f"a{secrets.token_hex(8)}.awsglobalaccelerator.com",
            "Status": "DEPLOYED",
            "CreatedTime": now,
            "LastModifiedTime": now,
        }
        return self.accelerators[arn]

    def accelerator(self, arn: str) -> Shape:
        return _known(self.accelerators, arn, "AcceleratorNotFoundException")

    def update_accelerator(self, asked: Shape) -> Shape:
        found = self.accelerator(asked["AcceleratorArn"])
        found.update({name: asked[name] for name in ("Name", "IpAddressType", "Enabled") if name in asked})
        return found

    def delete_accelerator(self, arn: str) -> None:
        if self.accelerator(arn)["Enabled"]:
            raise Refused("AcceleratorNotDisabledException", f"{arn} is enabled")
        if _below(self.listeners, arn):
            raise Refused("AssociatedListenerFoundException", f"{arn} has listeners")
        del self.accelerators[arn]
        self.tags.pop(arn, None)

    def create_listener(self, asked: Shape) -> Shape:
        self.accelerator(asked["AcceleratorArn"])
        arn = f"{asked['AcceleratorArn']}/listener/{secrets.token_hex(4)}"
        self.listeners[arn] = {
            "ListenerArn": arn,
            "PortRanges": asked["PortRanges"],
            "Protocol": asked.get("Protocol", "TCP"),
            "ClientAffinity": asked.get("ClientAffinity", "NONE"),
        }
        return self.listeners[arn]

    def listener(self, arn: str) -> Shape:
        return _known(self.listeners, arn, "ListenerNotFoundException")

    def update_listener(self, asked: Shape) -> Shape:
        found = self.listener(asked["ListenerArn"])
        found.update({name: asked[name] for name in ("PortRanges", "Protocol", "ClientAffinity") if name in asked})
        return found

    def delete_listener(self, arn: str) -> None:
        self.listener(arn)
        if _below(self.groups, arn):
            raise Refused("AssociatedEndpointGroupFoundException", f"{arn} has endpoint groups")
        del self.listeners[arn]

    def create_group(self, asked: Shape) -> Shape:
        listener, region = self.listener(asked["ListenerArn"]), asked["EndpointGroupRegion"]
        if any(group["EndpointGroupRegion"] == region for group in _below(self.groups, asked["ListenerArn"])):
            raise Refused("EndpointGroupAlreadyExistsException", f"the listener has a group in {region}")
        arn = f"{asked['ListenerArn']}/endpoint-group/{secrets.token_hex(6)}"
        port = {"HealthCheckPort": listener["PortRanges"][0]["FromPort"]}
        group = {"EndpointGroupArn": arn, "EndpointGroupRegion": region, **_GROUP_DEFAULTS, **port}
        self._configure(group, {"EndpointConfigurations": [], **asked})
        self.groups[arn] = group
        return group

    def group(self, arn: str) -> Shape:
        return _known(self.groups, arn, "EndpointGroupNotFoundException")

    def update_group(self, asked: Shape) -> Shape:
        found = self.group(asked["EndpointGroupArn"])
        self._configure(found, asked)
        return found

    def delete_group(self, arn: str) -> None:
        self.group(arn)
        del self.groups[arn]

    def _configure(self, group: Shape, asked: Shape) -> None:
        described = [
            self._endpoint(group["EndpointGroupRegion"], each) for each in asked.get("EndpointConfigurations", [])
        ]
        settings = (*_GROUP_DEFAULTS, "HealthCheckPort", "HealthCheckPath")
        group.update({name: asked[name] for name in settings if name in asked})
        if "EndpointConfigurations" in asked:
            group["EndpointDescriptions"] = described

    def _endpoint(self, region: str, asked: Shape) -> Shape:
        """Instances alone are emulated, and must be there; their client addresses are always preserved."""
        instance = asked["EndpointId"]
        if not instance.startswith("i-"):
            raise Refused("InvalidArgumentException", f"endpoint {instance} is no instance; others are not emulated")
        try:
            cast(Any, ec2_backends)[self.account_id][region].get_instance(instance)
        except InvalidInstanceIdError:
            raise Refused("EndpointNotFoundException", f"{region} has no instance {instance}") from None
        return {
            "EndpointId": instance,
            "Weight": asked.get("Weight", _WEIGHT),
            "HealthState": "INITIAL",
            "ClientIPPreservationEnabled": True,
        }


def _known(shapes: dict[str, Shape], arn: str, otherwise: str) -> Shape:
    if arn not in shapes:
        raise Refused(otherwise, f"{arn} does not exist")
    return shapes[arn]


def _below(shapes: dict[str, Shape], arn: str) -> list[Shape]:
    return [shape for child, shape in shapes.items() if child.startswith(f"{arn}/")]


globalaccelerator_backends = BackendDict(
    AcceleratorBackend, "globalaccelerator", use_boto3_regions=False, additional_regions=PARTITION_NAMES
)
