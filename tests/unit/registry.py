"""A stack for the registry to work on: moto's S3 and DynamoDB, and the emulated Cloudflare API, all in process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import boto3
import pytest
from cloudflare import Cloudflare

from local.cloudflare import in_process
from registry.target import Target
from tests.unit.harness import aws_account

ACCOUNT = "0123456789abcdef0123456789abcdef"
BUCKET = "origin-us-east-1"


@dataclass
class Network:
    """The stack, what its edge was told to purge, and what its readers find."""

    target: Target
    edge: Cloudflare
    purged: list[str] = field(default_factory=list[str])

    def get(self, key: str) -> bytes:
        return self.head(key)["Body"].read()

    def head(self, key: str) -> Any:
        return cast(Any, boto3).client("s3", region_name="us-east-1").get_object(Bucket=BUCKET, Key=key)

    def json(self, key: str) -> Any:
        return json.loads(self.get(key))

    def objects(self) -> set[str]:
        s3 = cast(Any, boto3).client("s3", region_name="us-east-1")
        return {each["Key"] for each in s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])}

    def entry(self, digest: str) -> Any:
        """What the edge has of a token; None where it has nothing."""
        namespace = self.target.entitlements.namespace_id
        names = [key.name for key in self.edge.kv.namespaces.keys.list(namespace, account_id=ACCOUNT)]
        if f"token:{digest}" not in names:
            return None
        values = self.edge.kv.namespaces.values
        return json.loads(values.get(f"token:{digest}", account_id=ACCOUNT, namespace_id=namespace).read())


@pytest.fixture
def network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Network]:
    with aws_account():
        aws = cast(Any, boto3)
        aws.client("s3", region_name="us-east-1").create_bucket(Bucket=BUCKET)
        aws.client("dynamodb", region_name="us-east-1").create_table(
            TableName="metadata",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        )
        edge = in_process.client(tmp_path / "cloudflare")
        edge.zones.create(account={"id": ACCOUNT}, name="artifact-edge.test", type="full")
        namespace = edge.kv.namespaces.create(account_id=ACCOUNT, title="entitlements")
        assert namespace is not None

        def same_edge(target: Target) -> Cloudflare:
            return edge

        monkeypatch.setattr(Target, "cloudflare", same_edge)
        target = Target.model_validate(
            {
                "environment": "unit",
                "url": "https://packages.artifact-edge.test",
                "zone": {"name": "artifact-edge.test"},
                "buckets": [{"region": "us-east-1", "name": BUCKET}],
                "metadata": {"backend": "dynamodb", "region": "us-east-1", "table": "metadata"},
                "entitlements": {"account_id": ACCOUNT, "namespace_id": namespace.id},
                "shields": [{"host": "us-east-1-0.shield.artifact-edge.test"}],
            }
        )
        made = Network(target, edge)
        purge = edge.cache.purge

        def noted(**arguments: Any) -> Any:
            made.purged += arguments["files"]
            return purge(**arguments)

        monkeypatch.setattr(edge.cache, "purge", noted)
        yield made
