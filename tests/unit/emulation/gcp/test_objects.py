"""Tests objects of the emulated Cloud Storage. The requests come from Google's library, from a plain HTTP client and
from a shield.
"""

from __future__ import annotations

import hashlib
import io
import json
import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import pytest
import requests
from google.auth.credentials import AnonymousCredentials

from emulation.gcp import in_process
from emulation.gcp.tokens import Tokens
from emulation.state_store import StateStore
from registry.origin import gcs

API = "http://googleapis.invalid"
HOST = "https://objects.storage.googleapis.com"
NAME = "npm/@acme/web/-/web 1.0.0.tgz"
READER = "shield@unit.iam.gserviceaccount.com"


class Cloud:
    """Provides the bucket `objects` of a Google Cloud project, and clients that read and write its objects."""

    def __init__(self, directory: Path, **settings: Any) -> None:
        self.directory = directory
        self.http = in_process.session(in_process.application(directory))
        self.client: Any = cast(Any, gcs.storage.Client)(
            project=None, credentials=AnonymousCredentials(), _http=self.http, client_options={"api_endpoint": API}
        )
        wanted = {"name": "objects", "location": "US-EAST1", "versioning": {"enabled": True}, **settings}
        self.send("POST", "?enableObjectRetention=true", json=wanted)
        self.bucket: Any = self.client.bucket("objects")

    def send(self, method: str, path: str = "", **more: Any) -> requests.Response:
        return self.http.request(method, f"{API}/storage/v1/b{path}", **more)

    def upload(self, body: bytes = b"bytes", query: str = "", **more: Any) -> requests.Response:
        path = f"/upload/storage/v1/b/objects/o?uploadType=media&name={quote(NAME, safe='')}{query}"
        return self.http.post(API + path, data=body, **more)

    def at(self, query: str = "") -> str:
        return f"/objects/o/{quote(NAME, safe='')}{query}"

    def read(self, authorization: str = "", **headers: str) -> requests.Response:
        """Reads an object of the emulated Cloud Storage with a plain HTTP request, like a shield (a regional cache)."""
        given = {**headers, **({"Authorization": authorization} if authorization else {})}
        return self.http.get(f"{HOST}/{quote(NAME)}", headers=given)

    def token(self, role: str = "") -> str:
        """Returns an access token of a service account. The account has the IAM role `role` on the bucket. If `role` is
        empty, the account has no role.
        """
        self.http.post(
            f"{API}/iam/v1/projects/unit/serviceAccounts", json={"accountId": "shield", "serviceAccount": {}}
        )
        if role:
            granted = {"bindings": [{"role": role, "members": [f"serviceAccount:{READER}"]}]}
            self.send("PATCH", "/objects", json={"iam": granted}).raise_for_status()
        tokens = Tokens(StateStore(self.directory / "gcp.sqlite"))
        account = tokens.account(READER)
        assert account is not None
        return f"Bearer {tokens.access(account)}"


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    return Cloud(tmp_path)


def seeded(size: int) -> bytes:
    return random.Random(size).randbytes(size)  # noqa: S311


# Google's library splits the upload of a 9 MiB object into several requests.
@pytest.mark.parametrize("size", [0, 1, 5000, 9 << 20])
def test_the_library_reads_what_it_wrote(cloud: Cloud, size: int) -> None:
    content = seeded(size)
    blob = cloud.bucket.blob(NAME)
    blob.metadata, blob.cache_control = {"sha256": hashlib.sha256(content).hexdigest()}, "public, max-age=5"
    blob.upload_from_file(io.BytesIO(content), size=size, content_type="a/b", if_generation_match=0, checksum="crc32c")
    found = cloud.bucket.get_blob(NAME)
    assert found.download_as_bytes() == content
    assert found.metadata == {"sha256": hashlib.sha256(content).hexdigest()}
    assert (found.cache_control, found.content_type, found.size) == ("public, max-age=5", "a/b", size)


def test_objects_survive_a_restart(cloud: Cloud) -> None:
    cloud.upload(b"kept").raise_for_status()
    again = in_process.session(in_process.application(cloud.directory))
    assert again.get(f"{API}/storage/v1/b{cloud.at('?alt=media')}").content == b"kept"


