"""Loads and checks a stack's config, and reports all mistakes in it."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import pulumi
import pulumi.runtime.config as runtime_config
from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from contract.regions import ACCELERATED_REGIONS
from contract.secrets import PROJECT, SecretName, secret_id
from infra.shield.user_data import MOST_ORIGINS
from stacks.config.bucket_names import bucket_prefix, problems_of_buckets
from stacks.config.messages import NAMESPACE, line, missing
from stacks.config.name_lengths import problems_of_names
from stacks.config.pop_routing import problems_of_routing
from stacks.config.sections import StackConfig
from stacks.config.values import CLOUD_OF_STORE, PROJECT_ID, known_region, listed
from stacks.config.waf import problems_of_waf


class ConfigError(pulumi.RunError):
    """Raised when the stack's config is invalid. The message has one line for each mistake, and Pulumi prints no stack
    trace.
    """


@dataclass(frozen=True)
class Stack:
    """A stack with a valid config.

    `home_region` is the default AWS region in the config. The secrets of the edge and of the shields (regional caches)
    are in this region.
    """

    environment: str
    home_region: str
    config: StackConfig

    @property
    def prefix(self) -> str:
        """The prefix of the names of the stack's resources. Only bucket names have another prefix."""
        return f"{PROJECT}-{self.environment}"

    @property
    def bucket_prefix(self) -> str:
        """The prefix of the names of the stack's buckets. Bucket names must be unique among all accounts of a cloud."""
        return bucket_prefix(self.environment, self.config)

    @property
    def secret_regions(self) -> list[str]:
        """The AWS regions in which Secrets Manager has the secret of the shields (regional caches). They are the home
        region, each other region that holds objects or metadata, and each region with shields on AWS. The home region
        has the original of the secret. The other regions have replicas.
        """
        shields = {shield.region for shield in self.config.shields if shield.cloud == "aws"}
        return [self.home_region, *sorted({*self.common_secret_regions, *shields} - {self.home_region})]

    @property
    def common_secret_regions(self) -> list[str]:
        """The AWS regions in which a machine of a shield (a regional cache) can read the shields' secret. They are the
        home region, and the regions that hold objects or metadata. The user data of every shield machine lists these
        regions.

        Regions that have only shields are not in this list. Otherwise the first shield in such a region would change
        the user data of all shield machines, and Pulumi would replace all these machines.
        """
        return list(dict.fromkeys([self.home_region, *self.config.regions_kept_by("aws")]))

    @property
    def certificate_regions(self) -> list[str]:
        """The AWS regions with a certificate of the shields (regional caches). They are the home region, and a second
        region if objects or metadata are in several regions.

        A third certificate would cost as much as each of the other two, and would seldom help. A new shield machine
        gets no certificate only if both regions fail at once.
        """
        return self.common_secret_regions[:2]

    @property
    def pop_secret_regions(self) -> list[str]:
        """The AWS regions in which Secrets Manager has the secrets of PoP machines. The home region has the originals,
        and each further region with a PoP on AWS has replicas. If the stack has PoPs on Google Cloud, the regions in
        `google_pop_secret_regions` have replicas as well.
        """
        on_aws = {pop.region for pop in self.config.pops if pop.cloud == "aws"}
        on_google = self.google_pop_secret_regions if any(pop.cloud == "gcp" for pop in self.config.pops) else []
        return [self.home_region, *sorted({*on_aws, *on_google} - {self.home_region})]

    @property
    def google_pop_secret_regions(self) -> list[str]:
        """The AWS regions in which a PoP machine on Google Cloud reads its secrets and its certificate. They are the
        home region, and a second region if objects or metadata are in several regions.
        """
        return self.certificate_regions

    def secret(self, name: SecretName) -> str:
        """Returns the full name of one of the stack's secrets in AWS Secrets Manager."""
        return secret_id(self.environment, name)

    @property
    def hostname(self) -> str:
        """The hostname that clients connect to for packages."""
        return f"packages.{self.config.domain}"

    @property
    def url(self) -> str:
        return f"https://{self.hostname}"

    @property
    def kms_deletion_window_days(self) -> int:
        """The deletion window of the stack's KMS keys, in days. Protected stacks have the longest window that KMS
        allows, 30 days. Other stacks have the shortest one, 7 days.
        """
        return 30 if self.config.protect else 7


