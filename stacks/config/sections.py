"""Defines the sections of stack config as pydantic models, from which docs/configuration.md is generated."""

from __future__ import annotations

import re
from typing import Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from contract.pops import PopRouting
from contract.regions import Cloud
from infra.metadata.spanner import MULTI_REGIONS
from stacks.config.machine_types import NVME_OF_EC2, ec2_types, gce_types, pattern
from stacks.config.section import Section
from stacks.config.values import (
    ANY_REGION,
    CLOUD_OF_STORE,
    DOMAIN,
    Email,
    GcpRegion,
    Member,
    Name,
    NamePattern,
    PolicyArn,
    StoreRegion,
    TagValue,
    did_you_mean,
    distinct,
    known_region,
    listed,
    one_bucket,
    wrong,
)
from stacks.config.waf import Waf

# The maximum length of a stack's domain. The common name of a certificate has at most 64 characters (RFC 5280, appendix
# A.1). The common names of this stack's certificates are `packages.<domain>` and `*.shield.<domain>`.
_LONGEST_DOMAIN = 55
# The maximum length of the edge's zone. A domain name has at most 253 characters (RFC 1035, 2.3.4). The longest name in
# the zone is `artifact-edge-<stack name>.<zone>`.
_LONGEST_ZONE = 218


def _check_machine_type(name: str, cloud: Cloud | None) -> None:
    """Checks that a machine type of `cloud` exists and has local NVMe disks. `cloud` is None if the config names no
    known cloud.
    """
    if cloud == "aws":
        _check_ec2_type(name)
    if cloud == "gcp" and name not in gce_types():
        hint = did_you_mean(name, gce_types()) or "; use a type such as n2-standard-8 or c3-standard-8-lssd"
        raise wrong(f"{name!r} is not in the list of Google machine types with local SSDs{hint}")


def _check_ec2_type(name: str) -> None:
    """Checks that a machine type of EC2 exists and has local NVMe disks."""
    if name not in ec2_types():
        raise wrong(f"{name!r} is not an EC2 instance type{did_you_mean(name, ec2_types())}")
    if not NVME_OF_EC2.fullmatch(name):
        raise wrong(f"{name!r} has no NVMe disks of its own; use a type such as i4i.large, i3en.large or c6id.large")


def _domain_name(text: str, longest: int) -> str:
    if len(text) > longest:
        raise wrong(f"{text[:40]!r}… has {len(text)} characters; a domain name takes at most {longest} here")
    if not DOMAIN.fullmatch(text):
        other_script = "" if text.isascii() else "; write other scripts in ASCII, as in example.xn--p1ai"
        raise wrong(
            f"{text!r} is not a domain name; write it like packages.example.com, in small letters{other_script}"
        )
    return text


class Tags(Section):
    """The team that is responsible for the stack's resources, and the cost center that pays for them."""

    owner: TagValue = Field(description="team or address that is responsible for the stack; becomes tag `owner`")
    cost_center: TagValue = Field(description="cost center that pays; becomes tag `cost-center`")


class Blobs(Section):
    """The buckets that hold all published objects."""

    store: Literal["s3", "gcs"] = Field(
        description="S3 (one replicated bucket per region) or Cloud Storage (one bucket)"
    )
    regions: list[StoreRegion] = Field(
        min_length=1, description="regions of the buckets, the primary first; with `gcs` one, or two on one continent"
    )
    standby: list[GcpRegion] = Field(
        default_factory=list[GcpRegion],
        description="with `s3`: one or two regions of Google Cloud on one continent for a copy of all objects, which is"
        " brought up to date every hour; empty for no copy",
    )
    noncurrent_days: int = Field(
        30, ge=1, le=3650, description="days in which an overwritten or deleted object can be restored"
    )
    lock: Literal["none", "governance", "compliance"] = Field(
        "none",
        description="who may delete versions of objects before `lock_days` are over: everyone with the permission to"
        " delete (`none`), only those who may bypass the lock (`governance`), or nobody (`compliance`)",
    )
    lock_days: int = Field(30, ge=1, le=3650, description="days for which `lock` protects a version")
    access_log_days: int = Field(
        90, ge=1, le=3650, description="days for which the access logs of the buckets and of shields are kept"
    )

    @field_validator("regions")
    @classmethod
    def _check_regions(cls, regions: list[str], info: ValidationInfo) -> list[str]:
        distinct(regions)
        if info.data.get("store") == "gcs":
            one_bucket(regions)
        return regions

    @field_validator("standby")
    @classmethod
    def _check_standby(cls, regions: list[str], info: ValidationInfo) -> list[str]:
        distinct(regions)
        if regions and info.data.get("store") == "gcs":
            raise wrong(f"{listed(regions)} is a standby for Cloud Storage itself; use a standby with store 's3' only")
        if regions:
            one_bucket(regions)
        return regions


