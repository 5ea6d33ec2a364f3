"""Tests the decisions of the emulated L1's Lua file: the value of CF-Cache-Status, ranges, and what is never stored."""

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
        ("HIT_FRESH", 206, "MISS"),
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


@pytest.mark.parametrize("lookup", ["MISS", "HIT_STALE"])
def test_a_fill_asks_the_shield_for_the_whole_object(l1: Script, lookup: Lookup) -> None:
    assert l1.request({"Range": "bytes=0-9"}).send_request(lookup) == {}


def test_a_range_ahead_of_a_fill_passes_to_the_shield_as_a_range(l1: Script) -> None:
    assert l1.request({"Range": "bytes=0-9"}).send_request("HIT_FRESH") == {"Range": "bytes=0-9"}


def test_a_range_counts_unless_the_copy_is_stale(l1: Script) -> None:
    assert l1.request({"Range": "bytes=0-9"}).look_up("HIT_STALE") == {}
    assert l1.request({"Range": "bytes=0-9"}).look_up("HIT_FRESH") == {"Range": "bytes=0-9"}


@pytest.mark.parametrize("status", [404, 502])
def test_a_refusal_is_never_stored(l1: Script, status: int) -> None:
    answer = l1.request().read_response(status, {"Cache-Control": "public, max-age=5"})
    assert answer.headers.all() == {"Cache-Control": "no-store"}


def test_an_object_keeps_the_lifetime_that_the_origin_gave(l1: Script) -> None:
    answer = l1.request().read_response(200, {"Cache-Control": "public, max-age=5"})
    assert answer.headers.all() == {"Cache-Control": "public, max-age=5"}
