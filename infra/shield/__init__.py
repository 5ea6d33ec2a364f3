"""The regional shield: machines with NVMe caches between the edge and the origin buckets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import pulumi

from contract.regions import Cloud
from contract.shields import host_suffix
from infra.blobs import Bucket
from infra.machines.serving import ServingReports
from infra.network import Network


@dataclass(frozen=True)
class AccessLog:
    """The S3 bucket that receives the access logs of shield machines (regional caches). `fields` lists the fields of
    each log line that the machines upload.
    """

    bucket: str
    region: str
    fields: Sequence[str]


@dataclass(frozen=True)
class BootSettings:
    """The settings that shield machines (regional caches) in all regions boot with: their buckets, their secret and
    their certificate.

    The first of `buckets` is the primary bucket. `secret_id` is the name of the machines' secret in AWS Secrets
    Manager. All machines can read this secret in each of the AWS regions `secret_regions`. A machine on AWS can also
    read the secret in the machine's own region. `certificate_parameter` is the Parameter Store parameter that holds the
    ARN of the machines' TLS certificate. Each of the AWS regions `certificate_regions` has such a parameter and
    certificate.

    `serving` has the name of one parameter in Parameter Store for each machine. When a machine has passed its health
    check after a boot, the machine writes its instance ID to its parameter.

    `standby` is a bucket to which the objects are copied once an hour. The standby can therefore lack the changes of
    the last hour. Machines read an object from the standby when none of the `buckets` answers. They do not read it from
    the standby when the `buckets` answer that the object does not exist. Only machines on Google Cloud can authenticate
    to the standby.

    `log` describes the bucket to which the machines upload their access logs. If `log` is None, the logs stay on the
    machines.
    """

    buckets: Sequence[Bucket]
    secret_id: str
    secret_regions: Sequence[str]
    certificate_regions: Sequence[str]
    certificate_parameter: str
    serving: ServingReports
    standby: Bucket | None = None
    log: AccessLog | None = None


@dataclass(frozen=True)
class ShieldArgs:
    """Arguments of the component that creates the shield machines (regional caches) of one region.

    `machine_type` is the cloud's name for a machine type with local NVMe disks. `identity` is the name of an instance
    profile on AWS, or the email of a service account on Google Cloud. `edge_addresses` are the networks from which the
    edge connects to the shields. `boot` holds the settings that machines in all regions share. `role_arn` is the
    machines' role on AWS. Machines on EC2 get this role from their instance profile, and machines on Google Cloud
    assume it. The user data contains the values of `boot` and `role_arn`. The resources in `boots_after` must exist
    before a machine boots.
    """

    prefix: str
    region: str
    machine_type: str
    nodes: int
    network: Network
    identity: pulumi.Input[str]
    edge_addresses: pulumi.Input[Sequence[str]]
    boot: BootSettings
    role_arn: pulumi.Input[str]
    boots_after: Sequence[pulumi.Resource]


@dataclass(frozen=True)
class Node:
    """One shield machine (a regional cache). `name` is `<region>-<n>` and is known before the machine exists."""

    name: str
    region: str
    cloud: Cloud
    address: pulumi.Output[str]


class Shield(Protocol):
    """The attributes of a shield component (regional caches on AWS or Google Cloud) that other components use."""

    nodes: Sequence[Node]


def node_names(region: str, nodes: int) -> list[str]:
    """Returns the names of a region's shield machines (regional caches). The name of a machine is the first label of
    the machine's host name.
    """
    return [f"{region}-{number}" for number in range(nodes)]


def host(node: Node, zone_name: str) -> str:
    """Returns the host name of a shield machine (a regional cache) in DNS. The machine's certificate is valid for this
    name.
    """
    return f"{node.name}{host_suffix(zone_name)}"
