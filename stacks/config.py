"""Stack config: what it may say, and what is said to whoever gets it wrong.

Everything is checked before the first resource is registered, and all that is wrong is reported at once, one line each.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Annotated, Any, Literal, Self, get_args

import botocore.session
import pulumi
import pulumi.runtime.config as runtime_config
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from infra.blobs.gcs import DUAL_REGION_AREAS
from infra.metadata.spanner import MULTI_REGIONS
from infra.regions import REGIONS, Cloud

NAMESPACE = "artifact-edge"

_NVME_OF_EC2 = re.compile(r"(i[3-9]\w*|im\d+gn|is\d+gen|[cmrxz]\d+[a-z]*d[a-z]*)\.\w+")
"""Storage-optimized families, and those whose name has a `d` for local NVMe disks (EC2 User Guide, "Instance type
naming conventions")."""

_NVME_OF_GCE = re.compile(r"(n2d?|n1|a2|g2)-\w+-\d+|(c3d?|c4[ad]?|z3)-\w+-\d+-\w*lssd")
"""Series that local SSD can be attached to, and types that bring it along (Compute Engine, "About Local SSD disks")."""


_MAIL_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[a-z]{2,63}")

_MEMBER = re.compile(r"(user|group|serviceAccount):[^@\s]+@[^@\s]+|principal(Set)?://iam\.googleapis\.com/\S+")
"""Of Google Cloud, "IAM principal identifiers"; `allUsers` and whole domains are nobody's operators."""

_DOMAIN = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}")


class ConfigError(pulumi.RunError):
    """The stack's config cannot be used. One line for each thing that is wrong; Pulumi prints them without a trace."""


def _wrong(message: str) -> PydanticCustomError:
    return PydanticCustomError("artifact_edge", "{message}", {"message": message})


def _did_you_mean(given: str, accepted: Iterable[str]) -> str:
    close = get_close_matches(given, sorted(accepted), n=5)
    close.sort(key=lambda name: sorted(name) != sorted(given))  # swapped letters are the likeliest slip
    return f"; did you mean {close[0]!r}?" if close else ""


@cache
def _aws_regions() -> frozenset[str]:
    return frozenset(botocore.session.get_session().get_available_regions("ec2"))


@cache
def _ec2_types() -> frozenset[str]:
    shape: Any = botocore.session.get_session().get_service_model("ec2").shape_for("InstanceType")
    return frozenset(shape.enum)


def _known_region(name: str, cloud: Cloud) -> None:
    listed = {known.name for known in REGIONS.values() if known.cloud == cloud}
    if name in listed:
        return
    if cloud == "gcp":
        raise _wrong(f"{name!r} is not a Google Cloud region that we have coordinates of{_did_you_mean(name, listed)}")
    if name in _aws_regions():
        raise _wrong(f"{name!r} is an AWS region without coordinates; add it to infra/regions.py")
    raise _wrong(f"{name!r} is not an AWS region{_did_you_mean(name, listed)}")


def _region_of_store(name: str, info: ValidationInfo) -> str:
    """Blobs and metadata name their cloud by naming their store."""
    store = info.data.get("store")
    if store is not None:
        _known_region(name, CLOUD_OF_STORE[store])
    return name


CLOUD_OF_STORE: Mapping[str, Cloud] = {"s3": "aws", "dynamodb": "aws", "gcs": "gcp", "spanner": "gcp"}

_Editor = dict[str, Any]
"""What an editor is told of a value on top of its type; the program checks more, and says it better."""

_ANY_REGION: _Editor = {"enum": sorted(REGIONS)}

_GOOGLE = sorted(name for name, region in REGIONS.items() if region.cloud == "gcp")


def _region_of_google(name: str) -> str:
    _known_region(name, "gcp")
    return name


GcpRegion = Annotated[str, AfterValidator(_region_of_google), WithJsonSchema({"type": "string", "enum": _GOOGLE})]

StoreRegion = Annotated[str, AfterValidator(_region_of_store), WithJsonSchema({"type": "string", **_ANY_REGION})]


def _mail_address(text: str) -> str:
    if not _MAIL_ADDRESS.fullmatch(text):
        raise _wrong(f"{text!r} is not a mail address; write it like on-call@example.com")
    return text


Email = Annotated[
    str, AfterValidator(_mail_address), WithJsonSchema({"type": "string", "pattern": f"^{_MAIL_ADDRESS.pattern}$"})
]


def _member(text: str) -> str:
    if not _MEMBER.fullmatch(text):
        raise _wrong(f"{text!r} is nobody to Google Cloud's IAM; write it like group:registry@example.com")
    return text