def test_one_of_many_concurrent_creations_wins(cloud: Cloud) -> None:
    def add(number: int) -> int:
        return cloud.upload(b"%d" % number, "&ifGenerationMatch=0").status_code

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(add, range(8)))
    assert sorted(answers) == [200] + [412] * 7
    assert cloud.send("GET", cloud.at("?alt=media")).content == b"%d" % answers.index(200)


def test_preconditions_protect_an_object_from_lost_updates(cloud: Cloud) -> None:
    first = cloud.upload(b"1").json()["generation"]
    second = cloud.upload(b"2", f"&ifGenerationMatch={first}").json()["generation"]
    assert cloud.upload(b"3", f"&ifGenerationMatch={first}").status_code == 412
    assert cloud.send("DELETE", cloud.at(f"?ifGenerationMatch={first}")).status_code == 412
    assert cloud.send("GET", cloud.at("?alt=media")).content == b"2"
    assert cloud.send("DELETE", cloud.at(f"?ifGenerationMatch={second}")).status_code == 204
    assert cloud.send("GET", cloud.at()).status_code == 404
    assert cloud.send("DELETE", cloud.at()).status_code == 404


def test_replaced_and_deleted_versions_become_noncurrent(cloud: Cloud) -> None:
    generations = [cloud.upload(body).json()["generation"] for body in (b"1", b"2")]
    cloud.send("DELETE", cloud.at()).raise_for_status()
    assert cloud.send("GET", "/objects/o").json().get("items") is None
    listed = cloud.send("GET", "/objects/o?versions=true").json()["items"]
    assert [each["generation"] for each in listed] == generations
    assert cloud.send("GET", cloud.at(f"?alt=media&generation={generations[0]}")).content == b"1"
    assert cloud.send("DELETE", "/objects").status_code == 409
    for generation in generations:
        cloud.send("DELETE", cloud.at(f"?generation={generation}")).raise_for_status()
    assert cloud.send("DELETE", "/objects").status_code == 200


def test_a_deleted_generation_is_soft_deleted(tmp_path: Path) -> None:
    cloud = Cloud(tmp_path, softDeletePolicy={"retentionDurationSeconds": 604800})
    generation = cloud.upload().json()["generation"]
    cloud.send("DELETE", cloud.at(f"?generation={generation}")).raise_for_status()
    assert cloud.send("GET", "/objects/o?versions=true").json().get("items") is None
    (soft,) = cloud.send("GET", "/objects/o?softDeleted=true").json()["items"]
    kept = datetime.fromisoformat(soft["hardDeleteTime"]) - datetime.fromisoformat(soft["softDeleteTime"])
    assert kept == timedelta(days=7)


def retained(cloud: Cloud, mode: str, days: int = 10, query: str = "") -> requests.Response:
    until = (datetime.now(UTC) + timedelta(days=days)).isoformat()
    return cloud.send("PATCH", cloud.at(query), json={"retention": {"mode": mode, "retainUntilTime": until}})


@pytest.mark.parametrize("mode", ["Unlocked", "Locked"])
def test_a_retained_version_becomes_noncurrent_and_is_not_deleted(cloud: Cloud, mode: str) -> None:
    generation = cloud.upload(b"1").json()["generation"]
    retained(cloud, mode).raise_for_status()
    cloud.upload(b"2").raise_for_status()
    refused = cloud.send("DELETE", cloud.at(f"?generation={generation}"))
    assert (refused.status_code, "retention" in refused.text) == (403, True)
    assert cloud.send("GET", cloud.at(f"?alt=media&generation={generation}")).content == b"1"


def test_without_versions_a_retained_object_is_not_replaced(tmp_path: Path) -> None:
    cloud = Cloud(tmp_path, versioning={"enabled": False})
    cloud.upload(b"1").raise_for_status()
    retained(cloud, "Unlocked").raise_for_status()
    assert cloud.upload(b"2").status_code == 403
    assert cloud.send("DELETE", cloud.at()).status_code == 403
    assert cloud.send("GET", cloud.at("?alt=media")).content == b"1"


