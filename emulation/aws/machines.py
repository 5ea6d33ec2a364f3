"""Machines of the emulated EC2, as the rest of the emulated AWS sees them: by their addresses and by their roles."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from moto.ec2.models import ec2_backends

from emulation.layout import AWS_ACCOUNT_ID


@dataclass(frozen=True)
class Way:
    """How a request got to S3: condition keys, and the policy of the endpoint that it came through."""

    context: Mapping[str, str]
    policy: Mapping[str, Any] | None = None


def way_to_s3(address: str, bucket_region: str) -> Way:
    """A machine asks S3 of its own region through the gateway endpoint that its subnet's routes lead to, if there is
    one; all others come from their public addresses. Through an endpoint there is no such address (S3 User Guide,
    "Controlling access from VPC endpoints with bucket policies")."""
    for region, instance in _instances():
        if instance.public_ip == address and region == bucket_region:
            for endpoint in _endpoints(region, instance.subnet_id):
                policy: Any = endpoint.policy_document
                return Way({"aws:SourceVpce": endpoint.id}, json.loads(policy) if isinstance(policy, str) else policy)
    return Way({"aws:SourceIp": address})


def role_of_instance(instance_id: str) -> Any:
    """moto's role in the instance profile of a running machine; None where there is none."""
    for region, instance in _instances():
        if instance.id == instance_id:
            association = _backend(region).iam_instance_profile_associations.get(instance_id)
            return next(iter(association.iam_instance_profile.roles), None) if association else None
    return None


def _instances() -> Iterator[tuple[str, Any]]:
    """Those that run, with their regions."""
    for region in list(cast(Any, ec2_backends)[AWS_ACCOUNT_ID]):
        for instance in _backend(region).all_instances():
            if instance._state.name == "running":
                yield region, instance


def _endpoints(region: str, subnet: str) -> Iterator[Any]:
    """S3's gateway endpoints of a subnet."""
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
