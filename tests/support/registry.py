"""Provides a stack for tests of the registry. The stack is in emulated clouds that run in the test's process.

The tests run twice. In the first run, the objects are on S3, which moto emulates. In the second run, they are on the
emulated Cloud Storage, and the tests use Google's library. Both runs use moto's DynamoDB and the emulated Cloudflare
API.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast
from urllib.parse import quote

import boto3
import httpx
import pytest
import requests
import urllib3
from cloudflare import Cloudflare
from flask import Flask
from google.auth.credentials import AnonymousCredentials

from emulation.cloudflare import in_process
from emulation.cloudflare.api import PREFIX, create_app
from emulation.gcp import in_process as in_process_google
from emulation.state_store import StateStore
from registry.cloudflare.api import CloudflareApi
from registry.cloudflare.cache_purge import WorkerPurges
from registry.origin import gcs
from registry.target import Target
from tests.support import purge_endpoint
from tests.support.harness import aws_account
from tests.support.purge_endpoint import PurgeEndpoint

ACCOUNT = "0123456789abcdef0123456789abcdef"
BUCKET = "origin-us-east-1"

# Runs a test only with the objects on S3. It is for tests of code that meets the bucket only through the class Origin,
# such as the code that reads an image from another registry. Other tests write the same objects to both clouds.
on_s3_only = pytest.mark.parametrize("network", ["s3"], indirect=True)


@dataclass(frozen=True)
class ObjectHead:
    """Holds a stored object's headers and metadata as a program that reads the object receives them.

    `validator` is the object's ETag or generation, which changes with each write.
    """

    content_type: str
    cache_control: str
    metadata: Mapping[str, str]
    validator: str


class Bucket(Protocol):
    """An interface to read the objects of the origin bucket. Its implementations do not use the registry's code."""

    def read(self, key: str) -> bytes: ...

    def head(self, key: str) -> ObjectHead: ...

    def keys(self) -> set[str]: ...


class OnS3:
    """Reads the origin bucket on S3 with boto3."""

    def __init__(self) -> None:
        self._s3: Any = cast(Any, boto3).client("s3", region_name="us-east-1")
        self._s3.create_bucket(Bucket=BUCKET)

    def read(self, key: str) -> bytes:
        return self._s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()

    def head(self, key: str) -> ObjectHead:
        head = self._s3.head_object(Bucket=BUCKET, Key=key)
        return ObjectHead(head["ContentType"], head["CacheControl"], head["Metadata"], head["ETag"])

    def keys(self) -> set[str]:
        return {each["Key"] for each in self._s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])}


class OnCloudStorage:
    """Reads and writes the Cloud Storage bucket without Google's SDK. It sends HTTP requests to the JSON API.

    The bucket has the settings from infra/blobs/gcs.py.
    """

    def __init__(self, http: requests.Session) -> None:
        self._http = http
        settings = {"name": BUCKET, "location": "US-EAST1", "versioning": {"enabled": True}}
        self._call("POST", "?enableObjectRetention=true", json=settings)

    def read(self, key: str) -> bytes:
        return self._call("GET", f"/{BUCKET}/o/{quote(key, safe='')}?alt=media").content

    def document(self, key: str) -> Any:
        return self._call("GET", f"/{BUCKET}/o/{quote(key, safe='')}").json()

    def head(self, key: str) -> ObjectHead:
        found = self.document(key)
        return ObjectHead(found["contentType"], found["cacheControl"], found["metadata"], found["generation"])

    def keys(self) -> set[str]:
        return {each["name"] for each in self._call("GET", f"/{BUCKET}/o").json().get("items", [])}

    def delete(self, key: str, generation: str) -> None:
        """Deletes one generation of a Cloud Storage object permanently."""
        self._call("DELETE", f"/{BUCKET}/o/{quote(key, safe='')}?generation={generation}")

    def _call(self, method: str, path: str, **more: Any) -> requests.Response:
        answer = self._http.request(method, f"http://googleapis.invalid/storage/v1/b{path}", **more)
        answer.raise_for_status()
        return answer


@dataclass(frozen=True)
class HttpResponse:
    """An HTTP response with the same interface as the responses of the library urllib3."""

    status: int
    data: bytes


class CloudflareInProcess:
    """Connects the registry's Cloudflare client to the emulated Cloudflare API in the same process.

    While `away` is true, each request raises a connection error.
    """

    def __init__(self, application: Flask) -> None:
        self._http = httpx.Client(transport=httpx.WSGITransport(app=application))
        self.away = False

    def request(self, method: str, url: str, *, body: bytes | None, headers: Mapping[str, str]) -> HttpResponse:
        if self.away:
            raise urllib3.exceptions.ProtocolError("the test took it away")
        found = self._http.request(method, url, content=body, headers=dict(headers))
        return HttpResponse(found.status_code, found.content)