Member = Annotated[
    str, AfterValidator(_member), WithJsonSchema({"type": "string", "pattern": f"^({_MEMBER.pattern})$"})
]


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
        _distinct(regions)
        if info.data.get("store") == "gcs":
            _one_bucket(regions)
        return regions

    @field_validator("standby")
    @classmethod
    def _elsewhere(cls, regions: list[str], info: ValidationInfo) -> list[str]:
        _distinct(regions)
        if regions and info.data.get("store") == "gcs":
            raise _wrong(f"{_list(regions)} would stand by for Cloud Storage itself; it is for store 's3'")
        if regions:
            _one_bucket(regions)
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
                raise _wrong(f"{kind}_to {most} is less than {kind}_from {least}; swap them")
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
        _distinct(regions)
        if info.data.get("store") == "spanner" and len(regions) > 1 and tuple(regions) not in MULTI_REGIONS:
            pairs = " or ".join(_list(pair) for pair in MULTI_REGIONS)
            raise _wrong(f"{_list(regions)} is no multi-region of Spanner; use one region, or {pairs}")
        return regions

    @field_validator("processing_units")
    @classmethod
    def _whole(cls, units: int) -> int:
        step = 100 if units < 1_000 else 1_000
        if units % step:
            raise _wrong(
                f"{units} is not a multiple of {step}; use {units // step * step} or {(units // step + 1) * step}"
            )
        return units


class Shield(_Section):
    """The cache machines of one region."""

    cloud: Cloud = Field(description="where the machines stand")
    region: str = Field(description="region of that cloud; one entry per region", json_schema_extra=_ANY_REGION)
    machine_type: str = Field(
        description="a type with NVMe disks of its own, e.g. `i4i.large` or `n2-standard-8`",
        json_schema_extra={"pattern": f"^({_NVME_OF_EC2.pattern}|{_NVME_OF_GCE.pattern})$"},
    )
    nodes: int = Field(ge=1, le=32, description="machines in the region")

    @field_validator("region")
    @classmethod
    def _exists(cls, name: str, info: ValidationInfo) -> str:
        if "cloud" in info.data:
            _known_region(name, info.data["cloud"])
        return name

    @field_validator("machine_type")
    @classmethod
    def _has_nvme(cls, name: str, info: ValidationInfo) -> str:
        cloud = info.data.get("cloud")
        if cloud == "aws" and name not in _ec2_types():
            raise _wrong(f"{name!r} is not an EC2 instance type{_did_you_mean(name, _ec2_types())}")
        if cloud == "aws" and not _NVME_OF_EC2.fullmatch(name):
            raise _wrong(
                f"{name!r} has no NVMe disks of its own; use a type such as i4i.large, i3en.large or c6id.large"
            )
        if cloud == "gcp" and not _NVME_OF_GCE.fullmatch(name):
            raise _wrong(f"{name!r} has no local SSD; use a type such as n2-standard-8 or c3-standard-8-lssd")
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
            raise _wrong(f"{text!r} is not a Cloudflare account id; it is 32 hexadecimal digits")
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
        json_schema_extra={"pattern": f"^{_DOMAIN.pattern}$"},
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
        if not _DOMAIN.fullmatch(text):
            raise _wrong(f"{text!r} is not a domain name; write it like packages.example.com, in small letters")
        return text

    def regions_kept_by(self, cloud: Cloud) -> list[str]:
        """Where objects or metadata are kept on that cloud, each region once."""
        kept = [section.regions for section in (self.blobs, self.metadata) if CLOUD_OF_STORE[section.store] == cloud]
        return list(dict.fromkeys(region for regions in kept for region in regions))

    @field_validator("shields")
    @classmethod
    def _once(cls, shields: list[Shield]) -> list[Shield]:
        _distinct([shield.region for shield in shields])
        return shields


@dataclass(frozen=True)
class Stack:
    """A stack whose config is right. `home_region` is AWS's default region, where the secrets between the tiers are."""

    environment: str
    home_region: str
    config: StackConfig


def load(environment: str, values: Mapping[str, Any], secret_keys: Collection[str] = ()) -> Stack:
    """The stack's config from all that Pulumi was given (`namespace:key` to text), or ConfigError."""
    problems = list(_problems_of_environment(environment, values))
    given = {key.removeprefix(f"{NAMESPACE}:"): _decoded(value) for key, value in values.items() if _is_ours(key)}
    try:
        config = StackConfig.model_validate(given)
    except ValidationError as error:
        problems += [_line(details, secret_keys) for details in error.errors(include_url=False)]
    else:
        problems += _problems_across(config, values)
        if not problems:
            return Stack(environment, str(values["aws:region"]), config)
    raise ConfigError("\n".join(problems))


def load_current() -> Stack:
    """The config of the stack that is being deployed."""
    values = runtime_config.CONFIG.get()
    return load(pulumi.get_stack(), values, [key for key in values if runtime_config.is_config_secret(key)])


def _is_ours(key: str) -> bool:
    return key.startswith(f"{NAMESPACE}:")


