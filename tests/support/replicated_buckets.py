"""Serves an emulated S3 for unit tests of replication. There are three buckets: a source, its replica, and a third
bucket without a replication rule.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, cast

import boto3
import httpx
import pytest
from botocore.config import Config
from moto.s3.models import S3Backend
from moto.s3.responses import S3Response
from moto.server import (
    DomainDispatcherApplication,  # pyright: ignore[reportPrivateImportUsage]
    create_backend_app,  # pyright: ignore[reportPrivateImportUsage]
)
from werkzeug.serving import make_server

from emulation.aws.conditional_copies import copy_object
from emulation.aws.outages import Outages
from emulation.aws.replication import PATH, Replication
from emulation.aws.replication_rules import put_bucket_replication
from emulation.aws.requests import S3Addresses
from infra.iam import assumed_by_service, document
from tests.support.waiting import eventually

_ADDRESS = "127.92.0.1"


@contextmanager
def replicated_buckets() -> Generator[Any]:
    """Starts a separate S3 server with three versioned buckets, and provides a client for it.

    A rule replicates objects under `kept/` from the bucket `source` to the bucket `replica`.
    """
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(S3Backend, "put_bucket_replication", put_bucket_replication)
        patched.setattr(S3Response, "copy_object", copy_object)
        yield from _served()


def _served() -> Generator[Any]:
    down = Outages(cast(Any, DomainDispatcherApplication)(create_backend_app))
    application = S3Addresses(Replication(down, down.is_down))
    server = make_server(_ADDRESS, 0, cast(Any, application), threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://{_ADDRESS}:{server.server_port}"
    client = cast(Any, boto3).client(
        "s3",
        region_name="us-east-1",
        endpoint_url=url,
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(retries={"total_max_attempts": 1}),
    )
    try:
        for bucket, region in (("source", None), ("replica", "eu-west-1"), ("third", "eu-west-1")):
            placed = {"CreateBucketConfiguration": {"LocationConstraint": region}} if region else {}
            client.create_bucket(Bucket=bucket, **placed)
            client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        write_role(client, [document_statement("s3:*", "*")])
        client.put_object(Bucket="source", Key="kept/before", Body=b"before the rule")
        # S3 must not replicate this object, because it is older than the replication rule. The emulated S3 processes
        # new objects in another thread. The test waits for this thread before it creates the rule.
        settled(client)
        replicate(client, "source", "replica")
        yield client
    finally:
        httpx.post(f"{url}/moto-api/reset")
        server.shutdown()
        server.server_close()


def document_statement(action: str, resource: str) -> dict[str, str]:
    """Returns an IAM policy statement that allows an action on a resource."""
    return {"Effect": "Allow", "Action": action, "Resource": resource}


def write_role(s3: Any, statements: Sequence[Mapping[str, Any]]) -> None:
    """Creates the IAM role with which S3 replicates objects, or replaces the permissions of the role."""
    iam = cast(Any, boto3).client(
        "iam",
        region_name="us-east-1",
        endpoint_url=s3.meta.endpoint_url,
        aws_access_key_id="x",
        aws_secret_access_key="x",
    )
    with suppress(iam.exceptions.EntityAlreadyExistsException):
        iam.create_role(
            RoleName="replication", AssumeRolePolicyDocument=document(assumed_by_service("s3.amazonaws.com"))
        )
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    iam.put_role_policy(RoleName="replication", PolicyName="replicate", PolicyDocument=policy)


def status(s3: Any, bucket: str, key: str) -> str | None:
    """Returns the S3 replication status of an object."""
    return s3.head_object(Bucket=bucket, Key=key).get("ReplicationStatus")


def replicate(client: Any, source: str, destination: str, encryption: Mapping[str, Any] | None = None) -> None:
    """Creates the S3 replication rule that copies the objects under `kept/` from one bucket to another."""
    rule = {
        "ID": "all",
        "Status": "Enabled",
        "Priority": 1,
        "Filter": {"Prefix": "kept/"},
        "DeleteMarkerReplication": {"Status": "Enabled"},
        "Destination": {"Bucket": f"arn:aws:s3:::{destination}", **(encryption or {})},
    }
    configuration = {"Role": "arn:aws:iam::123456789012:role/replication", "Rules": [rule]}
    client.put_bucket_replication(Bucket=source, ReplicationConfiguration=configuration)


def settled(s3: Any) -> None:
    """Waits until the emulated S3 has tried to replicate every object."""
    assert eventually(lambda: httpx.get(s3.meta.endpoint_url + PATH).json()["pending"] == 0)
