"""Python code that runs as a Lambda function or as a Cloud Run service. Each function or service has its own
identity.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from infra import iam
from infra.serverless.package import Code


@dataclass(frozen=True)
class FunctionArgs:
    """Arguments of a Lambda function.

    `variables` are environment variables without secrets. `secrets` maps environment variables to the ids of the
    secrets that the function reads. All these secrets are in `secret_region`. Each function gets the permissions to
    read its secrets and to write its log. `rights` are IAM statements for further permissions. `reserved` is the
    reserved concurrency. The value -1 means that only the account's limit applies. `timeout` is in seconds.
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
    """Arguments of a Cloud Run service.

    The service runs the module `code.module` with `python3 -m`. The module serves HTTP on the port in the variable
    PORT, and answers health checks at /healthz. The service has an identity on each cloud. The names of these
    identities end with the short name `account`. `variables` are environment variables without secrets. The service
    reads the secret `secret_id` in `secret_region`. `sources` is the bucket that stores the code. `instances` holds the
    minimum and the maximum number of instances. If `cpu_always_allocated` is true, the instances keep their CPU between
    requests. If `open` is true, anyone may call the service. Otherwise, only internal traffic reaches the service.
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
    cpu_always_allocated: bool = False
    open: bool = False


@dataclass(frozen=True)
class SourcesArgs:
    """Arguments of the bucket that stores the code of Cloud Run services.

    `regions` holds one region, or two on one continent. The other fields have the same meaning as in `BlobsArgs`
    (infra/blobs).
    """

    prefix: str
    regions: Sequence[str]
    noncurrent_days: int
    log_days: int
    removable: bool
