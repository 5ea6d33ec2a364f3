"""The sections of stack config, as pydantic models; docs/configuration.md is made of them."""

from __future__ import annotations

import re
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from contract.regions import Cloud
from infra.metadata.spanner import MULTI_REGIONS
from stacks.config.values import (
    ANY_REGION,
    CLOUD_OF_STORE,
    DOMAIN,
    NVME_OF_EC2,
    NVME_OF_GCE,
    Email,
    GcpRegion,
    Member,
    StoreRegion,
    did_you_mean,
    distinct,
    ec2_types,
    known_region,
    listed,
    one_bucket,
    wrong,
)


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Tags(_Section):
    """Who answers for the resources, and who pays."""

    owner: str = Field(min_length=1, description="team or address that answers for the stack; tag `owner`")
    cost_center: str = Field(min_length=1, description="who pays; tag `cost-center`")


class Blobs(_Section):
    """The origin of all objects."""

    store: Literal["s3", "gcs"] = Field(
        description="S3 (a bucket per region, replicated) or Cloud Storage (one bucket)"
    )
    regions: list[StoreRegion] = Field(
        min_length=1, description="where copies are kept, the primary first; with `gcs` one, or two on one continent"
    )
    standby: list[GcpRegion] = Field(
        default_factory=list[GcpRegion],
        description="with `s3`: regions of Google Cloud, one or two on one continent, that keep a copy no older than an"
        " hour, for the day on which the account on AWS is lost; empty for none",
    )
    noncurrent_days: int = Field(
        30, ge=1, le=3650, description="days for which an overwritten or deleted object can be brought back"
    )
    lock: Literal["none", "governance", "compliance"] = Field(
        "none",
        description="whether versions of objects can be deleted before `lock_days`: by anybody with the right to"
        " (`none`), only by those with the right to bypass (`governance`), or by nobody at all (`compliance`)",
    )
    lock_days: int = Field(30, ge=1, le=3650, description="days for which `lock` holds")
    access_log_days: int = Field(90, ge=1, le=3650, description="days for which it is kept who asked for which object")

    @field_validator("regions")
    @classmethod
    def _placed(cls, regions: list[str], info: ValidationInfo) -> list[str]:
        distinct(regions)
        if info.data.get("store") == "gcs":
            one_bucket(regions)
        return regions

    @field_validator("standby")
    @classmethod
    def _elsewhere(cls, regions: list[str], info: ValidationInfo) -> list[str]:
        distinct(regions)
        if regions and info.data.get("store") == "gcs":
            raise wrong(f"{listed(regions)} would stand by for Cloud Storage itself; it is for store 's3'")
        if regions:
            one_bucket(regions)
        return regions


class Scaling(_Section):
    """Bounds between which a provisioned table follows its use."""

    reads_from: int = Field(
        default=10, ge=1, le=40_000, description="read units a second that are always there (one: 4 KB)"
    )
    reads_to: int = Field(default=1_000, ge=1, le=40_000, description="the most read units a second")
    writes_from: int = Field(
        default=10, ge=1, le=40_000, description="write units a second that are always there (one: 1 KB)"
    )
    writes_to: int = Field(default=500, ge=1, le=40_000, description="the most write units a second")
    target: int = Field(default=70, ge=20, le=90, description="percent of what is provisioned that are to be used")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        for kind, least, most in (
            ("reads", self.reads_from, self.reads_to),
            ("writes", self.writes_from, self.writes_to),
        ):
            if most < least:
                raise wrong(f"{kind}_to {most} is less than {kind}_from {least}; swap them")
        return self


class Metadata(_Section):
    """The database of packages, versions, tags, tokens and grants."""

    store: Literal["dynamodb", "spanner"] = Field(description="DynamoDB (global table) or Spanner")
    regions: list[StoreRegion] = Field(
        min_length=1, description="where replicas stand, the home region first; with `spanner` one, or a known pair"
    )
    capacity: Literal["on-demand", "provisioned"] = Field(
        "on-demand", description="of `dynamodb`: paid by request, or provisioned and scaled within `metadata.scaling`"
    )
    scaling: Scaling = Scaling()
    processing_units: int = Field(
        100, ge=100, le=100_000, description="of `spanner`: hundreds, from 1000 on thousands (a node each)"
    )
    operators: list[Member] = Field(
        [], description="of `spanner`: who may read and write the database, e.g. `group:registry@example.com`"
    )

    @field_validator("regions")
    @classmethod
    def _placed(cls, regions: list[str], info: ValidationInfo) -> list[str]:
        distinct(regions)
        if info.data.get("store") == "spanner" and len(regions) > 1 and tuple(regions) not in MULTI_REGIONS:
            pairs = " or ".join(listed(pair) for pair in MULTI_REGIONS)
            raise wrong(f"{listed(regions)} is no multi-region of Spanner; use one region, or {pairs}")
        return regions

    @field_validator("processing_units")
    @classmethod
    def _whole(cls, units: int) -> int:
        step = 100 if units < 1_000 else 1_000
        if units % step:
            raise wrong(
                f"{units} is not a multiple of {step}; use {units // step * step} or {(units // step + 1) * step}"
            )
        return units


