"""Tests that reads succeed while S3 is down: a shield on Compute Engine reads the standby bucket on Cloud Storage."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.support.sandbox.cloud_storage import CONFIG, OnCloudStorage, on_cloud_storage
from tests.support.sandbox.edge import US_EAST, access
from tests.support.sandbox.origin import control
from tests.support.waiting import eventually

LOOPBACK = "127.85"
STACK = "standby"
REGIONS = ["us-east-1", "us-west-2"]
pytestmark = pytest.mark.nightly
BLOBS = {"store": "s3", "regions": REGIONS, "standby": ["us-east1", "us-central1"]}
FILE, PAGE = "npm/@acme/web/-/web-1.0.0.tgz", "npm/@acme/web/packument.json"


@pytest.fixture(scope="module")
def up() -> Iterator[OnCloudStorage]:
    config = CONFIG | {"artifact-edge:domain": "standby.artifact-edge.example", "artifact-edge:blobs": BLOBS}
    with on_cloud_storage(LOOPBACK, STACK, config) as stack:
        yield stack


def standby(up: OnCloudStorage) -> str:
    return f"artifact-edge-{STACK}-example-standby-us-east1"


def copy(up: OnCloudStorage, key: str) -> bytes:
    """Copies an object with its metadata to the standby bucket. On Google Cloud, Storage Transfer Service makes the
    copies.
    """
    found: Any = up.aws("s3").get_object(Bucket=up.bucket, Key=key)
    body, name = found["Body"].read(), quote(key, safe="")
    up.api("POST", f"/upload/storage/v1/b/{standby(up)}/o?uploadType=media&name={name}", content=body)
    fields = {"cacheControl": found["CacheControl"], "contentType": found["ContentType"], "metadata": found["Metadata"]}
    up.api("PATCH", f"/storage/v1/b/{standby(up)}/o/{name}", json=fields)
    return body


def standby_requests(up: OnCloudStorage, key: str) -> int:
    seen = up.api("GET", "/_artifact-edge/requests").json()
    return seen.get(f"{standby(up)}/{key}", {}).get("GET", 0)


@pytest.mark.parametrize("how", ["503", "reset"])
def test_reads_succeed_while_all_of_s3_is_down(up: OnCloudStorage, how: str) -> None:
    """Clients read uncached objects from the standby bucket: a mutable document and an immutable file."""
    file, page = (key.replace("web", f"web-{how}") for key in (FILE, PAGE))
    for key, source in ((file, FILE), (page, PAGE)):
        up.aws("s3").copy_object(Bucket=up.bucket, Key=key, CopySource={"Bucket": up.bucket, "Key": source})
    body, document = copy(up, file), copy(up, page)
    control(up, "outages", {"s3": dict.fromkeys(REGIONS, how)})
    try:
        with httpx.Client(**access(up, US_EAST)) as client:
            assert eventually(lambda: client.get(f"/{file}").content == body)
            answer = client.get(f"/npm/@acme/web-{how}")
            assert (answer.status_code, answer.content) == (200, document)
            assert int(answer.headers["x-artifact-edge-revision"]) > 0
    finally:
        control(up, "outages", {})
    assert (standby_requests(up, file), standby_requests(up, page)) == (1, 1)


def test_an_object_that_s3_lacks_is_not_requested_from_the_standby(up: OnCloudStorage) -> None:
    """Withdraws an object from S3 after the object was copied to the standby bucket. The shield must not read the copy,
    because S3 answers that the object does not exist.
    """
    s3, withdrawn = up.aws("s3"), FILE.replace("1.0.0", "1.0.1")
    s3.put_object(Bucket=up.bucket, Key=withdrawn, Body=b"bad", CacheControl="public, max-age=31536000, immutable")
    copy(up, withdrawn)
    s3.delete_object(Bucket=up.bucket, Key=withdrawn)
    assert eventually(lambda: control(up, "replication")["pending"] == 0)
    with httpx.Client(**access(up, US_EAST)) as client:

        def standby_requests_after_read(key: str) -> int:
            client.get(f"/{key}")
            return standby_requests(up, key)

        # The shield skips a failed origin for two seconds. During that time, the shield reads only the standby bucket.
        probes = (FILE.replace("1.0.0", f"0.0.{number}") for number in count())
        assert eventually(lambda: standby_requests_after_read(next(probes)) == 0)
        assert client.get(f"/{withdrawn}").status_code == 404
    assert standby_requests(up, withdrawn) == 0
