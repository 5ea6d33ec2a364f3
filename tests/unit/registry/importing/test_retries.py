"""Tests which failed requests an import retries, and how long it waits before each retry."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from registry import RegistryError
from registry.importing.apis import Api

PACKUMENT: dict[str, dict[str, str]] = {"versions": {}, "dist-tags": {}}


def wait_after(answers: list[httpx.Response | Exception]) -> int:
    """Reads a packument from an emulated registry. The registry answers the first requests with the failures in
    `answers`, and the next request with the packument. Returns the number of requests.
    """
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        given = answers.pop(0) if answers else httpx.Response(200, json=PACKUMENT)
        if isinstance(given, Exception):
            raise given
        return given

    list(Api(httpx.MockTransport(answer)).npm("https://up.test", "p", "", all_versions=True))
    return len(sent)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_request_is_repeated_after_a_status_that_passes(waits: list[float], status: int) -> None:
    assert wait_after([httpx.Response(status), httpx.Response(status), httpx.ReadTimeout("slow")]) == 4
    assert waits == [1.0, 2.0, 4.0]


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7.0), ("0", 0.0), ("99999", 60.0), ("880.092µs", 1.0), ("soon", 1.0), ("", 1.0)]
)
def test_the_server_says_how_long_to_wait(waits: list[float], header: str, seconds: float) -> None:
    wait_after([httpx.Response(429, headers=[(b"retry-after", header.encode())])])
    assert waits == [seconds]


@pytest.mark.parametrize(("minutes", "least", "most"), [(0.5, 25, 30), (-5, 0, 0), (60, 60, 60)])
def test_the_server_says_until_when_to_wait(waits: list[float], minutes: float, least: float, most: float) -> None:
    until = format_datetime(datetime.now(UTC) + timedelta(minutes=minutes), usegmt=True)
    wait_after([httpx.Response(503, headers={"retry-after": until})])
    assert least <= waits[0] <= most


def test_a_request_is_sent_five_times(waits: list[float]) -> None:
    with pytest.raises(RegistryError, match=r"up\.test/p: cannot be fetched: 429"):
        wait_after([httpx.Response(429)] * 5)
    assert waits == [1.0, 2.0, 4.0, 8.0]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_a_refused_request_is_not_repeated(waits: list[float], status: int) -> None:
    with pytest.raises(RegistryError, match=f"cannot be fetched: {status}"):
        wait_after([httpx.Response(status)])
    assert waits == []