def test_an_unlocked_retention_is_reduced_with_an_override_and_a_locked_one_never(cloud: Cloud) -> None:
    cloud.upload().raise_for_status()
    retained(cloud, "Unlocked").raise_for_status()
    override = "?overrideUnlockedRetention=true"
    assert retained(cloud, "Unlocked", 5).status_code == 403
    assert retained(cloud, "Unlocked", 5, override).status_code == 200
    assert retained(cloud, "Unlocked", 20).status_code == 200
    assert cloud.send("PATCH", cloud.at(override), json={"retention": None}).status_code == 200
    retained(cloud, "Locked").raise_for_status()
    assert retained(cloud, "Locked", 20).status_code == 200
    for change in (retained(cloud, "Locked", 5, override), retained(cloud, "Unlocked", 30, override)):
        assert change.status_code == 403
    assert cloud.send("PATCH", cloud.at(override), json={"retention": None}).status_code == 403


def test_a_bucket_without_object_retention_refuses_retentions(tmp_path: Path) -> None:
    cloud = Cloud(tmp_path)
    cloud.send("POST", json={"name": "plain", "location": "US-EAST1"}).raise_for_status()
    cloud.http.post(f"{API}/upload/storage/v1/b/plain/o?uploadType=media&name=a", data=b"x").raise_for_status()
    until = {"mode": "Locked", "retainUntilTime": "2100-01-01T00:00:00Z"}
    assert cloud.send("PATCH", "/plain/o/a", json={"retention": until}).status_code == 400


def test_a_copy_keeps_the_metadata_and_not_the_retention(cloud: Cloud) -> None:
    blob = cloud.bucket.blob(NAME)
    blob.metadata = {"digest": "sha256:abc"}
    blob.upload_from_string(b"moved", content_type="a/b")
    retained(cloud, "Locked").raise_for_status()
    cloud.bucket.blob(f"quarantine/{NAME}").rewrite(cloud.bucket.blob(NAME))
    copy = cloud.bucket.get_blob(f"quarantine/{NAME}")
    assert (copy.download_as_bytes(), copy.metadata, copy.content_type) == (b"moved", {"digest": "sha256:abc"}, "a/b")
    assert copy.retention.mode is None


def test_a_corrupt_upload_is_refused(cloud: Cloud) -> None:
    head = {"name": NAME, "crc32c": "AAAAAA=="}
    body = b"--x\r\n\r\n" + json.dumps(head).encode() + b"\r\n--x\r\nContent-Type: a/b\r\n\r\nbytes\r\n--x--"
    path = f"{API}/upload/storage/v1/b/objects/o?uploadType=multipart"
    refused = cloud.http.post(path, data=body, headers={"Content-Type": "multipart/related; boundary=x"})
    assert (refused.status_code, "crc32c" in refused.text) == (400, True)
    assert cloud.send("GET", "/objects/o").json().get("items") is None


def test_a_resumable_upload_continues_after_an_interruption(cloud: Cloud) -> None:
    content, half = seeded(600_000), 512 << 10
    started = cloud.http.post(f"{API}/upload/storage/v1/b/objects/o?uploadType=resumable", json={"name": NAME})
    session = started.headers["Location"]

    def put(body: bytes, of: str) -> requests.Response:
        return cloud.http.put(session, data=body, headers={"Content-Range": f"bytes {of}"}, allow_redirects=False)

    assert put(content[:half], f"0-{half - 1}/*").headers["Range"] == f"bytes=0-{half - 1}"
    assert (uploaded := put(b"", "*/600000")).status_code == 308 and uploaded.headers["Range"] == f"bytes=0-{half - 1}"
    assert cloud.send("GET", cloud.at()).status_code == 404
    assert put(content[half:], f"{half}-599999/600000").status_code == 200
    assert cloud.send("GET", cloud.at("?alt=media")).content == content


@pytest.mark.parametrize(
    ("role", "status"),
    [("", 403), ("roles/storage.objectCreator", 403), ("roles/storage.objectViewer", 200)],
)
def test_a_shield_reads_with_the_token_of_a_permitted_account(cloud: Cloud, role: str, status: int) -> None:
    cloud.upload(b"bytes").raise_for_status()
    assert cloud.read(cloud.token(role)).status_code == status


def test_a_shield_without_a_valid_token_is_refused(cloud: Cloud) -> None:
    cloud.upload(b"bytes").raise_for_status()
    cloud.token("roles/storage.objectViewer")
    assert (cloud.read().status_code, cloud.read("Bearer ya29.wrong").status_code) == (403, 401)
    answer = cloud.send("GET", cloud.at(), headers={"Authorization": "Bearer ya29.wrong"})
    assert answer.status_code == 401