class Shield(_Section):
    """The cache machines of one region."""

    cloud: Cloud = Field(description="where the machines stand")
    region: str = Field(description="region of that cloud; one entry per region", json_schema_extra=ANY_REGION)
    machine_type: str = Field(
        description="a type with NVMe disks of its own, e.g. `i4i.large` or `n2-standard-8`",
        json_schema_extra={"pattern": f"^({NVME_OF_EC2.pattern}|{NVME_OF_GCE.pattern})$"},
    )
    nodes: int = Field(ge=1, le=32, description="machines in the region")

    @field_validator("region")
    @classmethod
    def _exists(cls, name: str, info: ValidationInfo) -> str:
        if "cloud" in info.data:
            known_region(name, info.data["cloud"])
        return name

    @field_validator("machine_type")
    @classmethod
    def _has_nvme(cls, name: str, info: ValidationInfo) -> str:
        cloud = info.data.get("cloud")
        if cloud == "aws" and name not in ec2_types():
            raise wrong(f"{name!r} is not an EC2 instance type{did_you_mean(name, ec2_types())}")
        if cloud == "aws" and not NVME_OF_EC2.fullmatch(name):
            raise wrong(
                f"{name!r} has no NVMe disks of its own; use a type such as i4i.large, i3en.large or c6id.large"
            )
        if cloud == "gcp" and not NVME_OF_GCE.fullmatch(name):
            raise wrong(f"{name!r} has no local SSD; use a type such as n2-standard-8 or c3-standard-8-lssd")
        return name


class Edge(_Section):
    """The Cloudflare account that the edge worker runs in."""

    account_id: str = Field(
        description="Cloudflare account id: 32 hexadecimal digits", json_schema_extra={"pattern": "^[0-9a-f]{32}$"}
    )

    @field_validator("account_id")
    @classmethod
    def _looks_right(cls, text: str) -> str:
        if not re.fullmatch(r"[0-9a-f]{32}", text):
            raise wrong(f"{text!r} is not a Cloudflare account id; it is 32 hexadecimal digits")
        return text


class Alerts(_Section):
    """Who hears of faults."""

    email: list[Email] = Field(
        default_factory=list[str], description="who is told of alarms; each address confirms a mail from SNS first"
    )


class StackConfig(_Section):
    """All that a stack may say in the namespace `artifact-edge`."""

    domain: str = Field(
        description="the zone that the stack owns; clients use `packages.<domain>`",
        json_schema_extra={"pattern": f"^{DOMAIN.pattern}$"},
    )
    tags: Tags
    blobs: Blobs
    metadata: Metadata
    shields: list[Shield] = Field(min_length=1, description="one entry per shield region")
    edge: Edge
    alerts: Alerts = Alerts()
    protect: bool = Field(True, description="whether buckets, tables and zones refuse to be deleted")
    allow_single_region: bool = Field(False, description="whether blobs or metadata may stand in one region only")

    @field_validator("domain")
    @classmethod
    def _is_name(cls, text: str) -> str:
        if not DOMAIN.fullmatch(text):
            raise wrong(f"{text!r} is not a domain name; write it like packages.example.com, in small letters")
        return text

    def regions_kept_by(self, cloud: Cloud) -> list[str]:
        """Where objects or metadata are kept on that cloud, each region once."""
        kept = [section.regions for section in (self.blobs, self.metadata) if CLOUD_OF_STORE[section.store] == cloud]
        return list(dict.fromkeys(region for regions in kept for region in regions))

    @field_validator("shields")
    @classmethod
    def _once(cls, shields: list[Shield]) -> list[Shield]:
        distinct([shield.region for shield in shields])
        return shields
