"""Tests that NGINX on a PoP machine resets the stream of an HTTP/2 request with a header field that only HTTP/1.1 has
(RFC 9113, section 8.2.2), and serves the same field over HTTP/1.1.
"""

from __future__ import annotations

from collections.abc import Generator

import pytest

from infra.waf import WafArgs
from tests.support.http2 import answer
from tests.support.own_pop import Front, running_front
from tests.support.waiting import eventually

FIELDS = (
    ("connection", "keep-alive"),
    ("connection", "close"),
    ("keep-alive", "timeout=5"),
    ("proxy-connection", "keep-alive"),
    ("transfer-encoding", "chunked"),
    ("upgrade", "h2c"),
    ("te", "gzip"),
    ("te", "trailers, gzip"),
)


@pytest.fixture(scope="module")
def front() -> Generator[Front]:
    with running_front(WafArgs()) as running:
        yield running


def over_http2(front: Front, path: str, *fields: tuple[str, str]) -> str:
    with front.connected("h2") as client:
        return answer(client, path, fields)


@pytest.mark.parametrize(("name", "value"), FIELDS)
def test_http2_request_with_a_field_of_http1_is_reset(front: Front, name: str, value: str) -> None:
    assert over_http2(front, "/npm/left-pad", ("accept", "*/*"), (name, value)) == "PROTOCOL_ERROR"


@pytest.mark.parametrize(("name", "value"), FIELDS)
def test_http1_request_with_the_same_field_is_served(front: Front, name: str, value: str) -> None:
    body = b"0\r\n\r\n" if name == "transfer-encoding" else None
    assert front.request("/npm/left-pad", body=body, **{name: value}).status == 200


def test_other_http2_requests_are_served(front: Front) -> None:
    assert over_http2(front, "/npm/left-pad") == "200"
    for accepted in ("trailers", "Trailers"):
        assert over_http2(front, "/npm/left-pad", ("te", accepted), ("user-agent", "npm/10.8.2")) == "200"


def test_log_names_the_rule_that_reset_the_stream(front: Front) -> None:
    over_http2(front, "/logged", ("connection", "keep-alive"))
    assert eventually(lambda: [line["rule"] for line in front.log() if line["path"] == "/logged"] == ["malformed"])
