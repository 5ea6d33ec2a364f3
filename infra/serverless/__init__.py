"""Python code that runs as a Lambda function or as a Cloud Run service, each with an identity of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from infra import iam
from infra.serverless.package import Code


@dataclass(frozen=True)
class FunctionArgs:
    """`variables` are its environment, besides the names of the secrets: settings, and no secret.

    `secrets` are the ids of those that it reads, by the variables that tell it; all are in `secret_region`. `rights`
    are statements beside those for secrets and for its log. `reserved` is how many instances there are at most, and at
    least can be; -1 leaves it to the account's limit. `timeout` is in seconds.
    """

    prefix: str
    region: str
    description: str
    code: Code
    variables: Mapping[str, pulumi.Input[str]]
    secrets: Mapping[str, str]
    secret_region: str
    rights: Sequence[pulumi.Input[iam.Statement] | pulumi.Input[Sequence[iam.Statement]]]
    timeout: int
    reserved: int = -1


@dataclass(frozen=True)
class ServiceArgs:
    """`code.module` is run with `python3 -m`, and serves HTTP at PORT, with /healthz.

    `account` ends the names of its identities on both clouds, which have room for few letters. `variables` are its
    environment, besides the secret's name: settings, and no secret. `secret_id`, in `secret_region`, is what it reads.
    `sources` is the bucket that takes its code. `instances` are how many there are at least and at most; with `steady`
    their processors are never taken away between requests. `open` lets anybody ask; otherwise nobody may from outside.
    """

    prefix: str
    account: str
    region: str
    description: str
    code: Code
    variables: Mapping[str, pulumi.Input[str]]
    secret_id: str
    secret_region: str
    sources: pulumi.Input[str]
    instances: tuple[int, int]
    concurrency: int
    steady: bool = False
    open: bool = False


@dataclass(frozen=True)
class SourcesArgs:
    """`regions` are one, or two on one continent; the rest is as with BlobsArgs."""

    prefix: str
    regions: Sequence[str]
    noncurrent_days: int
    log_days: int
    removable: bool