def load(environment: str, values: Mapping[str, Any], secret_keys: Collection[str] = ()) -> Stack:
    """Returns the stack with its checked config.

    `values` maps each config key, in the form `namespace:key`, to a string, as Pulumi passes the config. Raises
    ConfigError when the config is invalid.
    """
    problems = list(_problems_of_environment(environment, values))
    given = {key.removeprefix(f"{NAMESPACE}:"): _decoded(value) for key, value in values.items() if _is_ours(key)}
    try:
        config = StackConfig.model_validate(given)
    except ValidationError as error:
        problems += [line(details, secret_keys) for details in error.errors(include_url=False)]
    else:
        hidden = [text for key in secret_keys for text in _texts_in(_decoded(values.get(key)))]
        problems += (_without(hidden, problem) for problem in _problems_across(environment, config, values))
        if not problems:
            return Stack(environment, str(values["aws:region"]), config)
    raise ConfigError("\n".join(problems))


def load_current() -> Stack:
    """Returns the stack that Pulumi deploys, with its checked config. Raises ConfigError when the config is invalid."""
    values = runtime_config.CONFIG.get()
    return load(pulumi.get_stack(), values, [key for key in values if runtime_config.is_config_secret(key)])


def _is_ours(key: str) -> bool:
    return key.startswith(f"{NAMESPACE}:")