@dataclass
class Network:
    """A stack in the emulated clouds, for tests of the registry. `target` is the stack to which the registry's commands
    publish. `edge` is the emulated edge network, and `bucket` is the origin bucket.
    """

    target: Target
    edge: Cloudflare
    bucket: Bucket
    cloudflare: CloudflareInProcess
    purges: PurgeEndpoint

    @property
    def purged(self) -> list[str]:
        return self.purges.purged

    def get(self, key: str) -> bytes:
        return self.bucket.read(key)

    def head(self, key: str) -> ObjectHead:
        return self.bucket.head(key)

    def json(self, key: str) -> Any:
        return json.loads(self.get(key))

    def objects(self) -> set[str]:
        return self.bucket.keys()

    def entry(self, digest: str) -> Any:
        """Returns a token's entry in the edge's entitlement store (Workers KV). Returns None if the store has no entry
        for the token.
        """
        namespace = self.target.entitlements.namespace_id
        names = [key.name for key in self.edge.kv.namespaces.keys.list(namespace, account_id=ACCOUNT)]
        if f"token:{digest}" not in names:
            return None
        values = self.edge.kv.namespaces.values
        return json.loads(values.get(f"token:{digest}", account_id=ACCOUNT, namespace_id=namespace).read())


@pytest.fixture(params=["s3", "gcs"])
def network(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Network]:
    with aws_account():
        bucket = OnS3() if request.param == "s3" else on_cloud_storage(tmp_path / "google", monkeypatch)
        aws = cast(Any, boto3)
        aws.client("dynamodb", region_name="us-east-1").create_table(
            TableName="metadata",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        )
        account = create_app(StateStore(tmp_path / "cloudflare" / "state.sqlite"))
        edge = in_process.client_of(account)
        namespace = edge.kv.namespaces.create(account_id=ACCOUNT, title="entitlements")
        assert namespace is not None

        cloudflare = CloudflareInProcess(account)

        def same_edge(target: Target) -> CloudflareApi:
            return CloudflareApi("any", f"http://cloudflare.invalid{PREFIX}", cloudflare)

        endpoint = PurgeEndpoint()

        def same_worker(target: Target) -> WorkerPurges:
            return WorkerPurges(target.url, lambda: purge_endpoint.KEY, endpoint)

        monkeypatch.setattr(Target, "cloudflare", same_edge)
        monkeypatch.setattr(Target, "purges", same_worker)
        target = Target.model_validate(
            {
                "environment": "unit",
                "home_region": "us-east-1",
                "url": "https://packages.artifact-edge.test",
                "buckets": [{"region": "us-east-1", "name": BUCKET, "store": request.param}],
                "metadata": {"backend": "dynamodb", "region": "us-east-1", "table": "metadata"},
                "entitlements": {"account_id": ACCOUNT, "namespace_id": namespace.id},
                "shields": [{"host": "us-east-1-0.shield.artifact-edge.test"}],
            }
        )
        yield Network(target, edge, bucket, cloudflare, endpoint)


def on_cloud_storage(directory: Path, monkeypatch: pytest.MonkeyPatch) -> OnCloudStorage:
    """Returns the origin bucket on the emulated Cloud Storage. Also patches the registry, which then reaches this
    bucket through Google's library without a network.
    """
    http = in_process_google.session(in_process_google.application(directory))

    def same_cloud() -> Any:
        endpoint = {"api_endpoint": "http://googleapis.invalid"}
        return cast(Any, gcs.storage.Client)(
            project=None, credentials=AnonymousCredentials(), _http=http, client_options=endpoint
        )

    monkeypatch.setattr(gcs, "client", same_cloud)
    return OnCloudStorage(http)


def commands_use(monkeypatch: pytest.MonkeyPatch, target: object) -> None:
    """Makes the commands of `python -m registry` read `target` from any file with the outputs of a stack."""

    def read(file: object) -> object:
        return target

    monkeypatch.setattr("registry.target.read_target", read)


def missing_files(network: Network) -> set[str]:
    """Returns the keys of objects to which a packument or a simple index refers, but which are not in the bucket."""
    keys, named = network.objects(), set[str]()
    for key in keys:
        if key.endswith("packument.json"):
            for manifest in network.json(key)["versions"].values():
                named.add(manifest["dist"]["tarball"].removeprefix("https://packages.artifact-edge.test/"))
        if key.endswith("index.json") and key != "pypi/simple/index.json":
            named |= {file["url"].removeprefix("/") for file in network.json(key)["files"]}
    return named - keys
