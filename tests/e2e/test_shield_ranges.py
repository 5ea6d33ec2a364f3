"""Tests range and conditional requests at a shield (a regional cache). The shield has no copy, a fresh copy or a stale
copy of the object (RFC 9110, RFC 9111).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from itertools import count

import httpx
import pytest

from tests.support.shield_machine import NEAR, Shield, body, booted_shield
from tests.support.waiting import eventually

pytestmark = pytest.mark.skipif(shutil.which("traffic_manager") is None, reason="needs apt package trafficserver")

CONTENT = body(1000)
LATER = body(500, seed=1)
ETAG = f'"{len(CONTENT)}"'
# The Cache-Control of an object that is stale at once, so that the shield revalidates its cached copy for each request.
STALE = "public, max-age=0, stale-if-error=86400"
_numbers = count()


@pytest.fixture(scope="module")
def shield() -> Iterator[Shield]:
    with booted_shield() as machine:
        yield machine


def _answers(shield: Shield, method: str, headers: dict[str, str]) -> Iterator[tuple[str, httpx.Response]]:
    """Yields a shield's responses to the same request for three objects: an uncached, a cached and a stale one."""
    for state in ("lacks", "has", "has stale"):
        key = f"ranges-{next(_numbers)}"
        shield.cloud.put(NEAR, key, CONTENT, **({"cache_control": STALE} if state == "has stale" else {}))
        if state != "lacks":
            assert shield.edge.get(key).content == CONTENT
        if state == "has":
            # While the shield is still storing the object, it can answer with the whole object and ignore the Range
            # header. The test therefore waits for a cache hit.
            assert eventually(lambda key=key: shield.edge.head(key).headers["X-Cache"] == "shield; hit")
        yield state, shield.edge.request(method, key, headers=headers)


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [("10-19", 10, 20), ("990-", 990, 1000), ("-10", 990, 1000), ("990-9007199254740991", 990, 1000)],
)
def test_a_range_is_its_bytes_or_the_whole(shield: Shield, asked: str, start: int, end: int) -> None:
    for state, answer in _answers(shield, "GET", {"Range": f"bytes={asked}"}):
        if state == "has stale":
            assert (answer.status_code, answer.content) == (200, CONTENT)
            continue
        assert (answer.status_code, answer.content) == (206, CONTENT[start:end]), state
        assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/1000"
        assert answer.headers["ETag"] == ETAG


@pytest.mark.parametrize("asked", ["1000-", "9007199254740991-", "-0"])
def test_a_range_beyond_the_end_is_416_or_the_whole(shield: Shield, asked: str) -> None:
    for state, answer in _answers(shield, "GET", {"Range": f"bytes={asked}"}):
        assert answer.status_code == (416 if state == "has" else 200), state
        assert answer.status_code == 416 or answer.content == CONTENT


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"If-None-Match": ETAG}, 304),
        ({"If-None-Match": '"other"'}, 200),
        ({"If-Modified-Since": "Thu, 01 Jan 2026 00:00:00 GMT"}, 304),
        ({"If-Modified-Since": "Wed, 31 Dec 2025 23:59:59 GMT"}, 200),
        ({"If-None-Match": ETAG, "Range": "bytes=1000-"}, 304),
    ],
)
def test_conditions_count_before_ranges(shield: Shield, method: str, headers: dict[str, str], status: int) -> None:
    for state, answer in _answers(shield, method, headers):
        assert (answer.status_code, answer.headers["ETag"]) == (status, ETAG), state


def test_head_ignores_ranges(shield: Shield) -> None:
    for state, answer in _answers(shield, "HEAD", {"Range": "bytes=10-19"}):
        assert (answer.status_code, answer.headers["Content-Length"]) == (200, "1000"), state


@pytest.mark.parametrize("headers", [{}, {"Range": "bytes=10-19"}, {"Range": "bytes=600-"}, {"Range": "bytes=-10"}])
@pytest.mark.parametrize(("first", "second"), [(CONTENT, LATER), (LATER, CONTENT)])
def test_a_stale_copy_that_the_origin_replaces_is_the_new_version_whole(
    shield: Shield, first: bytes, second: bytes, headers: dict[str, str]
) -> None:
    key = f"replaced-{next(_numbers)}"
    shield.cloud.put(NEAR, key, first, STALE)
    assert shield.edge.get(key).content == first
    shield.cloud.put(NEAR, key, second, STALE)
    answer = shield.edge.get(key, headers=headers)
    assert (answer.status_code, answer.content, answer.headers["ETag"]) == (200, second, f'"{len(second)}"')


def test_a_content_coding_is_kept_with_any_accept_encoding(shield: Shield) -> None:
    shield.cloud.put(NEAR, "coded", CONTENT, content_encoding="gzip")
    for accepted in ("identity", "gzip", "br"):
        with shield.edge.stream("GET", "coded", headers={"Accept-Encoding": accepted}) as answer:
            assert b"".join(answer.iter_raw()) == CONTENT
        assert answer.headers["Content-Encoding"] == "gzip"
    assert shield.cloud.requested_hosts("coded") == [NEAR]


@pytest.mark.parametrize("key", ["", "npm/", "%2F"])
def test_a_folder_of_the_bucket_is_no_object(shield: Shield, key: str) -> None:
    shield.cloud.put(NEAR, key, b"<ListBucketResult>")
    assert shield.edge.get(key).status_code == 404
    assert shield.edge.get(shield.url + "/objects").status_code == 404
    assert shield.cloud.requested_hosts(key) == []
