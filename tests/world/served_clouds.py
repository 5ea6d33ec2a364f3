"""The clouds that the registry writes to, served to real processes: moto's AWS and the emulated Cloudflare API.

Each request passes a gate of the test's, which sees the writes in their order.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import boto3
import httpx
from cloudflare import Cloudflare
from moto.server import (
    DomainDispatcherApplication,  # pyright: ignore[reportPrivateImportUsage]
    create_backend_app,  # pyright: ignore[reportPrivateImportUsage]
)
from werkzeug.serving import make_server

from local.aws.tables import mend_tables
from local.cloudflare.api import PREFIX, create_app
from local.store import Store

ACCOUNT = "0123456789abcdef0123456789abcdef"
BUCKET = "origin-us-east-1"
URL = "https://packages.artifact-edge.test"

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
Gate = Callable[[str, Callable[[], Iterable[bytes]]], Iterable[bytes]]
"""Called with the name of a write, and with what makes it and answers."""


@dataclass
class ServedClouds:
    """`gate` may be set by a test; until then, all pass."""

    environment: dict[str, str]
    outputs: dict[str, Any]
    s3: Any
    edge: Cloudflare
    gate: Gate

    def forget(self) -> None:
        """Empties the bucket and the table."""
        self.gate = _pass
        httpx.post(f"{self.environment['AWS_ENDPOINT_URL']}/moto-api/reset").raise_for_status()
        self.s3.create_bucket(Bucket=BUCKET)
        self.client("dynamodb").create_table(
            TableName="metadata",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        )

    def client(self, service: str) -> Any:
        return _client(service, self.environment["AWS_ENDPOINT_URL"])

    def keys(self) -> list[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        return [each["Key"] for page in pages for each in page.get("Contents", [])]

    def get(self, key: str) -> bytes:
        return self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()

    def json(self, key: str) -> Any:
        return json.loads(self.get(key))


@contextmanager
def served_clouds(directory: Path) -> Generator[ServedClouds]:
    """Both on ports of their own, in this process."""
    holder: list[ServedClouds] = []

    def watched(application: Application, name_of: Callable[[dict[str, Any]], str]) -> Application:
        def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            name = name_of(environ)
            if not name or not holder:
                return application(environ, start_response)
            return holder[0].gate(name, lambda: application(environ, start_response))

        return answer

    mend_tables()
    moto = cast(Any, DomainDispatcherApplication)(create_backend_app)
    app = create_app(Store(directory / "cloudflare.sqlite"))
    with _serving(watched(moto, _aws_write)) as aws, _serving(watched(app.wsgi_app, _cloudflare_write)) as cloudflare:
        environment = {
            "AWS_ENDPOINT_URL": aws,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "CLOUDFLARE_BASE_URL": f"{cloudflare}{PREFIX}",
            "CLOUDFLARE_API_TOKEN": "test",
        }
        edge = Cloudflare(api_token="test", base_url=environment["CLOUDFLARE_BASE_URL"])
        edge.zones.create(account={"id": ACCOUNT}, name="artifact-edge.test", type="full")
        namespace = edge.kv.namespaces.create(account_id=ACCOUNT, title="entitlements")
        assert namespace is not None
        clouds = ServedClouds(environment, _outputs(namespace.id), _client("s3", aws), edge, _pass)
        holder.append(clouds)
        clouds.forget()
        yield clouds


def _outputs(namespace: str) -> dict[str, Any]:
    return {
        "environment": "test",
        "url": URL,
        "zone": {"name": "artifact-edge.test"},
        "buckets": [{"region": "us-east-1", "name": BUCKET}],
        "metadata": {"backend": "dynamodb", "region": "us-east-1", "table": "metadata"},
        "entitlements": {"account_id": ACCOUNT, "namespace_id": namespace},
        "shields": [{"host": "us-east-1-0.shield.artifact-edge.test"}],
    }


@contextmanager
def _serving(application: Application) -> Generator[str]:
    server = make_server("127.0.0.1", 0, cast(Any, application), threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def _client(service: str, url: str) -> Any:
    return cast(Any, boto3).client(
        service, region_name="us-east-1", endpoint_url=url, aws_access_key_id="test", aws_secret_access_key="test"
    )


def _pass(name: str, make: Callable[[], Iterable[bytes]]) -> Iterable[bytes]:
    return make()


def _aws_write(environ: dict[str, Any]) -> str:
    """Empty for what only reads."""
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    if target.startswith("DynamoDB_"):
        return "transaction" if target.endswith("TransactWriteItems") else ""
    of_s3 = "/s3/aws4_request" in environ.get("HTTP_AUTHORIZATION", "")
    writes = environ["REQUEST_METHOD"] in ("PUT", "DELETE", "POST")
    return f"{environ['REQUEST_METHOD']} {environ['PATH_INFO'].split('/', 2)[-1]}" if of_s3 and writes else ""


def _cloudflare_write(environ: dict[str, Any]) -> str:
    if environ["REQUEST_METHOD"] == "GET":
        return ""
    return "purge" if environ["PATH_INFO"].endswith("/purge_cache") else "entry"
