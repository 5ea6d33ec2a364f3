"""Tests the machine of a shield (a regional cache), which boots from its user data. The machine runs the real Traffic
Server with TLS. The tests' origin servers count the requests that they get.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

import httpx
import pytest

from contract.shields import EDGE_PORT, HEALTH_PORT
from tests.support.sandbox.shields import records_in
from tests.support.shield_machine import EDGE, FAR, NEAR, ORIGIN_KEY, Shield, body, booted_shield
from tests.support.shield_origin import LAST_MODIFIED
from tests.support.waiting import eventually

pytestmark = pytest.mark.skipif(shutil.which("traffic_manager") is None, reason="needs apt package trafficserver")


@pytest.fixture(scope="module")
def shield() -> Iterator[Shield]:
    with booted_shield() as machine:
        yield machine


@pytest.fixture(scope="module", autouse=True)
def stored_early(shield: Shield) -> int:
    """Stores objects in the shield's cache. A later test crashes the shield, and expects that the objects are still in
    the cache.

    Traffic Server saves its directory, the index of its cache, from time to time. Returns how often it had saved the
    directory when the objects were stored.
    """
    shield.cloud.put(NEAR, "durable", body(200_000))
    shield.edge.get("durable")
    # Traffic Server gathers 4 MB in a buffer before it writes to the disk. The test stores a further object of 12 MB,
    # so that the first object is on the disk.
    shield.cloud.put(NEAR, "ballast", body(12_000_000))
    shield.edge.get("ballast")
    return _directory_saves(shield)


def test_object_comes_from_origin_then_from_shield(shield: Shield) -> None:
    shield.cloud.put(NEAR, "npm/%40acme/hello/-/hello-1.0.0.tgz", body(5000))
    first = shield.edge.get("npm/@acme/hello/-/hello-1.0.0.tgz")
    second = shield.edge.get("npm/%40acme/hello/-/hello-1.0.0.tgz?ignored=1")
    assert first.content == second.content == body(5000)
    assert (first.headers["X-Cache"], second.headers["X-Cache"]) == ("origin; miss", "shield; hit")
    assert shield.cloud.requested_hosts("npm/%40acme/hello/-/hello-1.0.0.tgz") == [NEAR]
    assert second.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert second.headers["x-amz-meta-digest"] == "sha256:abc"
    assert second.headers["x-amz-meta-revision"] == "7"
    assert second.headers["x-amz-meta-published"] == "2026-01-01T00:00:00.000000Z"
    assert second.headers["Server-Timing"].startswith("shield;dur=")
    hidden = {"server", "via", "x-amz-request-id"}
    assert not hidden & {name.lower() for name in (*first.headers, *second.headers)}


def test_the_origin_receives_no_client_headers(shield: Shield) -> None:
    shield.cloud.put(NEAR, "private", b"x")
    client = {
        "Authorization": "Bearer ae_token",
        "Cookie": "a=b",
        "X-Forwarded-For": "192.0.2.1",
        "Accept": "text/html",
    }
    shield.edge.get("private", headers=client)
    (headers,) = [headers for _, key, headers in shield.cloud.requests if key == "private"]
    assert headers["authorization"].startswith("AWS4-HMAC-SHA256 ")
    assert not {"x-artifact-edge-key", "cookie", "x-forwarded-for", "accept", "via"} & headers.keys()


# S3 can answer 400 to a malformed validator (an ETag or a date), and the shield would treat this answer as a failure of
# the origin. The shield must therefore not forward the validators of clients.
@pytest.mark.parametrize("validator", [{"If-None-Match": '"' + "x" * 9_000}, {"If-Modified-Since": "yesterday"}])
def test_validators_of_a_client_do_not_reach_the_origin(shield: Shield, validator: dict[str, str]) -> None:
    key = f"npm/{next(iter(validator)).lower()}/packument.json"
    shield.cloud.put(NEAR, key, b"{}", "public, max-age=0")
    for verdict in ("origin; miss", "shield; hit"):
        assert shield.edge.get(key, headers=validator).headers["X-Cache"] == verdict
    first, revalidation = [headers for _, requested, headers in shield.cloud.requests if requested == key]
    assert not {"if-none-match", "if-modified-since"} & first.keys()
    assert (revalidation["if-none-match"], revalidation["if-modified-since"]) == ('"2"', LAST_MODIFIED)


# The edge worker sends HEAD requests to shields for objects that L1 does not store.
def test_a_long_validator_of_a_head_request_does_not_reach_the_origin(shield: Shield) -> None:
    key, validator = "npm/head/packument.json", {"If-None-Match": '"' + "x" * 9_000 + '"'}
    shield.cloud.put(NEAR, key, b"{}", "public, max-age=0")
    assert shield.edge.head(key, headers=validator).status_code == 200
    shield.edge.get(key)
    assert shield.edge.head(key, headers=validator).status_code == 200
    miss, _, revalidation = [headers for _, requested, headers in shield.cloud.requests if requested == key]
    assert "if-none-match" not in miss
    assert revalidation["if-none-match"] == '"2"'


def test_client_without_certificate_is_refused(shield: Shield) -> None:
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{shield.url}/objects/private", verify=shield.strangers_trust, headers=EDGE)


@pytest.mark.parametrize("key", ["", "wrong", ORIGIN_KEY + "x"])
def test_a_request_without_the_origin_key_is_refused_even_for_cached_objects(shield: Shield, key: str) -> None:
    shield.cloud.put(NEAR, "cached", b"x")
    assert shield.edge.get("cached").status_code == 200
    assert shield.edge.get("cached", headers={"X-Artifact-Edge-Key": key}).status_code == 403


def test_only_reading_objects_is_allowed(shield: Shield) -> None:
    assert shield.edge.put("cached", content=b"y").status_code in (403, 405)
    assert shield.edge.get(f"{shield.url}/elsewhere").status_code == 404


def test_health_port_serves_health_and_nothing_else(shield: Shield) -> None:
    shield.cloud.put(NEAR, "cached", b"x")
    shield.edge.get("cached")
    assert shield.health_status() == 200
    for url, host in (
        ("/objects/cached", f"{shield.address}:8080"),
        ("/objects/cached", f"{shield.address}:8443"),
        ("/cached", "objects.internal:9001"),
        ("/cached", "objects.internal"),
        ("/", f"{shield.address}:8080"),
    ):
        answer = httpx.get(f"http://{shield.address}:8080{url}", headers={**EDGE, "Host": host})
        assert (url, host, answer.status_code) == (url, host, 404)


def test_a_hundred_simultaneous_misses_are_one_origin_request(shield: Shield) -> None:
    content = body(300_000)
    shield.cloud.put(NEAR, "herd", content)
    shield.cloud.first_byte_seconds = 0.2

    async def simultaneous_reads() -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(verify=shield.trust, headers=EDGE, timeout=30, limits=limits) as client:
            return await asyncio.gather(*[client.get(f"{shield.url}/objects/herd") for _ in range(100)])

    try:
        answers = asyncio.run(simultaneous_reads())
    finally:
        shield.cloud.first_byte_seconds = 0.0
    assert {hashlib.sha256(answer.content).hexdigest() for answer in answers} == {hashlib.sha256(content).hexdigest()}
    assert shield.cloud.requested_hosts("herd") == [NEAR]


@pytest.mark.parametrize(
    "byte_range, start, end", [("10-19", 10, 20), ("-7", 99_993, 100_000), ("99000-", 99_000, 100_000)]
)
def test_an_uncached_range_comes_from_the_stored_object(shield: Shield, byte_range: str, start: int, end: int) -> None:
    content, key = body(100_000), f"range{byte_range}"
    shield.cloud.put(NEAR, key, content)
    cold = shield.edge.get(key, headers={"Range": f"bytes={byte_range}"})
    assert shield.cloud.requested_hosts(key) == [NEAR]
    # While the shield is still storing the object, the shield can answer a range request with the whole object, or
    # request the object from the origin again. The test waits until the object is stored.
    assert eventually(lambda: shield.edge.head(key).headers["X-Cache"] == "shield; hit")
    before = len(shield.cloud.requested_hosts(key))
    warm = shield.edge.get(key, headers={"Range": f"bytes={byte_range}"})
    whole = shield.edge.get(key)
    for answer in (cold, warm):
        assert (answer.status_code, answer.content) == (206, content[start:end])
        assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/100000"
    assert whole.content == content
    assert len(shield.cloud.requested_hosts(key)) == before


def test_conditional_request_is_answered_from_the_store(shield: Shield) -> None:
    shield.cloud.put(NEAR, "conditional", b"twelve bytes")
    assert shield.edge.get("conditional", headers={"If-None-Match": '"12"'}).status_code == 304
    assert shield.edge.get("conditional").headers["X-Cache"] == "shield; hit"


def test_a_lagging_replicas_404_does_not_count(shield: Shield) -> None:
    key = "npm/fresh/-/fresh-1.0.0.tgz"
    shield.cloud.put(FAR, key, b"new")
    first, second = shield.edge.get(key), shield.edge.get(key)
    assert (first.content, second.content) == (b"new", b"new")
    assert second.headers["X-Cache"] == "shield; hit"
    assert shield.cloud.requested_hosts(key) == [NEAR, FAR]


@pytest.mark.parametrize("key", ["npm/gone/packument.json", "pypi/simple/gone/index.html", "oci/tags/gone/latest"])
def test_the_primarys_answer_about_a_document_counts(shield: Shield, key: str) -> None:
    shield.cloud.put(FAR, key, b"withdrawn, which the replica does not know yet")
    assert shield.edge.get(key).status_code == 404
    assert shield.cloud.requested_hosts(key) == [NEAR]


def test_a_404_is_not_cached(shield: Shield) -> None:
    missing = shield.edge.get("late")
    assert missing.status_code == 404
    assert "X-Cache" not in missing.headers
    shield.cloud.put(NEAR, "late", b"now")
    assert shield.edge.get("late").content == b"now"


def test_a_stale_document_is_served_while_all_origins_fail(shield: Shield) -> None:
    shield.cloud.put(NEAR, "document", b"{}", "public, max-age=0, stale-if-error=86400")
    assert shield.edge.get("document").headers["X-Cache"] == "origin; miss"
    shield.cloud.failing = {NEAR: 503, FAR: 503}
    try:
        answer = shield.edge.get("document")
    finally:
        shield.cloud.failing = {}
    assert (answer.status_code, answer.content, answer.headers["X-Cache"]) == (200, b"{}", "shield; stale")
    _wait_until_origins_are_tried_again(shield)


def test_a_shield_with_expired_credentials_serves_stale_documents_and_answers_502_for_others(shield: Shield) -> None:
    shield.cloud.put(NEAR, "npm/expired/packument.json", b"{}", "public, max-age=0, stale-if-error=86400")
    assert shield.edge.get("npm/expired/packument.json").headers["X-Cache"] == "origin; miss"
    shield.cloud.session_ended = True
    try:
        stale, missing = shield.edge.get("npm/expired/packument.json"), shield.edge.get("npm/other/packument.json")
    finally:
        shield.cloud.session_ended = False
    assert (stale.status_code, stale.content, stale.headers["X-Cache"]) == (200, b"{}", "shield; stale")
    assert missing.status_code == 502
    _wait_until_origins_are_tried_again(shield)


# S3 answers 400 if the credentials of the request have expired. The shield then requests the object from the next
# origin, because the shield's credentials for that origin may still be valid.
@pytest.mark.parametrize("status", [503, 400])
@pytest.mark.parametrize("document", ["-/survivor-1.0.0.tgz", "packument.json"])
def test_a_failing_origin_is_skipped(shield: Shield, document: str, status: int) -> None:
    key = f"npm/survivor-{status}/{document}"
    shield.cloud.put(FAR, key, b"here")
    shield.cloud.failing = {NEAR: status}
    try:
        assert shield.edge.get(key).content == b"here"
    finally:
        shield.cloud.failing = {}
    _wait_until_origins_are_tried_again(shield)


def test_a_key_that_s3_refuses_as_too_long_is_404_and_no_failure_of_an_origin(shield: Shield) -> None:
    key = f"pypi/simple/{'a' * 1010}/index.html"
    assert (shield.edge.get(key).status_code, shield.cloud.requested_hosts(key)) == (404, [])
    longest = f"pypi/simple/{'a' * 1001}/index.html"
    assert (shield.edge.get(longest).status_code, shield.cloud.requested_hosts(longest)) == (404, [NEAR])


def test_a_purge_removes_an_object(shield: Shield) -> None:
    shield.cloud.put(NEAR, "purged", b"old")
    shield.edge.get("purged")
    shield.cloud.put(NEAR, "purged", b"new!")
    assert shield.edge.request("PURGE", "purged", headers={"X-Artifact-Edge-Key": "wrong"}).status_code == 403
    assert shield.edge.get("purged").content == b"old"
    assert shield.edge.request("PURGE", "purged").status_code == 200
    assert shield.edge.get("purged").content == b"new!"


def test_the_access_log_contains_no_secret(shield: Shield) -> None:
    log = shield.sandbox.directory / "machines/i-0001/root/var/log/artifact-edge/access.log"
    deadline = time.monotonic() + 120
    while not log.exists() or '"path":"purged"' not in log.read_text():
        assert time.monotonic() < deadline, "nothing was logged"
        time.sleep(0.3)
    assert ORIGIN_KEY not in log.read_text()
    statuses = {record["origin_status"] for record in records_in(log)}
    # The shield's access log has the origin's status: 000 if the shield's cache had the object, and 200 if the origin
    # sent it.
    assert statuses > {"000", "200"}


def test_the_access_log_names_the_install_and_no_origin_gets_its_id(shield: Shield) -> None:
    shield.cloud.put(NEAR, "installed", body(10))
    install = "0123456789abcdef" * 2
    for value in (install, "prefetch", "alice"):
        shield.edge.get("installed", headers={"X-Artifact-Edge-Install": value})
    shield.edge.get("installed")
    assert eventually(lambda: len(logged(shield, "installed")) == 4)
    assert [record["install"] for record in logged(shield, "installed")] == [install, "prefetch", "-", "-"]
    (sent,) = [headers for _, key, headers in shield.cloud.requests if key == "installed"]
    assert "x-artifact-edge-install" not in sent


def test_no_request_can_forge_a_line_of_the_access_log(shield: Shield) -> None:
    forged = '","port":8443,"path":"forged","x":"'
    for name in ("Range", "X-Artifact-Edge-Install"):
        httpx.get(f"http://{shield.address}:{HEALTH_PORT}/forging", headers={name: forged})
    assert eventually(lambda: len(logged(shield, "forging", HEALTH_PORT)) == 2)
    assert logged(shield, "forged") == []


def logged(shield: Shield, path: str, port: int = EDGE_PORT) -> list[Mapping[str, Any]]:
    """Returns the lines of the shield's access log about requests for `path`."""
    log = shield.root / "var/log/artifact-edge/access.log"
    return [record for record in records_in(log) if (record["path"], record["port"]) == (path, port)]