def _decoded(value: Any) -> Any:
    """Returns a config value as a Python value. Pulumi passes an object or a list as JSON, and the function decodes
    this JSON.
    """
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _texts_in(value: Any) -> Iterator[str]:
    """Yields each string in a stack's config value, at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        inner: Collection[Any] = cast(Any, value).values() if isinstance(value, dict) else cast(Any, value)
        for each in inner:
            yield from _texts_in(each)


def _without(hidden: Collection[str], problem: str) -> str:
    """Returns an error message with `[secret]` in place of each secret value of the config."""
    for text in hidden:
        problem = problem.replace(repr(text), "[secret]")
    return problem


def _problems_of_environment(environment: str, values: Mapping[str, Any]) -> Iterator[str]:
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,19}", environment):
        yield f"stack name: {environment!r} does not fit into names of buckets; use up to 20 of a-z, 0-9 and -"
    if "aws:region" not in values:
        yield missing("aws:region")
    else:
        try:
            known_region(str(values["aws:region"]), "aws")
        except PydanticCustomError as error:
            yield f"aws:region: {error.message()}"


def _problems_across(environment: str, config: StackConfig, values: Mapping[str, Any]) -> Iterator[str]:
    for section, regions in (("blobs", config.blobs.regions), ("metadata", config.metadata.regions)):
        if len(regions) < 2 and not config.allow_single_region:
            yield (
                f"{NAMESPACE}:{section}.regions: {listed(regions)} is a single region; name a second one, or set"
                f" {NAMESPACE}:allow_single_region to true"
            )
    if config.blobs.store == "gcs":
        for number, shield in enumerate(config.shields):
            if shield.cloud != "gcp":
                yield (
                    f"{NAMESPACE}:shields[{number}].cloud: {shield.cloud!r} machines cannot read from Cloud Storage;"
                    f" use 'gcp', or {NAMESPACE}:blobs.store 's3'"
                )
    yield from _problems_of_origins(config)
    yield from _problems_of_pops(config)
    yield from _problems_of_zone(config)
    yield from problems_of_buckets(environment, config)
    yield from problems_of_names(environment, config)
    yield from (f"{NAMESPACE}:{problem}" for problem in problems_of_waf(config.waf, bool(config.pops)))
    if config.blobs.lock == "compliance" and not config.protect:
        yield (
            f"{NAMESPACE}:blobs.lock: 'compliance' prevents every deletion of published objects, but"
            f" {NAMESPACE}:protect false is for a stack that can be destroyed; use 'governance', or protect true"
        )
    clouds = {machines.cloud for machines in (*config.shields, *config.pops)} | {
        CLOUD_OF_STORE[store] for store in (config.blobs.store, config.metadata.store)
    }
    if config.blobs.standby:
        clouds.add("gcp")
    if "gcp" in clouds and "gcp:project" not in values:
        yield missing("gcp:project")
    elif "gcp" in clouds and not PROJECT_ID.fullmatch(str(values["gcp:project"])):
        yield (
            f"gcp:project: {str(values['gcp:project'])!r} is not a project id; use 6 to 30 of a-z, 0-9 and -, with a"
            " letter first"
        )


def _problems_of_origins(config: StackConfig) -> Iterator[str]:
    """Yields an error message if a shield (a regional cache) would have to read from more origin buckets than it
    supports.

    Every shield reads from all S3 buckets. A shield on Google Cloud also reads from the standby bucket.
    """
    spare = bool(config.blobs.standby) and any(shield.cloud == "gcp" for shield in config.shields)
    most, regions = MOST_ORIGINS - spare, config.blobs.regions
    if config.blobs.store == "s3" and len(regions) > most:
        yield (
            f"{NAMESPACE}:blobs.regions: {listed(regions)} are {len(regions)}; a shield reads from at most"
            f" {MOST_ORIGINS} buckets{', the standby among them' if spare else ''}, so name up to {most}"
        )


def _problems_of_pops(config: StackConfig) -> Iterator[str]:
    """Yields an error message for each object store or database in the config that our own PoPs cannot read. Also
    yields an error message if `pops_percent` directs clients to our own PoPs, but `pops` is empty.

    Our own PoPs get the edge worker from S3, through the shields, and entitlements from DynamoDB
    (docs/decisions/own-pops.md).
    """
    for section, store, needed in (
        ("blobs", config.blobs.store, "s3"),
        ("metadata", config.metadata.store, "dynamodb"),
    ):
        if config.pops and store != needed:
            yield (
                f"{NAMESPACE}:pops: own PoPs do not work with {NAMESPACE}:{section}.store {store!r};"
                f" use {needed!r}, or leave {NAMESPACE}:pops out"
            )
    if config.pops_percent and not config.pops:
        yield (
            f"{NAMESPACE}:pops_percent: {config.pops_percent} percent of the clients cannot be led to own PoPs, because"
            f" {NAMESPACE}:pops is empty; use 0, or add PoPs first"
        )
    yield from problems_of_routing(config)
    yield from _problems_of_accelerator(config)


def _problems_of_accelerator(config: StackConfig) -> Iterator[str]:
    """Yields an error message for each config value that contradicts the setting `pops_reached_by`. Some values have no
    effect without Global Accelerator. Others are not possible with it, or with Google's load balancer.
    """
    if config.pops_reached_by == "addresses":
        yield from (
            f"{NAMESPACE}:pops[{number}].traffic_dial: {pop.traffic_dial} has no effect on DNS; use 100, or"
            f" {NAMESPACE}:pops_reached_by 'global-accelerator'"
            for number, pop in enumerate(config.pops)
            if pop.traffic_dial != 100
        )
        return
    if not config.pops:
        yield (
            f"{NAMESPACE}:pops_reached_by: {config.pops_reached_by!r} cannot lead clients to own PoPs, because"
            f" {NAMESPACE}:pops is empty; use 'addresses', or add PoPs first"
        )
    elif not any(pop.traffic_dial for pop in config.pops):
        yield (
            f"{NAMESPACE}:pops[].traffic_dial: 0 at all PoPs leaves no PoP for the clients; to drain the own PoPs, set"
            f" {NAMESPACE}:pops_percent to 0"
        )
    if config.pops_reached_by == "google-load-balancer":
        yield from _problems_of_balancer(config)
        return
    for number, pop in enumerate(config.pops):
        if pop.cloud != "aws":
            yield (
                f"{NAMESPACE}:pops[{number}].cloud: Global Accelerator has no endpoints on {pop.cloud!r}; use 'aws', or"
                f" {NAMESPACE}:pops_reached_by 'addresses'"
            )
        elif pop.region not in ACCELERATED_REGIONS:
            yield (
                f"{NAMESPACE}:pops[{number}].region: Global Accelerator has no endpoints in {pop.region!r}; use another"
                f" region, or {NAMESPACE}:pops_reached_by 'addresses'"
            )


def _problems_of_balancer(config: StackConfig) -> Iterator[str]:
    """Yields an error message for each PoP that Google's load balancer cannot lead clients to as configured."""
    for number, pop in enumerate(config.pops):
        if pop.cloud != "gcp":
            yield (
                f"{NAMESPACE}:pops[{number}].cloud: Google's load balancer has no backends on {pop.cloud!r}; use 'gcp',"
                f" or {NAMESPACE}:pops_reached_by 'addresses'"
            )
        if pop.traffic_dial not in (0, 100):
            yield (
                f"{NAMESPACE}:pops[{number}].traffic_dial: Google's load balancer has no share of"
                f" {pop.traffic_dial} percent; use 100, or 0 to drain the PoP"
            )


def _problems_of_zone(config: StackConfig) -> Iterator[str]:
    """Yields an error message if the edge's Cloudflare zone and the stack's domain overlap.

    Cloudflare does not accept a custom hostname that belongs to the zone itself. Furthermore, if a worker sends a
    request to a name in a zone of its own account, Cloudflare looks the name up only in that zone, and not in public
    DNS (Workers, "Known issues"). It could then not find the shields (regional caches), whose names end in the domain.
    """
    zone, domain = config.edge.zone, config.domain
    if f".{domain}".endswith(f".{zone}") or f".{zone}".endswith(f".{domain}"):
        yield (
            f"{NAMESPACE}:edge.zone: {zone!r} overlaps with {NAMESPACE}:domain {domain!r}; name a zone of another"
            " registered domain, because Cloudflare serves the stack's hostname as a custom hostname of that zone"
        )
