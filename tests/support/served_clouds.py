"""Serves emulated clouds over HTTP, for tests that run the registry in a separate process.

The clouds are moto's AWS, the emulated Cloud Storage and the emulated Cloudflare API. The objects are on S3 or on Cloud
Storage. A test can provide a gate: a function that is called for each write. The gate may record, delay or prevent the
write.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast
from urllib.parse import quote, unquote

import boto3
import httpx
from cloudflare import Cloudflare
from moto.server import (
    DomainDispatcherApplication,  # pyright: ignore[reportPrivateImportUsage]
    create_backend_app,  # pyright: ignore[reportPrivateImportUsage]
)

from emulation.aws.table_limits import patch_table_limits
from emulation.aws.tables import patch_tables
from emulation.cloudflare.api import PREFIX, create_app
from emulation.gcp import in_process
from emulation.state_store import StateStore
from tests.support import purge_endpoint
from tests.support.purge_endpoint import PurgeEndpoint, serving

ACCOUNT = "0123456789abcdef0123456789abcdef"
BUCKET = "origin-us-east-1"

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
# A gate is a function with which a test controls the writes to an emulated cloud. Its first argument is the name of a
# write, such as `PUT <key>`. Its second argument is a function that makes the write and returns the response. A gate
# that does not call this function prevents the write.
Gate = Callable[[str, Callable[[], Iterable[bytes]]], Iterable[bytes]]


class OnS3:
    """Reads, writes and empties the origin bucket on S3, for tests."""

    def __init__(self, url: str) -> None:
        self._s3 = _client("s3", url)

    def empty(self) -> None:
        """Creates the bucket again after a reset of moto, because the reset removes all buckets."""
        self._s3.create_bucket(Bucket=BUCKET)

    def keys(self) -> list[str]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        return [each["Key"] for page in pages for each in page.get("Contents", [])]

    def get(self, key: str) -> bytes:
        """Returns an object's bytes. Raises botocore's ClientError if the object does not exist."""
        return self._s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()

    def metadata(self, key: str) -> dict[str, str]:
        return self._s3.head_object(Bucket=BUCKET, Key=key)["Metadata"]

    def put(self, key: str, body: bytes) -> None:
        self._s3.put_object(Bucket=BUCKET, Key=key, Body=body)


class OnCloudStorage:
    """Reads, writes and empties the bucket on Cloud Storage. Raises httpx.HTTPStatusError if a request fails."""

    def __init__(self, url: str) -> None:
        self._url, self._objects = url, f"{url}/storage/v1/b/{BUCKET}/o"
        self._http = httpx.Client(timeout=30)
        settings = {"name": BUCKET, "location": "US-EAST1", "versioning": {"enabled": True}}
        self._http.post(f"{url}/storage/v1/b?enableObjectRetention=true", json=settings).raise_for_status()

    def empty(self) -> None:
        for each in self._http.get(f"{self._objects}?versions=true").json().get("items", []):
            self._http.delete(f"{self._at(each['name'])}?generation={each['generation']}").raise_for_status()

    def keys(self) -> list[str]:
        return [each["name"] for each in self._http.get(self._objects).raise_for_status().json().get("items", [])]

    def get(self, key: str) -> bytes:
        return self._http.get(f"{self._at(key)}?alt=media").raise_for_status().content

    def metadata(self, key: str) -> dict[str, str]:
        return self._http.get(self._at(key)).raise_for_status().json()["metadata"]

    def put(self, key: str, body: bytes) -> None:
        upload = f"{self._url}/upload/storage/v1/b/{BUCKET}/o?uploadType=media&name={quote(key, safe='')}"
        self._http.post(upload, content=body).raise_for_status()

    def _at(self, key: str) -> str:
        return f"{self._objects}/{quote(key, safe='')}"


@dataclass
class ServedClouds:
    """Holds the settings and clients of the emulated clouds. Each write request calls the function `gate`, which can
    let the write pass, delay it or prevent it. By default, every write passes. A test can set another function.
    """

    environment: dict[str, str]
    outputs: dict[str, Any]
    bucket: OnS3 | OnCloudStorage
    edge: Cloudflare
    gate: Gate

    def forget(self) -> None:
        """Empties the emulated bucket and metadata table, and resets `gate` so that every write passes again."""
        self.gate = _pass
        httpx.post(f"{self.environment['AWS_ENDPOINT_URL']}/moto-api/reset", timeout=60).raise_for_status()
        self.bucket.empty()
        self.client("dynamodb").create_table(
            TableName="metadata",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        )
        self.client("secretsmanager").create_secret(
            Name="artifact-edge/test/purge-signing", SecretString=json.dumps({"key": purge_endpoint.KEY})
        )

    def client(self, service: str) -> Any:
        return _client(service, self.environment["AWS_ENDPOINT_URL"])

    def keys(self) -> list[str]:
        return self.bucket.keys()

    def get(self, key: str) -> bytes:
        return self.bucket.get(key)

    def json(self, key: str) -> Any:
        return json.loads(self.get(key))


@contextmanager
def served_clouds(directory: Path, store: Literal["s3", "gcs"]) -> Generator[ServedClouds]:
    """Runs the emulated clouds in this process, each on its own port."""
    holder: list[ServedClouds] = []

    def watched(application: Application, name_of: Callable[[dict[str, Any]], str]) -> Application:
        def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            name = name_of(environ)
            if not name or not holder:
                return application(environ, start_response)
            return holder[0].gate(name, lambda: application(environ, start_response))

        return answer

    patch_tables()
    patch_table_limits()
    moto = cast(Any, DomainDispatcherApplication)(create_backend_app)
    app = create_app(StateStore(directory / "cloudflare.sqlite"))
    google_app = in_process.application(directory)
    with (
        serving(watched(moto, _aws_write)) as aws,
        serving(watched(app.wsgi_app, _cloudflare_write)) as cloudflare,
        serving(watched(google_app, _google_write)) as google,
        serving(watched(PurgeEndpoint(), lambda _: "purge")) as worker,
    ):
        environment = {
            "AWS_ENDPOINT_URL": aws,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "CLOUDFLARE_BASE_URL": f"{cloudflare}{PREFIX}",
            "CLOUDFLARE_API_TOKEN": "test",
            "STORAGE_EMULATOR_HOST": google,
        }
        edge = Cloudflare(api_token="test", base_url=environment["CLOUDFLARE_BASE_URL"])
        namespace = edge.kv.namespaces.create(account_id=ACCOUNT, title="entitlements")
        assert namespace is not None
        bucket = OnS3(aws) if store == "s3" else OnCloudStorage(google)
        clouds = ServedClouds(environment, _outputs(worker, namespace.id, store), bucket, edge, _pass)
        holder.append(clouds)
        clouds.forget()
        yield clouds


def _outputs(url: str, namespace: str, store: str) -> dict[str, Any]:
    return {
        "environment": "test",
        "home_region": "us-east-1",
        "url": url,
        "buckets": [{"region": "us-east-1", "name": BUCKET, "store": store}],
        "metadata": {"backend": "dynamodb", "region": "us-east-1", "table": "metadata"},
        "entitlements": {"account_id": ACCOUNT, "namespace_id": namespace},
        "shields": [{"host": "us-east-1-0.shield.artifact-edge.test"}],
    }


def _client(service: str, url: str) -> Any:
    return cast(Any, boto3).client(
        service, region_name="us-east-1", endpoint_url=url, aws_access_key_id="test", aws_secret_access_key="test"
    )


def _pass(name: str, make: Callable[[], Iterable[bytes]]) -> Iterable[bytes]:
    return make()


def _aws_write(environ: dict[str, Any]) -> str:
    """Returns a name for a write request to AWS, such as `PUT <key>` or `transaction`. Returns an empty string for
    other requests.
    """
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    if target.startswith("DynamoDB_"):
        return "transaction" if target.endswith("TransactWriteItems") else ""
    of_s3 = "/s3/aws4_request" in environ.get("HTTP_AUTHORIZATION", "")
    writes = environ["REQUEST_METHOD"] in ("PUT", "DELETE", "POST")
    return f"{environ['REQUEST_METHOD']} {environ['PATH_INFO'].split('/', 2)[-1]}" if of_s3 and writes else ""


def _google_write(environ: dict[str, Any]) -> str:
    """Returns a name for a write request to Cloud Storage, such as `PUT <key>`. The name has the same form as that of a
    write to S3. Returns an empty string for other requests. For an upload, the function reads the key from the
    request's body.
    """
    if environ["REQUEST_METHOD"] == "DELETE":
        return f"DELETE {unquote(environ['PATH_INFO'].partition('/o/')[2])}"
    if environ["REQUEST_METHOD"] != "POST" or not environ["PATH_INFO"].startswith("/upload/"):
        return ""
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    environ["wsgi.input"] = io.BytesIO(body)
    named = re.search(rb'"name": "([^"]+)"', body)
    return f"PUT {named[1].decode() if named else ''}"


def _cloudflare_write(environ: dict[str, Any]) -> str:
    return "" if environ["REQUEST_METHOD"] == "GET" else "entry"
