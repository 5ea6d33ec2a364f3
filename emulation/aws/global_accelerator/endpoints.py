"""Checks and describes the endpoints of an endpoint group: EC2 instances and Elastic IP addresses.

Sources: Global Accelerator Developer Guide, "Requirements for resources added as accelerator endpoints" and
"Requirements for endpoints with client IP address preservation"; API Reference, "EndpointConfiguration".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from moto.ec2.models import ec2_backends

from contract.regions import ACCELERATED_REGIONS
from emulation.aws.global_accelerator.refusals import invalid, not_emulated

# The families of EC2 instance types, such as `m3`, whose instances cannot be endpoints of an accelerator.
_TOO_OLD = {"c1", "cc1", "cc2", "cg1", "cg2", "cr1", "cs1", "g1", "g2", "hi1", "hs1", "m1", "m2", "m3", "t1"}
_USUAL_WEIGHT = 128
# The states in which an EC2 instance cannot be added to an endpoint group.
_ENDED = ("shutting-down", "terminated")


def check_region(region: str) -> None:
    if region not in ACCELERATED_REGIONS:
        raise invalid(f"EndpointGroupRegion {region!r} is not a region of Global Accelerator")


def described(configurations: Sequence[Mapping[str, Any]], region: str, account: str) -> list[dict[str, Any]]:
    """Returns the descriptions of new endpoints in a region. Raises Refused for an endpoint that cannot be added."""
    ec2: Any = cast(Any, ec2_backends)[account][region]
    found: list[dict[str, Any]] = []
    for given in configurations:
        endpoint = given.get("EndpointId", "")
        if any(each["EndpointId"] == endpoint for each in found):
            raise invalid(f"{endpoint} is named twice")
        if given.get("AttachmentArn"):
            raise not_emulated("endpoints of other accounts (AttachmentArn)")
        found.append(
            {
                "EndpointId": endpoint,
                "Weight": given.get("Weight", _USUAL_WEIGHT),
                # INITIAL is the state of a new endpoint of an accelerator, which no health checker has checked yet.
                "HealthState": "INITIAL",
                "ClientIPPreservationEnabled": _preserves_address(endpoint, given, ec2, region),
            }
        )
    return found


def _preserves_address(endpoint: str, given: Mapping[str, Any], ec2: Any, region: str) -> bool:
    """Returns whether an endpoint sees the IP addresses of clients. An EC2 instance always does, and an Elastic IP
    address never does.
    """
    wanted = given.get("ClientIPPreservationEnabled")
    if endpoint.startswith("i-"):
        _check_instance(endpoint, ec2, region)
        if wanted is False:
            raise invalid(f"{endpoint} is an instance, which always gets the addresses of clients")
        return True
    if endpoint.startswith("eipalloc-"):
        if all(each.allocation_id != endpoint for each in cast("list[Any]", ec2.addresses)):
            raise invalid(f"{endpoint} does not exist in {region}")
        if wanted:
            raise invalid(f"{endpoint} is an Elastic IP address, which cannot get the addresses of clients")
        return False
    raise not_emulated(f"the endpoint {endpoint!r}; only EC2 instances and Elastic IP addresses are")


def _check_instance(id: str, ec2: Any, region: str) -> None:
    """Refuses an EC2 instance as an endpoint if the instance does not exist, if its type is too old, or if its VPC has
    no internet gateway.
    """
    instances = {each.id: each for each in cast("list[Any]", ec2.all_instances())}
    instance = instances.get(id)
    if instance is None or instance.state in _ENDED:
        raise invalid(f"{id} is no active instance in {region}")
    if instance.instance_type.partition(".")[0] in _TOO_OLD:
        raise invalid(f"{id} has the type {instance.instance_type}, which cannot be an endpoint")
    gateways: list[Any] = list(ec2.internet_gateways.values())
    if all(gateway.vpc is None or gateway.vpc.id != instance.vpc_id for gateway in gateways):
        raise invalid(f"the VPC {instance.vpc_id} of {id} has no internet gateway")
