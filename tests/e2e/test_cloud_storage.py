"""Tests a stack that keeps its objects on Google Cloud Storage.

The registry publishes packages and images, and a shield on Compute Engine reads their objects with the tokens of its
service account. Real npm, pip and skopeo install the packages and images.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from local.clients import Client
from local.samples import build
from tests.support.sandbox.cloud_storage import CONFIG, OnCloudStorage, on_cloud_storage
from tests.support.sandbox.edge import US_EAST, access
from tests.support.sandbox.installs import npm_install, pip_install, skopeo_copy
from tests.support.sandbox.origin import MOST_REQUESTS_FOR_A_MISS
from tests.support.waiting import eventually

LOOPBACK = "127.84"
STACK = "objects"


@pytest.fixture(scope="module")
def up() -> Iterator[OnCloudStorage]:
    with on_cloud_storage(LOOPBACK, STACK, CONFIG) as stack:
        yield stack
        gone = stack.project.pulumi("destroy", "--yes", "--skip-preview")
        # Neither Google Cloud nor the emulation deletes a bucket with locked objects. `pulumi destroy` must therefore
        # fail.
        assert "is subject to a retention configuration" in gone.stdout + gone.stderr


def test_real_clients_install_published_packages(up: OnCloudStorage, tmp_path: Path) -> None:
    reader, samples = Client(up.sandbox, "reader", up.outputs()["url"]), build(tmp_path / "samples")
    result = npm_install(reader, "@acme/web", tmp_path / "npm")
    assert result.returncode == 0, result.stderr
    lock = json.loads((tmp_path / "npm/package-lock.json").read_text())
    assert {"node_modules/@acme/web", "node_modules/@acme/greeting"} <= lock["packages"].keys()
    result = pip_install(reader, "acme-greeter", tmp_path / "python")
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "python/acme_greeter").exists() or list((tmp_path / "python").glob("acme_greeter*"))
    result = skopeo_copy(reader, "acme/app:1.0", tmp_path / "image")
    assert result.returncode == 0, result.stderr
    for blob in (tmp_path / "image/blobs/sha256").iterdir():
        assert hashlib.sha256(blob.read_bytes()).hexdigest() == blob.name
    with httpx.Client(**access(up, US_EAST)) as client:
        tarball = client.get("/npm/@acme/web/-/web-1.0.0.tgz").content
        manifest = client.get("/v2/acme/app/manifests/1.0")
    assert tarball == samples.files[1].read_bytes()
    digest = f"sha256:{hashlib.sha256(manifest.content).hexdigest()}"
    assert manifest.headers["docker-content-digest"] == digest
    assert int(manifest.headers["x-artifact-edge-revision"]) > 0


def test_a_hundred_simultaneous_misses_are_one_request_of_each_asked_shield(up: OnCloudStorage) -> None:
    key = "npm/@acme/greeting/-/greeting-9.9.8.tgz"
    body = up.store(key, 300_000)
    settings = access(up, US_EAST)

    async def simultaneous_reads() -> list[httpx.Response]:
        async with httpx.AsyncClient(**settings, limits=httpx.Limits(max_connections=100)) as client:
            return await asyncio.gather(*(client.get(f"/{key}") for _ in range(100)))

    answers = asyncio.run(simultaneous_reads())
    assert Counter((answer.status_code, hashlib.sha256(answer.content).digest()) for answer in answers) == {
        (200, hashlib.sha256(body).digest()): 100
    }
    assert 1 <= up.origin_requests(key) <= MOST_REQUESTS_FOR_A_MISS


@contextmanager
def token_of_the_shield(up: OnCloudStorage) -> Generator[Path]:
    """Yields the path of the file with the shield's access token for Cloud Storage.

    Restores the token in the file at the end of the `with` block.
    """
    file = up.machine / "run/artifact-edge/gcs_token"
    good = file.read_text()
    try:
        yield file
    finally:
        file.write_text(good)


@pytest.mark.parametrize(("token", "number"), [("ya29.wrong\n", "7.0.1"), ("", "7.0.2")])
def test_without_a_valid_shield_token_clients_get_only_a_gateway_error(
    up: OnCloudStorage, token: str, number: str
) -> None:
    warm = f"npm/@acme/greeting/-/greeting-{number}.tgz"
    body, cold = up.store(warm, 1_000), [f"npm/@acme/greeting/-/greeting-{number}-{n}.tgz" for n in range(3)]
    bodies = [up.store(key, 1_000) for key in cold]

    def refused(key: str) -> httpx.Response:
        # The shield's timer sometimes writes a valid token into `file`. The test therefore writes the invalid `token`
        # before each request.
        file.write_text(token)
        time.sleep(1.5)  # the shield reads the token file again after a second
        return client.get(f"/{key}")

    with httpx.Client(**access(up, US_EAST)) as client:
        assert client.get(f"/{warm}").content == body
        with token_of_the_shield(up) as file:
            answer = next(answer for key in cold if (answer := refused(key)).status_code != 200)
            assert (answer.status_code, client.get(f"/{warm}").content) == (502, body)
        output = f"{answer.text} {answer.headers}".lower()
        assert not any(word in output for word in ("ya29", "google", "goog-", "bearer ya", up.bucket))
        assert eventually(lambda: client.get(f"/{cold[-1]}").content == bodies[-1])


def test_an_account_without_its_permission_reads_nothing(up: OnCloudStorage) -> None:
    key = "npm/@acme/greeting/-/greeting-7.0.3.tgz"
    body, path = up.store(key, 1_000), f"/storage/v1/b/{up.bucket}"
    granted = up.api("GET", path).json()["iam"]
    with httpx.Client(**access(up, US_EAST)) as client:
        up.api("PATCH", path, json={"iam": {"bindings": []}})
        try:
            assert client.get(f"/{key}").status_code == 502
        finally:
            up.api("PATCH", path, json={"iam": granted})
        assert eventually(lambda: client.get(f"/{key}").content == body)


def test_only_the_token_file_contains_the_token(up: OnCloudStorage) -> None:
    token = (up.machine / "run/artifact-edge/gcs_token").read_text().strip()
    assert token.startswith("ya29.")
    logs = up.machine / "var/log/artifact-edge"
    assert eventually(lambda: "greeting-9.9.8" in (logs / "access.log").read_text())
    for file in [*logs.iterdir(), *up.sandbox.path("logs", "x").parent.iterdir()]:
        assert token not in file.read_text(errors="replace"), file
    for file in (up.machine / "etc/artifact-edge").iterdir():
        assert token not in file.read_text(errors="replace"), file
