"""Looks up machines of the emulated EC2 by their addresses and by their roles, for other services of the emulated
AWS.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from moto.ec2.models import ec2_backends

from emulation.layout import AWS_ACCOUNT_ID


@dataclass(frozen=True)
class NetworkPath:
    """The network path of a request to S3: through a VPC endpoint or from a public address.

    `context` has the values of the IAM condition keys that describe the path. `policy` is the policy of the VPC
    endpoint, or None if the request uses no endpoint.
    """

    context: Mapping[str, str]
    policy: Mapping[str, Any] | None = None


def path_to_s3(address: str, bucket_region: str) -> NetworkPath:
    """Returns the network path of a request from `address` to an S3 bucket: either through a VPC endpoint or from a
    public address.

    If the route table of a machine's subnet has a VPC endpoint, the machine reaches the S3 of its own region through
    this endpoint. A request through a VPC endpoint has no source address (S3 User Guide, "Controlling access from VPC
    endpoints with bucket policies"). All other requests come from a public address.
    """
    for region, instance in _instances():
        if instance.public_ip == address and region == bucket_region:
            for endpoint in _endpoints(region, instance.subnet_id):
                policy: Any = endpoint.policy_document
                return NetworkPath(
                    {"aws:SourceVpce": endpoint.id}, json.loads(policy) if isinstance(policy, str) else policy
                )
    return NetworkPath({"aws:SourceIp": address})


def role_of_instance(instance_id: str) -> Any:
    """Returns the IAM role in the instance profile of a running EC2 instance, or None if the instance has no role."""
    for region, instance in _instances():
        if instance.id == instance_id:
            association = _backend(region).iam_instance_profile_associations.get(instance_id)
            return next(iter(association.iam_instance_profile.roles), None) if association else None
    return None


def _instances() -> Iterator[tuple[str, Any]]:
    """Yields each running instance of the emulated EC2, together with its region."""
    for region in list(cast(Any, ec2_backends)[AWS_ACCOUNT_ID]):
        for instance in _backend(region).all_instances():
            if instance._state.name == "running":
                yield region, instance


def _endpoints(region: str, subnet: str) -> Iterator[Any]:
    """Yields the VPC endpoints for S3 that the route tables of an emulated subnet contain."""
    backend = _backend(region)
    tables = [
        table.id
        for table in list(backend.route_tables.values())
        if any(each.get("SubnetId") == subnet for each in table.associations)
    ]
    for endpoint in list(backend.vpc_end_points.values()):
        is_s3 = endpoint.service_name == f"com.amazonaws.{region}.s3" and endpoint.vpc_endpoint_type == "Gateway"
        if is_s3 and not set(tables).isdisjoint(endpoint.route_table_ids):
            yield endpoint


def _backend(region: str) -> Any:
    return cast(Any, ec2_backends)[AWS_ACCOUNT_ID][region]
