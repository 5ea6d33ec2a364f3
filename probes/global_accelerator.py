"""A probe of Global Accelerator. It checks what the API accepts, and in which order resources must be deleted. It also
checks which tags an IAM policy can use in conditions, and which alias records for accelerators Route 53 accepts.

AWS bills 2.5 cents for each hour or part of an hour of an accelerator (Global Accelerator pricing). An Elastic IP
address costs half a cent an hour (VPC pricing).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import EndpointConnectionError

from probes.aws import REGION, AwsAccount, Statement, allow, is_denied, refusal
from probes.fact import Fact, Probe
from probes.route53 import REFUSED, HostedZone

_OREGON = "us-west-2"
_HTTPS = [{"FromPort": 443, "ToPort": 443}]
_TAG = "environment"
# The hosted zone ID that alias records for any accelerator must name (Route 53 API Reference, "AliasTarget":
# HostedZoneId).
_ALIASES_ZONE = "Z2BJ6XQ5FK7U4H"


class _Accelerator:
    """An accelerator that the probe creates in the AWS account. The accelerator stays disabled."""

    def __init__(self, account: AwsAccount) -> None:
        self.api = account.client("globalaccelerator", region=_OREGON)
        name = account.name("accelerator")
        tags = [{"Key": _TAG, "Value": "probe"}]
        made = self.api.create_accelerator(Name=name, IdempotencyToken=name, Enabled=False, Tags=tags)["Accelerator"]
        self.arn, self.addresses = made["AcceleratorArn"], made["IpSets"][0]["IpAddresses"]
        self.name: str = made["DnsName"]
        self.token = name
        account.later(self.api.delete_accelerator, AcceleratorArn=self.arn)

    def listener(self, account: AwsAccount) -> str:
        made = self.api.create_listener(
            AcceleratorArn=self.arn, Protocol="TCP", PortRanges=_HTTPS, IdempotencyToken=self.token
        )
        account.later(self.api.delete_listener, ListenerArn=made["Listener"]["ListenerArn"])
        return made["Listener"]["ListenerArn"]


def _accelerator(account: AwsAccount) -> Iterator[Fact]:
    code = _answer_elsewhere(account)
    yield Fact("The API is not served in another region", code != "accepted", code)
    found = _Accelerator(account)
    api, listener = found.api, found.listener(account)
    yield Fact("An accelerator has two addresses", len(found.addresses) == 2, f"{len(found.addresses)} addresses")
    again: dict[str, Any] = {"AcceleratorArn": found.arn, "PortRanges": _HTTPS, "IdempotencyToken": f"{found.token}-2"}
    code = refusal(api.create_listener, Protocol="TCP", **again)
    yield Fact("A second listener for a port is refused", code == "InvalidPortRangeException", code)
    code = refusal(api.delete_accelerator, AcceleratorArn=found.arn)
    expected = "AssociatedListenerFoundException"
    yield Fact("An accelerator with a listener is not deleted", code == expected, code)
    group = {"ListenerArn": listener, "EndpointGroupRegion": "us-west-2", "IdempotencyToken": found.token}
    code = refusal(api.create_endpoint_group, HealthCheckIntervalSeconds=20, **group)
    yield Fact("Health checks come every 10 or 30 seconds", code == "InvalidArgumentException", code)
    address = _address(account)
    made = api.create_endpoint_group(**group)["EndpointGroup"]
    account.later(api.delete_endpoint_group, EndpointGroupArn=made["EndpointGroupArn"])
    code = refusal(api.create_endpoint_group, **{**group, "IdempotencyToken": f"{found.token}-2"})
    expected = "EndpointGroupAlreadyExistsException"
    yield Fact("A region has one endpoint group of a listener", code == expected, code)
    code = refusal(api.delete_listener, ListenerArn=listener)
    expected = "AssociatedEndpointGroupFoundException"
    yield Fact("A listener with an endpoint group is not deleted", code == expected, code)
    endpoint = {"EndpointId": address, "ClientIPPreservationEnabled": True}
    change = {"EndpointGroupArn": made["EndpointGroupArn"], "EndpointConfigurations": [endpoint]}
    code = refusal(api.update_endpoint_group, **change)
    text = "An Elastic IP address does not get the addresses of clients"
    yield Fact(text, code != "accepted", code)
    yield from _tags(account, listener, made["EndpointGroupArn"])
    yield from _aliases(account, found.name)


def _answer_elsewhere(account: AwsAccount) -> str:
    """Sends a request to Global Accelerator in a region other than us-west-2. Returns `accepted`, or the reason for the
    failure. AWS offers this API only in us-west-2. Other regions usually have no server for it.
    """
    try:
        return refusal(account.client("globalaccelerator", region=REGION).list_accelerators)
    except EndpointConnectionError:
        return "no server"


def _address(account: AwsAccount) -> str:
    """Allocates an Elastic IP address, and returns its allocation id. The address is released when the probe ends."""
    ec2 = account.client("ec2", region=_OREGON)
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    account.later(ec2.release_address, AllocationId=address)
    return address


def _aliases(account: AwsAccount, accelerator: str) -> Iterator[Fact]:
    """Checks how Route 53 treats alias records for accelerators. Yields one fact for each of three cases: an A alias of
    an existing accelerator is accepted, an AAAA alias of an accelerator without IPv6 addresses is refused, and an alias
    of a missing accelerator is refused. `accelerator` is the DNS name of an accelerator that has only IPv4 addresses.
    """
    zone, missing = HostedZone(account), "a0000000000000000.awsglobalaccelerator.com"
    for label, kind, name, verdict, text in (
        ("ipv4", "A", accelerator, "accepted", "A zone accepts an alias of an accelerator"),
        ("ipv6", "AAAA", accelerator, REFUSED, "A zone refuses an AAAA alias of an accelerator with IPv4 addresses"),
        ("missing", "A", missing, REFUSED, "A zone refuses an alias of an accelerator that does not exist"),
    ):
        target = {"HostedZoneId": _ALIASES_ZONE, "DNSName": name, "EvaluateTargetHealth": False}
        code = zone.create(label, kind, AliasTarget=target)
        yield Fact(text, code == verdict, code)


def _tags(account: AwsAccount, listener: str, group: str) -> Iterator[Fact]:
    """Probes whether an IAM policy condition on an accelerator's tag also applies to requests for its listener and its
    endpoint group. Yields one fact for each of the two, and one fact for a condition that the tag does not meet.
    """
    changes = ["globalaccelerator:UpdateListener", "globalaccelerator:UpdateEndpointGroup"]
    statements = [_allow_tagged(changes, "probe"), _allow_tagged(["globalaccelerator:DescribeListener"], "other")]
    api = account.as_role(statements)("globalaccelerator", region=_OREGON)
    code = refusal(api.update_listener, ListenerArn=listener, PortRanges=_HTTPS)
    yield Fact("A listener has the tags of its accelerator in conditions", code == "accepted", code)
    code = refusal(api.update_endpoint_group, EndpointGroupArn=group, HealthCheckIntervalSeconds=10)
    yield Fact("An endpoint group has the tags of its accelerator in conditions", code == "accepted", code)
    code = refusal(api.describe_listener, ListenerArn=listener)
    yield Fact("A condition on another value of the tag refuses the listener", is_denied(code), code)


def _allow_tagged(actions: list[str], value: str) -> Statement:
    return allow(actions, condition={"StringEquals": {f"aws:ResourceTag/{_TAG}": value}})


PROBES = (Probe("global-accelerator", "Global Accelerator API Reference", _accelerator),)
