"""Tests the metadata API with its database on Spanner, and how a service on Google Cloud reads its secret from AWS."""

from __future__ import annotations

import hashlib
import hmac
import io
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as AwsCredentials

from contract.revocations import PARTITION, WINDOW_SECONDS, item_name, token_change
from tests.support.change_stream import Emulated, emulated
from tests.support.enterable_directory import enterable_directory
from tests.support.follower import COLUMNS, digest, put
from workers import foreign_secret
from workers.entitlements.answer import MetadataApi
from workers.entitlements.spanner import Spanner
from workers.foreign_secret import Credentials, SecretUnreadable

KEY = "a key that the edge shares"


class Secret:
    works = True

    def read(self, name: str) -> str:
        if not self.works:
            raise SecretUnreadable("for the test")
        return {"key": KEY}[name]


@pytest.fixture(scope="module")
def cloud() -> Iterator[Emulated]:
    with enterable_directory() as directory, emulated(directory) as running:
        yield running


def query(api: MetadataApi, name: str, *, key: str = KEY, body: str = "", path: str = "/") -> tuple[int, str]:
    now, text = int(time.time()), body or json.dumps({"digest": digest(name)})
    mac = hmac.new(key.encode(), f"{now}.{text}".encode(), hashlib.sha256).hexdigest()
    environ: dict[str, Any] = {
        "PATH_INFO": path,
        "HTTP_X_ARTIFACT_EDGE_SIGNATURE": f"t={now},v1={mac}",
        "wsgi.input": io.BytesIO(text.encode()),
    }
    statuses: list[int] = []

    def start(status: str, headers: object) -> None:
        statuses.append(int(status[:3]))

    content = b"".join(api(environ, start)).decode()
    return statuses[0], content


def test_it_answers_with_the_edges_entry(cloud: Emulated) -> None:
    put(cloud.spanner("roles/spanner.databaseUser", "writer"), "x", 4)
    api: Any = MetadataApi(cloud.spanner("roles/spanner.databaseReader", "reader"), Secret())  # pyright: ignore[reportArgumentType]
    status, body = query(api, "x")
    assert (status, json.loads(body)["revision"], json.loads(body)["grants"]) == (200, 4, ["npm:*:pull"])
    assert query(api, "unknown")[0] == 404
    assert query(api, "x", key="another")[0] == 403
    assert query(api, "x", body="{}")[0] == 400
    assert query(api, "", path="/healthz") == (200, "ok\n")


def test_it_answers_with_the_feed_of_recent_revocations(cloud: Emulated) -> None:
    writer, now = cloud.spanner("roles/spanner.databaseUser", "writer"), time.time()
    for age in (WINDOW_SECONDS + 60, 1):
        change = json.dumps(token_change(digest(str(age)), 7, revoked=True))
        row = [PARTITION, item_name(now - age, "00"), change, "1", "2100-01-01T00:00:00Z"]
        writer.write({"insertOrUpdate": {"table": "items", "columns": COLUMNS, "values": [row]}})
    api: Any = MetadataApi(cloud.spanner("roles/spanner.databaseReader", "reader"), Secret())  # pyright: ignore[reportArgumentType]
    status, body = query(api, "", body='{"feed":"revocations"}')
    assert (status, json.loads(body)["tokens"]) == (200, {digest("1"): {"revision": 7, "revoked": True}})


def test_it_is_unavailable_without_spanner_or_its_key() -> None:
    nowhere, secret = Spanner("projects/p/instances/i/databases/d", lambda: "x", "http://127.0.0.1:9"), Secret()
    api: Any = MetadataApi(nowhere, secret)  # pyright: ignore[reportArgumentType]
    secret.works = False
    assert query(api, "x")[0] == 503
    secret.works = True
    assert query(api, "x")[0] == 503
    assert query(api, "", body='{"feed":"revocations"}')[0] == 503


def test_requests_to_aws_are_signed_as_botocore_signs_them(monkeypatch: pytest.MonkeyPatch) -> None:
    now, url, body = (
        datetime(2026, 11, 25, 3, 4, 5, tzinfo=UTC),
        "https://secretsmanager.us-east-1.amazonaws.com/",
        b"{}",
    )
    mine = foreign_secret.signed(url, body, Credentials("AKIA", "secret", "token"), "us-east-1", now)
    request: Any = AWSRequest("POST", url, data=body)
    for name in ("content-type", "x-amz-target"):
        request.headers[name] = mine[name]
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: now.replace(tzinfo=None), raising=False)
    SigV4Auth(AwsCredentials("AKIA", "secret", "token"), "secretsmanager", "us-east-1").add_auth(request)
    assert mine["authorization"] == request.headers["Authorization"]