def _decoded(value: Any) -> Any:
    """Pulumi hands objects and lists over as JSON."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _problems_of_environment(environment: str, values: Mapping[str, Any]) -> Iterator[str]:
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,19}", environment):
        yield f"stack name: {environment!r} does not fit into names of buckets; use up to 20 of a-z, 0-9 and -"
    if "aws:region" not in values:
        yield _missing("aws:region")
    else:
        try:
            _known_region(str(values["aws:region"]), "aws")
        except PydanticCustomError as error:
            yield f"aws:region: {error.message()}"


def _problems_across(config: StackConfig, values: Mapping[str, Any]) -> Iterator[str]:
    for section, regions in (("blobs", config.blobs.regions), ("metadata", config.metadata.regions)):
        if len(regions) < 2 and not config.allow_single_region:
            yield (
                f"{NAMESPACE}:{section}.regions: {_list(regions)} is a single region; name a second one, or set"
                f" {NAMESPACE}:allow_single_region to true"
            )
    if config.blobs.store == "gcs":
        for number, shield in enumerate(config.shields):
            if shield.cloud != "gcp":
                yield (
                    f"{NAMESPACE}:shields[{number}].cloud: {shield.cloud!r} machines cannot read from Cloud Storage;"
                    f" use 'gcp', or {NAMESPACE}:blobs.store 's3'"
                )
    if config.blobs.store == "gcs":
        yield from _problems_of_soft_delete(config.blobs)
    elif config.blobs.lock == "compliance" and not config.protect:
        yield (
            f"{NAMESPACE}:blobs.lock: 'compliance' keeps what is published from deletion by anybody, and"
            f" {NAMESPACE}:protect false asks for a stack that can be destroyed; use 'governance', or protect true"
        )
    clouds = {shield.cloud for shield in config.shields} | {
        CLOUD_OF_STORE[store] for store in (config.blobs.store, config.metadata.store)
    }
    if config.blobs.standby:
        clouds.add("gcp")
    if "gcp" in clouds and "gcp:project" not in values:
        yield _missing("gcp:project")


def _problems_of_soft_delete(blobs: Blobs) -> Iterator[str]:
    """What Cloud Storage has in the place of a lock."""
    if blobs.lock == "compliance":
        yield (
            f"{NAMESPACE}:blobs.lock: 'compliance' would be a retention policy on Cloud Storage, under which documents"
            " cannot be replaced; use 'governance'"
        )
    if blobs.lock == "governance" and not 7 <= blobs.lock_days <= 90:
        yield f"{NAMESPACE}:blobs.lock_days: {blobs.lock_days} is not between 7 and 90, as soft delete asks for"


def _missing(key: str) -> str:
    return f"{key}: missing; set it with `pulumi config set --path '{key}' <value>`"


def _line(details: ErrorDetails, secret_keys: Collection[str]) -> str:
    """One of pydantic's findings in our words: the key, the value, what is accepted."""
    place = details["loc"]
    key = _key(place)
    value = "[secret]" if _key(place[:1]) in secret_keys else repr(details["input"])
    match details["type"]:
        case "artifact_edge":
            return f"{key}: {details['msg']}"
        case "missing":
            return _missing(key)
        case "extra_forbidden":
            accepted = _accepted_beside(place)
            hint = _did_you_mean(str(place[-1]), accepted) or f"; accepted: {', '.join(accepted)}"
            return f"{key}: unknown key{hint}"
        case "model_type" | "list_type":
            shape = "an object" if details["type"] == "model_type" else "a list"
            return f"{key}: {value} is not {shape}; set its parts with `pulumi config set --path '{key}…' <value>`"
        case _:
            message = details["msg"].replace("Input should be", "it should be")
            return f"{key}: {value} is not accepted; {message[:1].lower()}{message[1:]}"


def _key(place: Sequence[int | str]) -> str:
    """`artifact-edge:shields[1].region`, as `pulumi config set --path` takes it."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in place]
    return f"{NAMESPACE}:{''.join(parts).removeprefix('.')}"


def _accepted_beside(place: Sequence[int | str]) -> list[str]:
    """The keys that the section holding `place` takes."""
    section: type[BaseModel] = StackConfig
    for part in place[:-1]:
        if isinstance(part, str):
            section = _section_in(section.model_fields[part].annotation)
    return list(section.model_fields)


def _section_in(annotation: Any) -> type[BaseModel]:
    """The model that a field holds, be it alone or in a list."""
    return next((inner for inner in get_args(annotation)), annotation)


def _distinct(regions: Sequence[str]) -> None:
    for name in regions:
        if regions.count(name) > 1:
            raise _wrong(f"{name!r} is named twice; name each region once")


def _one_bucket(regions: Sequence[str]) -> None:
    """Whether Cloud Storage has a bucket that stands in exactly these."""
    continents = {REGIONS[name].continent for name in regions}
    if len(regions) > 2 or len(continents) > 1 or (len(regions) == 2 and not continents <= DUAL_REGION_AREAS.keys()):
        raise _wrong(f"{_list(regions)} is no dual-region; Cloud Storage takes one region, or two on one continent")


def _list(regions: Iterable[str]) -> str:
    return ", ".join(regions)