class Scaling(Section):
    """The lowest and the highest capacity that auto scaling may give to a provisioned DynamoDB table."""

    reads_from: int = Field(default=10, ge=1, le=40_000, description="fewest read units a second (one unit: 4 KB)")
    reads_to: int = Field(default=1_000, ge=1, le=40_000, description="most read units a second")
    writes_from: int = Field(default=10, ge=1, le=40_000, description="fewest write units a second (one unit: 1 KB)")
    writes_to: int = Field(default=500, ge=1, le=40_000, description="most write units a second")
    target: int = Field(
        default=70, ge=20, le=90, description="target utilization of the provisioned capacity, in percent"
    )

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        for kind, least, most in (
            ("reads", self.reads_from, self.reads_to),
            ("writes", self.writes_from, self.writes_to),
        ):
            if most < least:
                raise wrong(f"{kind}_to {most} is less than {kind}_from {least}; swap them")
        return self


class Metadata(Section):
    """The database of packages, versions, tags, tokens and grants."""

    store: Literal["dynamodb", "spanner"] = Field(description="DynamoDB (global table) or Spanner")
    regions: list[StoreRegion] = Field(
        min_length=1, description="regions of the replicas, the home region first; with `spanner` one, or a known pair"
    )
    capacity: Literal["on-demand", "provisioned"] = Field(
        "on-demand", description="with `dynamodb`: paid by request, or provisioned and scaled within `metadata.scaling`"
    )
    scaling: Scaling = Scaling()
    processing_units: int = Field(
        100,
        ge=100,
        le=100_000,
        description="with `spanner`: multiples of 100, and from 1000 on multiples of 1000 (one node each)",
    )
    operators: list[Member] = Field(
        [],
        description="with `spanner`: members who may read and write the database, such as `group:registry@example.com`",
    )

    @field_validator("regions")
    @classmethod
    def _check_regions(cls, regions: list[str], info: ValidationInfo) -> list[str]:
        distinct(regions)
        if info.data.get("store") == "spanner" and len(regions) > 1 and tuple(regions) not in MULTI_REGIONS:
            pairs = " or ".join(listed(pair) for pair in MULTI_REGIONS)
            raise wrong(f"{listed(regions)} is no multi-region of Spanner; use one region, or {pairs}")
        return regions

    @field_validator("operators")
    @classmethod
    def _check_operators_distinct(cls, operators: list[str]) -> list[str]:
        distinct(operators, "member")
        return operators

    @field_validator("processing_units")
    @classmethod
    def _check_processing_units(cls, units: int) -> int:
        step = 100 if units < 1_000 else 1_000
        if units % step:
            raise wrong(
                f"{units} is not a multiple of {step}; use {units // step * step} or {(units // step + 1) * step}"
            )
        return units


class Shield(Section):
    """The cache machines of one region."""

    cloud: Cloud = Field(description="cloud of the machines")
    region: str = Field(description="region of that cloud; one entry per region", json_schema_extra=ANY_REGION)
    machine_type: str = Field(
        description="machine type with local NVMe disks, such as `i4i.large` or `n2-standard-8`",
        json_schema_extra={"pattern": pattern()},
    )
    nodes: int = Field(ge=1, le=32, description="number of machines in the region")

    @field_validator("region")
    @classmethod
    def _check_region(cls, name: str, info: ValidationInfo) -> str:
        if "cloud" in info.data:
            known_region(name, info.data["cloud"])
        return name

    @field_validator("machine_type")
    @classmethod
    def _has_nvme(cls, name: str, info: ValidationInfo) -> str:
        _check_machine_type(name, info.data.get("cloud"))
        return name


