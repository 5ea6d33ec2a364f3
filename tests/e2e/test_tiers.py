"""Tests the tiers edge, shield (the regional caches) and origin: which tier answers a request, which requests reach the
origin, and that no tier serves an object that another tier refuses.
"""

from __future__ import annotations

import asyncio
import hashlib
import ssl
import time
from collections import Counter

import httpx
import pytest

from emulation.layout import CLIENT_LOCATIONS, ClientLocation
from local.clients import ANONYMOUS
from tests.support.sandbox.commands import registry
from tests.support.sandbox.edge import EU_WEST, US_EAST, access, purge_edge
from tests.support.sandbox.origin import MOST_REQUESTS_FOR_A_MISS, control, origin_requests, store
from tests.support.sandbox.shields import machines, requests_at
from tests.support.sandbox.up import Up
from tests.support.waiting import eventually

TARBALL = "npm/@acme/greeting/-/greeting-1.0.0.tgz"


def test_each_tier_answers_after_its_first_miss(up: Up) -> None:
    key = "npm/@acme/greeting/-/greeting-9.9.9.tgz"
    body = store(up, key, 20_000)
    with httpx.Client(**access(up, US_EAST)) as client:

        def answered_by() -> str:
            answer = client.get(f"/{key}")
            assert (answer.status_code, answer.content) == (200, body)
            return answer.headers["x-cache"]

        assert answered_by() == "origin; miss"
        assert answered_by() == "edge; hit"
        purge_edge(up, key)
        assert answered_by() == "shield; hit"
        assert answered_by() == "edge; hit"
    assert 1 <= origin_requests(up, key) <= MOST_REQUESTS_FOR_A_MISS


@pytest.mark.parametrize("by", ["package", "worker-version"])
def test_a_purge_by_package_or_by_worker_version_removes_the_object_from_the_edge(up: Up, by: str) -> None:
    key = f"npm/@acme/greeting/-/greeting-9.8.{len(by)}.tgz"
    body = store(up, key, 1_000)
    with httpx.Client(**access(up, US_EAST)) as client:
        assert [client.get(f"/{key}").headers["x-cache"] for _ in range(2)] == ["origin; miss", "edge; hit"]
        name = "npm:@acme/greeting" if by == "package" else up.outputs()["worker_version"]
        done = registry(up, "purges", by, name)
        assert done.returncode == 0, done.stderr
        again = client.get(f"/{key}")
    assert (again.content, again.headers["x-cache"]) == (body, "shield; hit")


def test_a_hundred_simultaneous_misses_are_one_request_of_each_asked_shield(up: Up) -> None:
    key = "npm/@acme/greeting/-/greeting-9.9.8.tgz"
    body = store(up, key, 300_000)
    settings = access(up, US_EAST)

    async def simultaneous_reads() -> list[httpx.Response]:
        async with httpx.AsyncClient(**settings, limits=httpx.Limits(max_connections=100)) as client:
            return await asyncio.gather(*(client.get(f"/{key}") for _ in range(100)))

    answers = asyncio.run(simultaneous_reads())
    assert Counter((answer.status_code, hashlib.sha256(answer.content).digest()) for answer in answers) == {
        (200, hashlib.sha256(body).digest()): 100
    }
    assert 1 <= origin_requests(up, key) <= MOST_REQUESTS_FOR_A_MISS


def test_another_region_uses_its_own_shield(up: Up) -> None:
    key = "npm/@acme/greeting/-/greeting-9.9.7.tgz"
    body = store(up, key, 1_000)
    for client_location in (US_EAST, EU_WEST):
        with httpx.Client(**access(up, client_location)) as client:
            answer = client.get(f"/{key}")
            assert answer.content == body
            # After a second without an answer, the edge also requests the object from another region's shield (a
            # regional cache), which may have it.
            assert answer.headers["x-cache"] in ("origin; miss", "shield; hit")
    for region in ("us-east-1", "eu-west-1"):
        assert eventually(lambda region=region: any(requests_at(up, each)[key] for each in machines(up, region)))


@pytest.mark.parametrize("client_location", CLIENT_LOCATIONS, ids=lambda client_location: client_location.name)
def test_a_cached_object_still_requires_a_token_and_a_grant(up: Up, client_location: ClientLocation) -> None:
    with httpx.Client(**access(up, client_location)) as reader:
        assert reader.get(f"/{TARBALL}").status_code == 200
        assert reader.get(f"/{TARBALL}").headers["x-cache"] == "edge; hit"
    with httpx.Client(**access(up, client_location, ANONYMOUS)) as anonymous:
        refused = anonymous.get(f"/{TARBALL}")
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"]
    with httpx.Client(**access(up, client_location, "outsider")) as outsider:
        assert outsider.get(f"/{TARBALL}").status_code == 403
        assert outsider.get("/npm/@acme/not-there").status_code == 403


def test_a_shield_serves_only_the_edge(up: Up) -> None:
    trust = ssl.create_default_context()
    trust.check_hostname = False
    trust.verify_mode = ssl.CERT_NONE
    for shield in up.outputs()["shields"]:
        with httpx.Client(verify=trust) as stranger, pytest.raises(httpx.HTTPError, match="certificate"):
            stranger.get(f"https://{shield['address']}:8443/objects/{TARBALL}")


def test_a_published_object_reaches_the_other_origin(up: Up) -> None:
    primary, replica = (bucket["name"] for bucket in up.outputs()["buckets"])
    s3 = up.aws("s3")
    deadline = time.monotonic() + 120
    while control(up, "replication")["pending"]:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    there = s3.get_object(Bucket=replica, Key=TARBALL)
    here = s3.get_object(Bucket=primary, Key=TARBALL)
    assert there["Body"].read() == here["Body"].read()
    assert there["CacheControl"] == here["CacheControl"] == "public, max-age=31536000, immutable"


def test_a_shield_tries_the_next_origin_while_the_replica_lags(up: Up) -> None:
    key = "npm/@acme/greeting/-/greeting-9.9.6.tgz"
    control(up, "replication", {"paused": True})
    try:
        body = store(up, key, 1_000)
        with httpx.Client(**access(up, EU_WEST)) as client:
            answer = client.get(f"/{key}")
        assert (answer.status_code, answer.content) == (200, body)
    finally:
        control(up, "replication", {"paused": False})
