"""Reads the stack's outputs (docs/contracts.md, "Stack outputs"), and makes clients for the clouds that the outputs
name.
"""

from __future__ import annotations

import json
import os
import sys
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import boto3
from botocore.exceptions import ClientError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contract.secrets import secret_id
from registry import RegistryError
from registry.cloudflare.api import CloudflareApi, patient_http
from registry.cloudflare.cache_purge import CloudflareEdge, WorkerPurges
from registry.cloudflare.edge_http import edge_http
from registry.cloudflare.token_entries import TokenEntries
from registry.delivery.deliver import Delivery
from registry.delivery.metrics import CloudWatch
from registry.metadata import Repository
from registry.metadata.dynamodb import DynamoDbRepository
from registry.origin import ObjectStore, Origin
from registry.origin.s3 import S3

if TYPE_CHECKING:
    from registry.delivery.cloud_monitoring import CloudMonitoring
    from registry.npm_signing import NpmSigner

_API_TOKEN = "CLOUDFLARE_API_TOKEN"  # noqa: S105  a variable's name, the same as in Cloudflare's own tools


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class Retention(_Part):
    """The object lock of published objects. For `days` days, no version of an object can be deleted. The class `Lock`
    in infra/blobs describes the lock's modes, `governance` and `compliance`.
    """

    mode: Literal["governance", "compliance"]
    days: int


class Bucket(_Part):
    """A bucket of the origin. `lock` is the retention that the registry has to set on each object, or None if the
    registry sets no retention. Only buckets on Cloud Storage need `lock`.
    """

    region: str
    name: str
    store: Literal["s3", "gcs"] = "s3"
    lock: Retention | None = None

    def open(self) -> ObjectStore:
        """Returns a client that reads and writes the bucket's objects on S3 or Cloud Storage."""
        if self.store == "gcs":
            # The import is here and not at the top of the file, because Google's library takes long to load.
            from registry.origin import gcs

            lock = gcs.Lock(self.lock.mode, self.lock.days) if self.lock else None
            return gcs.CloudStorage(gcs.client(), self.name, lock)
        return S3(cast(Any, boto3).client("s3", region_name=self.region), self.name)


class Metadata(_Part):
    backend: Literal["dynamodb", "spanner"]
    region: str
    table: str
    project: str = ""  # the Google Cloud project of the database, or empty for DynamoDB


class Entitlements(_Part):
    account_id: str
    namespace_id: str


class Shield(_Part):
    host: str
    address: str = ""


class Target(_Part):
    """The outputs of a stack. The class also creates clients of the clouds that the outputs name. The clients find
    their credentials in the environment variables.
    """

    environment: str
    home_region: str  # the AWS region that holds the secrets of the stack
    url: str
    buckets: list[Bucket] = Field(min_length=1)
    metadata: Metadata
    entitlements: Entitlements
    shields: list[Shield] = Field(min_length=1)

    @property
    def bucket(self) -> Bucket:
        """The stack's primary bucket. The other buckets of the stack are its replicas."""
        return self.buckets[0]

    @property
    def origin(self) -> Origin:
        return Origin(self.bucket.open())

    @property
    def edge(self) -> CloudflareEdge:
        return CloudflareEdge(
            purges=self.purges(),
            entries=self.cloudflare(),
            account_id=self.entitlements.account_id,
            namespace_id=self.entitlements.namespace_id,
        )

    @property
    def token_entries(self) -> TokenEntries:
        return TokenEntries(self.cloudflare(), self.entitlements.account_id, self.entitlements.namespace_id)

    @property
    def delivery(self) -> Delivery:
        return Delivery(self.repository, self.origin, self.edge, self.url)

    @property
    def metrics(self) -> CloudWatch | CloudMonitoring:
        """The client that writes the registry's custom metrics to CloudWatch or Cloud Monitoring. Raises RegistryError
        when a stack output is missing.
        """
        if self.metadata.backend == "dynamodb":
            return CloudWatch(self.environment, self.metadata.region)
        # Only this property imports the module `cloud_monitoring`, because Google's library takes long to load.
        from registry.delivery.cloud_monitoring import CloudMonitoring

        if not self.metadata.project:
            raise RegistryError("stack outputs: metadata.project is missing; run `pulumi up`, and export them again")
        return CloudMonitoring(self.environment, self.metadata.project)

    @cached_property
    def repository(self) -> Repository:
        """The metadata database. Raises RegistryError when the database cannot be reached."""
        if self.metadata.backend == "dynamodb":
            return DynamoDbRepository(self.metadata.table, self.metadata.region)
        # The module `spanner` needs the library libpq. The import is here and not at the top of the file, so that users
        # of a stack on DynamoDB do not need libpq.
        from registry.metadata.spanner import SpannerRepository

        return SpannerRepository(self.metadata.table.rsplit("/", 1)[-1])

    @cached_property
    def npm_signer(self) -> NpmSigner | None:
        """The signer of npm versions, or None if the stack has no signing key. The command `keys init` creates the key.

        Raises RegistryError if the key exists and cannot be read.
        """
        # The library cryptography takes long to load. Only this property imports the module `npm_signing`, which uses
        # the library. Commands that sign nothing therefore start faster.
        from registry.npm_signing import npm_signer

        return npm_signer(self.environment, self.home_region, self.repository)

    def purges(self) -> WorkerPurges:
        """Returns a client that sends purge requests to the edge worker, signed with the key in the stack's secret."""
        return WorkerPurges(self.url, self._purge_key, edge_http(self.url))

    def _purge_key(self) -> str:
        name = secret_id(self.environment, "purge-signing")
        manager = cast(Any, boto3).client("secretsmanager", region_name=self.home_region)
        try:
            return json.loads(manager.get_secret_value(SecretId=name)["SecretString"])["key"]
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            raise RegistryError(
                f"secret {name}: {code}; its key signs purges of the edge. `python -m registry keys init` creates it"
            ) from None

    def cloudflare(self) -> CloudflareApi:
        """Returns a Cloudflare client with the operator's API token. Raises RegistryError without a token."""
        token, base = os.environ.get(_API_TOKEN, ""), os.environ.get("CLOUDFLARE_BASE_URL", "")
        if not token:
            raise RegistryError(f"{_API_TOKEN} is not set: put your Cloudflare API token into this variable")
        return CloudflareApi(token, base, patient_http(base))


def read_target(file: Path) -> Target:
    """Reads the output of `pulumi stack output --json` from a file, or from standard input for `-`.

    Raises RegistryError for an unreadable file or invalid outputs.
    """
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise RegistryError(f"stack outputs {file}: cannot be read: {error}") from None
    try:
        return Target.model_validate_json(text)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in detail['loc']) or 'the text'}: {detail['msg'].lower()}"
            for detail in error.errors(include_url=False, include_input=False)
        )
        raise RegistryError(
            f"stack outputs {file}: {problems}. Export them with: pulumi stack output --json > outputs.json"
        ) from None
