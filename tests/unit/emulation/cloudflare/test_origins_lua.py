"""Tests a Lua script of the emulated PoPs. The script adds a header to a PoP's response if the PoP got no answer from
an origin.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from emulation.cloudflare.l1 import TEMPLATES
from tests.support.tslua import Script

FAILURE = "X-Emulation-Failure"


@pytest.fixture
def origins(tmp_path: Path) -> Script:
    script = tmp_path / "origins.lua"
    script.write_text((TEMPLATES / "origins.lua").read_text().replace("@CONNECT_SECONDS@", "19"))
    return Script(script, tmp_path)


def test_a_response_of_the_origin_is_no_failure(origins: Script) -> None:
    request = origins.request()
    request.send_request("SKIPPED")
    request.read_response(504)
    assert request.send_response(504, "SKIPPED") == {}


def test_an_origin_that_closes_the_connection_without_a_response_has_not_answered(origins: Script) -> None:
    request = origins.request()
    request.send_request("SKIPPED")
    request.read_response(0)
    assert request.send_response(502, "SKIPPED") == {FAILURE: "unknown"}


@pytest.mark.parametrize(("seconds", "failure"), [(18.0, "unknown"), (19.0, "522")])
def test_an_origin_that_accepts_no_connection_in_time_is_unreachable(
    origins: Script, seconds: float, failure: str
) -> None:
    request = origins.request()
    origins.now += seconds
    assert request.send_response(502, "SKIPPED") == {FAILURE: failure}


@pytest.mark.parametrize(("status", "failure"), [(504, "524"), (502, "unknown")])
def test_an_origin_that_accepts_the_request_and_stays_silent_is_too_late(
    origins: Script, status: int, failure: str
) -> None:
    request = origins.request()
    request.send_request("SKIPPED")
    assert request.send_response(status, "SKIPPED") == {FAILURE: failure}