class Pop(Section):
    """The machines of one PoP of our own. Such a PoP serves clients in addition to Cloudflare's PoPs."""

    cloud: Cloud = Field("aws", description="cloud of the machines")
    region: str = Field(
        description="region of that cloud; one entry per region, and no entry for no own PoPs",
        json_schema_extra=ANY_REGION,
    )
    machine_type: str = Field(
        description="machine type with local NVMe disks, such as `i4i.large` or `n2-standard-8`",
        json_schema_extra={"pattern": pattern()},
    )
    nodes: int = Field(ge=1, le=10, description="number of machines in the region")
    traffic_dial: int = Field(
        100,
        ge=0,
        le=100,
        description="with `pops_reached_by: global-accelerator`, percent of the clients nearest to the region that its"
        " PoP gets; other PoPs get the others. 0 drains the PoP. With `google-load-balancer`, 0 or 100",
    )
    bias: int = Field(
        0,
        ge=-99,
        le=99,
        description="with `pops_routing: geoproximity`, how much DNS shortens the distance between clients and the"
        " PoP, in percent; a negative value lengthens it",
    )

    @field_validator("region")
    @classmethod
    def _check_region(cls, name: str, info: ValidationInfo) -> str:
        if "cloud" in info.data:
            known_region(name, info.data["cloud"])
        return name

    @field_validator("machine_type")
    @classmethod
    def _has_nvme(cls, name: str, info: ValidationInfo) -> str:
        _check_machine_type(name, info.data.get("cloud"))
        return name


class Prediction(Section):
    """Prefetches of objects that clients will probably request next. Without this setting, nothing is prefetched."""

    requests: int = Field(
        20,
        ge=1,
        le=24,
        description="most prefetches after one request of a client, for which Cloudflare allows 32 calls of Workers; "
        "without the section `edge.prediction`, prediction is off",
    )
    in_flight: int = Field(16, ge=1, le=100, description="most prefetches of one isolate that run at the same time")
    megabytes: int = Field(64, ge=1, le=1024, description="most megabytes to prefetch after one request of a client")
    object_megabytes: int = Field(8, ge=1, le=512, description="size of the largest object that is prefetched")
    share: float = Field(
        1.0,
        gt=0,
        le=10,
        description="prefetches that may reach a shield for each request of a client, beyond a burst of 1,000",
    )


class Memory(Section):
    """Small immutable objects that the edge worker keeps in the memory of an isolate. Without this setting, the worker
    keeps no objects in memory.
    """

    megabytes: int = Field(
        8,
        ge=1,
        le=64,
        description="most megabytes of objects in the memory of one isolate, which has 128 MB for all it does; without "
        "the section `edge.memory`, the memory tier is off",
    )
    object_kilobytes: int = Field(16, ge=1, le=256, description="size of the largest object that an isolate keeps")


class Edge(Section):
    """The edge worker: its Cloudflare account, its zone, and its settings for reserved names, logs, prefetches and
    memory.
    """

    account_id: str = Field(
        description="Cloudflare account id: 32 hexadecimal digits", json_schema_extra={"pattern": "^[0-9a-f]{32}$"}
    )

    reserved_python_names: list[NamePattern] = Field(
        default_factory=list[str],
        description="patterns of Python projects that no other index may provide: a token without the grant gets 403, "
        "which stops uv; 404 for all other names lets clients go on to their next index",
    )

    log_sampling: float = Field(
        0.01,
        gt=0,
        le=1,
        description="fraction of requests whose logs Workers Logs keeps; Cloudflare bills each kept log event",
    )

    prediction: Prediction | None = Field(
        None, description="fetch what clients are expected to request next before they request it; off by default"
    )

    memory: Memory | None = Field(
        None, description="keep small immutable objects that clients request often in memory; off by default"
    )

    zone: str = Field(
        description="an active zone of the account, on any plan, that serves this stack alone; not the stack's domain",
        json_schema_extra={"pattern": f"^{DOMAIN.pattern}$"},
    )

    @field_validator("zone")
    @classmethod
    def _is_zone(cls, text: str) -> str:
        return _domain_name(text, _LONGEST_ZONE)

    @field_validator("reserved_python_names")
    @classmethod
    def _check_names_distinct(cls, names: list[str]) -> list[str]:
        distinct(names, "pattern")
        return names

    @field_validator("account_id")
    @classmethod
    def _check_account_id(cls, text: str) -> str:
        if not re.fullmatch(r"[0-9a-f]{32}", text):
            raise wrong(f"{text!r} is not a Cloudflare account id; it is 32 hexadecimal digits")
        return text