def test_the_operator_reads_at_the_path_of_a_bucket_without_a_token_and_a_shield_with_its_permissions(
    cloud: Cloud,
) -> None:
    cloud.upload(b"state").raise_for_status()
    # Google's library for Go writes a slash in an object's name as %2F. This test does the same.
    url = f"{API}/objects/{quote(NAME, safe='')}"
    assert cloud.http.get(url).content == b"state"
    assert cloud.http.get(url, headers={"Authorization": cloud.token()}).status_code == 403
    assert cloud.http.get(f"{API}/objects/absent").status_code == 404
    assert cloud.http.get(f"{API}/no-bucket/absent").status_code == 501


def test_parameters_with_their_default_values_change_nothing(cloud: Cloud) -> None:
    """Checks that the emulated Cloud Storage accepts parameters with their default values. Google's library for Go
    sends all parameters of an API method, even if the caller has not set them.
    """
    cloud.upload(b"1").raise_for_status()
    defaults = "?alt=json&delimiter=/&endOffset=&includeFoldersAsPrefixes=false&pageToken=&prefix=npm/&versions=false"
    assert cloud.send("GET", f"/objects/o{defaults}").json()["prefixes"] == ["npm/@acme/"]
    assert cloud.send("GET", "/objects/o?includeFoldersAsPrefixes=true").status_code == 501


def test_a_bucket_is_created_and_changed_as_the_command_line_does(cloud: Cloud) -> None:
    """Checks that the emulated Cloud Storage accepts a change of a bucket that also repeats the bucket's name. The
    command `gcloud storage buckets update` sends such requests.
    """
    made = cloud.send("POST", "?alt=json&project=unit&projection=noAcl", json={"name": "states", "location": "eu"})
    assert made.status_code == 200, made.text
    versioned = {"name": "states", "versioning": {"enabled": True}}
    changed = cloud.send("PATCH", "/states?alt=json&projection=noAcl", json=versioned)
    assert changed.json()["versioning"] == {"enabled": True}
    assert cloud.send("PATCH", "/states", json={"name": "others"}).status_code == 501
    assert cloud.send("POST", "?projection=full", json={"name": "full", "location": "eu"}).status_code == 501


def test_a_shield_gets_parts_conditions_and_metadata(cloud: Cloud) -> None:
    blob = cloud.bucket.blob(NAME)
    blob.metadata, blob.cache_control = {"digest": "sha256:abc"}, "public, max-age=31536000, immutable"
    blob.upload_from_string(b"0123456789", content_type="a/b")
    bearer = cloud.token("roles/storage.objectViewer")
    whole = cloud.read(bearer)
    assert (whole.content, whole.headers["x-goog-meta-digest"]) == (b"0123456789", "sha256:abc")
    assert whole.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    part = cloud.read(bearer, Range="bytes=2-4")
    assert (part.status_code, part.content, part.headers["Content-Range"]) == (206, b"234", "bytes 2-4/10")
    assert cloud.read(bearer, **{"If-None-Match": whole.headers["ETag"]}).status_code == 304
    assert cloud.http.get(f"{HOST}/missing", headers={"Authorization": bearer}).status_code == 404
    assert cloud.http.put(f"{HOST}/{quote(NAME)}", headers={"Authorization": bearer}, data=b"x").status_code == 501


@pytest.mark.parametrize(
    ("method", "path", "more"),
    [
        ("GET", "/objects/o?fields=items(name)", {}),
        ("GET", "/objects/o/a/acl", {}),
        ("PATCH", "/objects/o/a", {"json": {"temporaryHold": True}}),
        ("POST", "/objects/o/a/compose", {"json": {}}),
        ("DELETE", "/objects/o/a?userProject=p", {}),
    ],
)
def test_unknown_requests_are_refused(cloud: Cloud, method: str, path: str, more: dict[str, Any]) -> None:
    cloud.http.post(f"{API}/upload/storage/v1/b/objects/o?uploadType=media&name=a", data=b"x").raise_for_status()
    assert cloud.send(method, path, **more).status_code == 501