def test_cache_survives_a_crash(shield: Shield, stored_early: int) -> None:
    _wait_until_directory_is_saved_again(shield, stored_early)
    pid = shield.pid
    assert pid is not None
    os.killpg(pid, signal.SIGKILL)
    shield.up(after=pid)
    again = shield.edge.get("durable")
    assert (again.headers["X-Cache"], again.content) == ("shield; hit", body(200_000))
    assert shield.cloud.requested_hosts("durable") == [NEAR]


def _wait_until_origins_are_tried_again(shield: Shield) -> None:
    """Waits until the shield sends requests to all origins again. After a failure of an origin, the shield skips this
    origin for a time (Traffic Server's setting proxy.config.http.parent_proxy.retry_time). The shield counts failures
    for immutable objects and failures for mutable documents separately.
    """
    # If an origin answers 403, the shield requests the object or document from the next origin. It does not count the
    # 403 as a failure of the origin.
    shield.cloud.failing = {NEAR: 403, FAR: 403}
    deadline = time.monotonic() + 120
    for prefix in ("npm/probe/-/", "npm/probe/"):
        for number in count():
            key = f"{prefix}{time.monotonic()}-{number}"
            shield.edge.get(key)
            if shield.cloud.requested_hosts(key) == [NEAR, FAR]:
                break
            assert time.monotonic() < deadline, "the origins were not tried again"
            time.sleep(0.3)
    shield.cloud.failing = {}


def _wait_until_directory_is_saved_again(shield: Shield, saves: int) -> None:
    """Waits until Traffic Server has saved its directory, the index of its cache, more than `saves` times. Traffic
    Server saves the directory at intervals (proxy.config.cache.dir.sync_frequency).

    A crash loses objects that were stored after the last save.
    """
    deadline = time.monotonic() + 120
    while _directory_saves(shield) <= saves:
        assert time.monotonic() < deadline, "the directory was not saved"
        time.sleep(0.5)


def _directory_saves(shield: Shield) -> int:
    runroot = shield.sandbox.directory / "machines/i-0001/root/etc/artifact-edge/runroot.yaml"
    command = ["traffic_ctl", "metric", "get", "proxy.process.cache.sync.count"]
    environment = {**os.environ, "TS_RUNROOT": str(runroot)}
    output = subprocess.run(command, env=environment, capture_output=True, text=True, check=False).stdout
    return int(output.split()[-1]) if output else 0