class Alerts(Section):
    """The recipients of alarms."""

    email: list[Email] = Field(
        default_factory=list[str], description="recipients of alarms; each address confirms a mail from SNS first"
    )

    @field_validator("email")
    @classmethod
    def _check_addresses_distinct(cls, email: list[str]) -> list[str]:
        distinct(email, "address")
        return email


# The names of the fields that a line of the shields' access log can have
# (infra/shield/machine/files/etc/artifact-edge/logging.yaml).
LogField = Literal[
    "time", "client", "method", "path", "range", "status", "bytes", "cache", "origin", "origin_status", "ms", "install"
]


class StackConfig(Section):
    """All settings of a stack in the config namespace `artifact-edge`."""

    name: Name = Field(
        description="name of your organization or product, 2 to 20 of a-z, 0-9 and -; part of the names of buckets,"
        " which are unique across all accounts"
    )
    name_in_buckets: bool = Field(
        True,
        description="`false` only for a stack whose buckets were created without `name`, because no bucket can be"
        " renamed",
    )
    domain: str = Field(
        description="the zone that the stack owns; clients use `packages.<domain>`",
        json_schema_extra={"pattern": f"^{DOMAIN.pattern}$"},
    )
    tags: Tags
    blobs: Blobs
    metadata: Metadata
    shields: list[Shield] = Field(min_length=1, description="one entry per shield region")
    shield_log_fields: list[LogField] = Field(
        default=["time", "method", "path", "status", "bytes", "cache", "ms"],
        description="what the bucket of access logs gets of each request to a shield, with `blobs.store: s3`; `client`"
        " is the address of a machine of the edge, never of a client; `install` is an id that requests of one principal"
        " share for ten minutes. Empty to keep the logs on the machines",
    )
    edge: Edge
    pops: list[Pop] = Field(
        default_factory=list[Pop], description="PoPs on machines of our own, one entry per region; empty for none"
    )
    pops_percent: int = Field(
        0,
        ge=0,
        le=100,
        description="percent of the clients that DNS leads to `pops` while both networks are healthy; Cloudflare gets"
        " the others. 0 drains the own PoPs, 100 drains Cloudflare",
    )
    pops_reached_by: Literal["addresses", "global-accelerator", "google-load-balancer"] = Field(
        "addresses",
        description="how clients reach `pops`: `addresses` by the machines' own addresses, of which DNS answers with"
        " the nearest healthy one; `global-accelerator` by two anycast addresses of AWS Global Accelerator, and"
        " `google-load-balancer` by one of Google Cloud's global load balancer; also by the machines' own addresses"
        " while the accelerator or the load balancer does not answer",
    )
    pops_routing: PopRouting = Field(
        "latency",
        description="how DNS chooses one of `pops` for a client: `latency` by the lowest latency that AWS has measured;"
        " `geolocation` by the client's continent, country or US state, each of which gets the nearest PoP;"
        " `geoproximity` by the distance and the `bias` of each PoP",
    )
    waf: Waf = Waf()
    alerts: Alerts = Alerts()
    protect: bool = Field(True, description="whether buckets, tables and zones are protected from deletion")
    allow_single_region: bool = Field(False, description="whether objects or metadata may be in one region only")

    permissions_boundary: PolicyArn = Field(
        "",
        description="ARN of the IAM policy that limits every IAM role of the stack, from the output `boundaries` of"
        " `bootstrap/`; the deploy role may create no role without it. Empty for a stack that no deploy role deploys",
    )

    @field_validator("domain")
    @classmethod
    def _is_name(cls, text: str) -> str:
        return _domain_name(text, _LONGEST_DOMAIN)

    def regions_kept_by(self, cloud: Cloud) -> list[str]:
        """Returns the regions of a cloud that hold objects or metadata, each region once."""
        kept = [section.regions for section in (self.blobs, self.metadata) if CLOUD_OF_STORE[section.store] == cloud]
        return list(dict.fromkeys(region for regions in kept for region in regions))

    @field_validator("shield_log_fields")
    @classmethod
    def _check_log_fields_distinct(cls, fields: list[LogField]) -> list[LogField]:
        distinct(fields, "field")
        return fields

    @field_validator("shields")
    @classmethod
    def _check_regions_distinct(cls, shields: list[Shield]) -> list[Shield]:
        distinct([shield.region for shield in shields])
        return shields

    @field_validator("pops")
    @classmethod
    def _check_pop_regions_distinct(cls, pops: list[Pop]) -> list[Pop]:
        distinct([pop.region for pop in pops])
        return pops
