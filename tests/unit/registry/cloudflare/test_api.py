"""Tests the client of Cloudflare's API. The tests check its retries and error messages. The client must read all pages
of a list.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from werkzeug.serving import make_server

from registry import RegistryError
from registry.catalog.audit import By
from registry.cloudflare.api import CloudflareApi, CloudflareError, CloudflareUnavailable, patient_http
from registry.target import Target
from registry.tokens import tokens
from tests.support.registry import Network, network

__all__ = ["network"]

real_client = Target.cloudflare  # the fixture `network` replaces this method; one test restores it


class Cloudflare:
    """Emulates Cloudflare's API. Returns a list of responses in order, and then the last response for every further
    request.
    """

    def __init__(self) -> None:
        self.answers: list[tuple[str, Any]] = []
        self.requests: list[str] = []
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        self.requests.append(environ["RAW_URI"])
        status, body = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        start(status, [("content-type", "application/json")])
        return [json.dumps(body).encode()]


@pytest.fixture
def cloudflare() -> Iterator[Cloudflare]:
    made = Cloudflare()
    yield made
    made.stop()


def test_the_command_line_retries_and_a_function_does_not(cloudflare: Cloudflare) -> None:
    away, there = ("503 Service Unavailable", None), ("200 OK", {"result": 7})
    cloudflare.answers = [away, there]
    assert CloudflareApi("t", cloudflare.url, patient_http(cloudflare.url)).ask("POST", "/x", {}) == 7
    cloudflare.answers = [away, there]
    with pytest.raises(CloudflareUnavailable, match="answers 503 to POST /x"):
        CloudflareApi("t", cloudflare.url).ask("POST", "/x", {})


def test_a_refusal_is_reported_with_its_codes_and_without_what_was_sent(cloudflare: Cloudflare) -> None:
    errors = [{"code": 10000, "message": "Authentication error for secret-key"}]
    cloudflare.answers = [("403 Forbidden", {"success": False, "errors": errors, "result": None})]
    with pytest.raises(CloudflareError) as refused:
        CloudflareApi("t", cloudflare.url, patient_http(cloudflare.url)).ask("POST", "/x", {"key": "secret-key"})
    assert str(refused.value) == "Cloudflare answers 403 (error 10000) to POST /x"
    assert not isinstance(refused.value, CloudflareUnavailable)
    assert len(cloudflare.requests) == 1


def test_no_error_shows_a_token_with_a_line_break(cloudflare: Cloudflare) -> None:
    cloudflare.answers = [("200 OK", {"result": 7})]
    assert CloudflareApi("secret\n", cloudflare.url).ask("POST", "/x", {}) == 7
    with pytest.raises(CloudflareError) as refused:
        CloudflareApi("secret\nnote", cloudflare.url).ask("POST", "/x", {})
    assert "secret" not in str(refused.value)


def test_an_unreachable_api_is_unavailable() -> None:
    with pytest.raises(CloudflareUnavailable, match="Cloudflare does not answer: NewConnectionError"):
        CloudflareApi("t", "http://127.0.0.1:1").ask("POST", "/x", {})


def test_a_listing_is_read_to_its_last_page(cloudflare: Cloudflare) -> None:
    cloudflare.answers = [
        ("200 OK", {"result": [{"name": "a"}, {"name": "b"}], "result_info": {"cursor": "next"}}),
        ("200 OK", {"result": [{"name": "c"}], "result_info": {"cursor": ""}}),
    ]
    listed = CloudflareApi("t", cloudflare.url).listed("/keys", {"prefix": "token:"})
    assert [each["name"] for each in listed] == ["a", "b", "c"]
    assert cloudflare.requests == ["/keys?prefix=token%3A", "/keys?prefix=token%3A&cursor=next"]


def test_the_command_line_uses_the_proxy_in_its_environment(
    cloudflare: Cloudflare, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", cloudflare.url)
    monkeypatch.setenv("no_proxy", "direct.invalid")
    cloudflare.answers = [("200 OK", {"result": 7})]
    base = "http://cloudflare.invalid/v4"
    assert CloudflareApi("t", base, patient_http(base)).ask("POST", "/x", {}) == 7
    assert cloudflare.requests == ["http://cloudflare.invalid/v4/x"]
    with pytest.raises(CloudflareUnavailable):
        CloudflareApi("t", "http://direct.invalid", patient_http("http://direct.invalid")).ask("POST", "/x", {})


def test_without_an_api_token_the_variable_is_named_and_an_issued_token_is_not_lost(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Target, "cloudflare", real_client)
    monkeypatch.delenv("CLOUDFLARE_API_TOKEN", raising=False)
    with pytest.raises(RegistryError, match="CLOUDFLARE_API_TOKEN is not set"):
        _ = network.target.edge
    created = tokens.create(network.target, By("carol", "", "tokens"), "alice", ["npm:*:pull"], 3600)
    assert created.text.startswith("ae_")
    assert created.edge_error.startswith("CLOUDFLARE_API_TOKEN is not set")
