"""PoPs (points of presence) on machines of our own. They run NGINX, the edge worker in workerd, and Traffic Server as
L1, the cache at the edge (docs/decisions/own-pops.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi

from contract.regions import Cloud
from infra.edge import ShieldNode
from infra.machines.serving import ServingReports
from infra.machines.user_data import Architecture
from infra.network import Network
from infra.waf import WafArgs

# The networks from which clients connect to PoP machines.
EVERYONE = ("0.0.0.0/0",)


@dataclass(frozen=True)
class Place:
    """The coordinates of a PoP in degrees. The edge worker orders the shields (regional caches) by their distance from
    the PoP.
    """

    latitude: float
    longitude: float


@dataclass(frozen=True)
class Ports:
    """The TCP ports of a PoP machine. Only `https` is a public port. `proxied` is the port for Google's load balancer,
    which sends the address of the client with the PROXY protocol. All other ports are ports of the loopback address.

    `l1` is the port of Traffic Server, which is L1, the cache at the edge. `misses` is the port at which Traffic Server
    reaches the worker after a miss. `purges` is the port of the service that finds objects in L1 by their cache tags
    and removes them. `entitlements` is the port of the service that takes the place of Workers KV.
    """

    https: int = 443
    l1: int = 8081
    misses: int = 9100
    purges: int = 9101
    entitlements: int = 9102
    proxied: int = 8444


@dataclass(frozen=True)
class Directories:
    """The directories of a PoP machine.

    `etc` holds the configuration, `cache` the cache, and `log` the logs. `run` is in memory, and holds the secrets and
    the sockets.
    """

    etc: str = "/etc/artifact-edge"
    run: str = "/run/artifact-edge"
    cache: str = "/var/cache/artifact-edge"
    log: str = "/var/log/artifact-edge"


@dataclass(frozen=True)
class Sources:
    """The secrets, the certificate and the metadata table that a PoP machine reads with its IAM role.

    A machine on EC2 gets the role from its instance profile. `assumed_role` is the ARN of the role that a machine on
    Google Cloud assumes with an identity token of its service account. It is empty on EC2.

    Each of `regions` has the three secrets in AWS Secrets Manager, and a certificate for the hostname that clients
    connect to. The machine reads the secrets and the certificate in the first of these regions that answers. In each
    region, the Parameter Store parameter `certificate_parameter` holds the ARN of the region's certificate.
    `home_region` has the parameter in which the machine reports that it serves requests. `table` is the metadata table
    on DynamoDB. `table_regions` are the regions of the table's replicas, in the order of their distance from the PoP.
    """

    edge_secret: str
    metadata_api_secret: str
    purge_secret: str
    regions: Sequence[str]
    home_region: str
    certificate_parameter: str
    table: str
    table_regions: Sequence[str]
    assumed_role: str = ""


@dataclass(frozen=True)
class PopSettings:
    """The settings of one PoP machine on `cloud`.

    `environment` is the name of the stack, which the machine's metrics have as a dimension. `hostname` is the name that
    clients connect to. `serving_parameter` is the name of a Parameter Store parameter in
    the home region. The machine sets this parameter when it serves requests. `metadata_api` is the URL of the metadata
    API. `shield_authority` is the certificate, in PEM form, of the authority that issues the certificates of shields
    (regional caches). If `shield_authority` is None, public authorities issue these certificates. `network` lists the
    addresses that the edge worker may connect to, in the format of workerd's setting `allow`. `waf` configures the
    firewall in NGINX. NGINX ignores the autonomous systems and countries in `waf`, because it has no data about them.
    `memory` is the size of Traffic Server's RAM cache, such as `4G`. `front_ends` are the networks of a load balancer
    that connects to the port `proxied`. If there are none, NGINX does not listen on this port.
    """

    environment: str
    hostname: str
    shields: Sequence[ShieldNode]
    place: Place
    sources: Sources
    serving_parameter: str
    metadata_api: str = ""
    cloud: Cloud = "aws"
    reserved_python_names: Sequence[str] = ()
    architecture: Architecture = "amd64"
    processes: int = 4
    memory: str = "4G"
    network: str = "public"
    waf: WafArgs = field(default_factory=WafArgs)
    nginx_user: str = "www-data artifact-edge"
    shield_authority: str | None = None
    front_ends: Sequence[str] = ()
    ports: Ports = field(default_factory=Ports)
    directories: Directories = field(default_factory=Directories)


@dataclass(frozen=True)
class PopNode:
    """One machine of a PoP with its fixed address. `allocation_id` identifies the Elastic IP address in EC2. It is None
    for a machine on Google Cloud.
    """

    name: str
    region: str
    cloud: Cloud
    address: pulumi.Output[str]
    allocation_id: pulumi.Output[str] | None = None


def pop_name(region: str, number: int | str) -> str:
    """Returns the name of a PoP machine, which is unique in the stack."""
    return f"pop-{region}-{number}"


@dataclass(frozen=True)
class PopAddressesArgs:
    """Arguments of the component that creates the addresses of a PoP with `nodes` machines."""

    prefix: str
    region: str
    nodes: int


@dataclass(frozen=True)
class AcceleratedPop:
    """A PoP that clients reach through Global Accelerator. `instances` are the IDs of the PoP's machines on EC2.
    `traffic_dial` is a percentage from 0 to 100. If the PoP's region is the nearest region for a group of clients,
    Global Accelerator sends this percentage of the group to the PoP.
    """

    region: str
    instances: Sequence[pulumi.Input[str]]
    traffic_dial: int


@dataclass(frozen=True)
class AcceleratorArgs:
    """Arguments of the component that creates the accelerator in front of the PoPs."""

    prefix: str
    pops: Sequence[AcceleratedPop]


@dataclass(frozen=True)
class AcceleratorEntry:
    """The addresses of an accelerator: two IP addresses and a DNS name. `zone_id` is the hosted zone of this DNS name.
    An alias record on Route 53 needs both `dns_name` and `zone_id`.
    """

    addresses: Sequence[pulumi.Output[str]]
    dns_name: pulumi.Output[str]
    zone_id: pulumi.Output[str]


@dataclass(frozen=True)
class BalancerEntry:
    """The only address of Google's load balancer in front of the PoPs."""

    address: pulumi.Output[str]


@dataclass(frozen=True)
class PopArgs:
    """Arguments of the component that creates the machines of one PoP.

    `machine_type` is the cloud's name for a machine type with local NVMe disks. `identity` is the name of an instance
    profile on AWS, or the email of a service account on Google Cloud. `user_data` maps the name of each machine to the
    machine's user data. On AWS, the user data is compressed with gzip and encoded in base64.
    `serving` contains the names of the parameters in Parameter Store in which machines report that they are ready to
    serve clients. `shield_addresses` are the addresses of all shield machines (regional caches). The resources in
    `boots_after` must exist before a machine boots.
    """

    prefix: str
    region: str
    machine_type: str
    nodes: Sequence[PopNode]
    network: Network
    identity: pulumi.Input[str]
    user_data: Mapping[str, pulumi.Input[str]]
    serving: ServingReports
    shield_addresses: Sequence[pulumi.Input[str]]
    boots_after: Sequence[pulumi.Resource]
