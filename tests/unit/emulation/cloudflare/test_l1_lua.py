"""Tests the Lua script of the emulated Workers Cache: the header CF-Cache-Status, range requests, and responses that
must not be stored.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from emulation.cloudflare.l1 import TEMPLATES
from tests.support.tslua import Lookup, Script


@pytest.fixture
def l1(tmp_path: Path) -> Script:
    return Script(TEMPLATES / "l1.lua", tmp_path)


@pytest.mark.parametrize(
    ("lookup", "origin", "verdict"),
    [
        ("MISS", 200, "MISS"),
        ("HIT_FRESH", None, "HIT"),
        ("HIT_FRESH", 200, "MISS"),
        ("MISS", 206, "BYPASS"),
        ("HIT_STALE", 304, "REVALIDATED"),
        ("HIT_STALE", 200, "EXPIRED"),
        ("HIT_STALE", 503, "STALE"),
        ("HIT_STALE", None, "STALE"),
        ("SKIPPED", None, "DYNAMIC"),
    ],
)
def test_cf_cache_status_has_cloudflare_s_values(l1: Script, lookup: Lookup, origin: int | None, verdict: str) -> None:
    request = l1.request()
    if origin is not None:
        request.read_response(origin)
    assert request.send_response(200, lookup) == {"CF-Cache-Status": verdict}


@pytest.mark.parametrize("lookup", ["MISS", "HIT_STALE", "HIT_FRESH"])
def test_requests_to_the_origin_have_no_range(l1: Script, lookup: Lookup) -> None:
    assert l1.request({"Range": "bytes=0-9"}).send_request(lookup) == {}


def test_a_range_is_ignored_only_if_the_stored_copy_is_stale(l1: Script) -> None:
    assert l1.request({"Range": "bytes=0-9"}).look_up("HIT_STALE") == {}
    assert l1.request({"Range": "bytes=0-9"}).look_up("HIT_FRESH") == {"Range": "bytes=0-9"}


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (206, {"Cache-Control": "max-age=5"}),
        (200, {"Cache-Control": "max-age=5", "Set-Cookie": "a=b"}),
        (200, {"Cache-Control": "Private, max-age=5"}),
        (200, {"Cache-Control": "no-store"}),
        (200, {"Cache-Control": "max-age=5", "Vary": "*"}),
        (522, {"Cache-Control": "max-age=5"}),
    ],
)
def test_responses_that_cloudflare_documents_as_not_cached_are_not_stored(
    l1: Script, status: int, headers: dict[str, str]
) -> None:
    answer = l1.request().read_response(status, headers)
    assert (answer.is_storable, answer.headers.all()) == (False, headers)


def test_a_response_to_a_request_with_credentials_is_stored_only_if_cache_control_allows_it(l1: Script) -> None:
    asked = {"Authorization": "Bearer any"}
    for caching, is_storable in (("max-age=5", False), ("public, max-age=5", True), ("s-maxage=5", True)):
        assert l1.request(asked).read_response(200, {"Cache-Control": caching}).is_storable == is_storable, caching


def test_an_object_of_the_largest_size_is_stored_and_a_larger_one_is_not(l1: Script) -> None:
    for size, is_storable in ((536_870_912, True), (536_870_913, False)):
        headers = {"Cache-Control": "max-age=5", "Content-Length": str(size)}
        assert l1.request().read_response(200, headers).is_storable == is_storable


@pytest.mark.parametrize(("status", "lifetime"), [(200, 7200), (404, 180), (410, 180), (405, 60)])
def test_a_response_without_a_lifetime_gets_a_default_that_clients_do_not_see(
    l1: Script, status: int, lifetime: int
) -> None:
    request = l1.request()
    stored = request.read_response(status)
    assert (stored.is_storable, stored.headers["Cache-Control"]) == (True, f"max-age={lifetime}")
    assert "Cache-Control" not in request.send_response(status, "MISS", stored.headers.all())


@pytest.mark.parametrize("status", [200, 404])
def test_a_response_keeps_the_lifetime_from_the_origin(l1: Script, status: int) -> None:
    answer = l1.request().read_response(status, {"Cache-Control": "public, max-age=5"})
    assert (answer.is_storable, answer.headers.all()) == (True, {"Cache-Control": "public, max-age=5"})


@pytest.mark.parametrize(
    ("more", "obeyed", "seen"),
    [
        ({"Cloudflare-CDN-Cache-Control": "max-age=9"}, "max-age=9", {}),
        ({"CDN-Cache-Control": "max-age=9"}, "max-age=9", {"CDN-Cache-Control": "max-age=9"}),
        (
            {"CDN-Cache-Control": "no-store", "Cloudflare-CDN-Cache-Control": "max-age=9"},
            "max-age=9",
            {"CDN-Cache-Control": "no-store"},
        ),
    ],
)
@pytest.mark.parametrize("of_clients", [{}, {"Cache-Control": "private, max-age=5"}])
def test_the_cache_obeys_the_most_specific_header_and_clients_get_cache_control(
    l1: Script, of_clients: dict[str, str], more: dict[str, str], obeyed: str, seen: dict[str, str]
) -> None:
    request = l1.request()
    stored = request.read_response(200, {**of_clients, **more})
    assert (stored.is_storable, stored.headers["Cache-Control"]) == (True, obeyed)
    sent = request.send_response(200, "MISS", stored.headers.all())
    sent = {name: value for name, value in sent.items() if not name.startswith("@")}
    assert sent == {**of_clients, **seen, "CF-Cache-Status": "MISS"}


def test_clients_do_not_see_tags(l1: Script) -> None:
    assert l1.request().send_response(200, "HIT_FRESH", {"Cache-Tag": "a,b"}) == {"CF-Cache-Status": "HIT"}
