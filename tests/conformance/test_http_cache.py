"""Runs the suite http-cache-tests (https://cache-tests.fyi) against Traffic Server, which is the HTTP cache of a shield
(a regional cache). Writes a report.

A shield forwards only a few header fields of requests and of origins' responses. The suite needs header fields of its
own, which identify the test and tell whether a response came from the cache. The module adds such fields of a request
to the shield's request to the origin. It packs such fields of a response into a field that the shield forwards. All
other parts of a message go through the shield unchanged.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import threading
from collections import Counter
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from local.checkout import CHECKOUT
from tests.support.free_ports import free_port
from tests.support.http_server import serving
from tests.support.shield_machine import EDGE, Shield, booted_shield

SUITE = "http-cache-tests@0.4.5"  # the latest release of the conformance suite on npm
REPORT = CHECKOUT / "dist" / "conformance" / "http-cache"
# The tests of http-cache-tests that must pass, because the edge relies on the tested behaviour. Other tests may fail.
PASS = {
    "freshness-max-age",
    "freshness-max-age-0",
    "freshness-max-age-expires",
    "freshness-max-age-0-expires",
    "freshness-max-age-case-insenstive",  # words-ok: the test suite misspells this name
    "freshness-max-age-negative",
    "freshness-s-maxage-shared",
    "cc-resp-private-shared",
    "cc-resp-no-store",
    "cc-resp-no-store-case-insensitive",
    "cc-resp-no-store-fresh",
    "cc-resp-no-cache",
    "cc-resp-must-revalidate-fresh",
    "cc-resp-must-revalidate-stale",
    "conditional-lm-fresh",
    "conditional-lm-fresh-earlier",
    "conditional-lm-fresh-rfc850",
    "conditional-etag-strong-respond",
    "conditional-304-etag",
    "conditional-etag-precedence",
    "conditional-etag-weak-respond",
    "conditional-etag-strong-respond-multiple-first",
    "conditional-etag-strong-respond-multiple-second",
    "conditional-etag-strong-respond-multiple-last",
    "conditional-etag-strong-generate",
    "partial-store-complete-reuse-partial",
    "partial-store-complete-reuse-partial-no-last",
    "partial-store-complete-reuse-partial-suffix",
}
_OF_REQUESTS = ("test-id", "req-num")
_OF_RESPONSES = ("server-", "client-request-count", "request-numbers", "capability-seen")
_CARRIER = "x-amz-meta-digest"
_OF_A_CONNECTION = ("connection", "keep-alive", "transfer-encoding", "content-length")

pytestmark = pytest.mark.skipif(shutil.which("traffic_manager") is None, reason="needs apt package trafficserver")

_Answer = tuple[int, Mapping[str, str], bytes]


class SuiteProxy:
    """Forwards requests from the conformance suite's client to the shield (a regional cache), and from the shield to
    the suite's server.

    The shield removes the suite's own header fields. This proxy therefore carries these fields around the shield, from
    the client to the server.
    """

    def __init__(self, shield: Shield, suite_port: int) -> None:
        self._shield = shield
        self._suite_port = suite_port
        # Maps each test's id to header fields of the test's last request to the shield. The shield removes these
        # fields, but the suite's server needs them.
        self._last: dict[str, dict[str, str]] = {}

    def to_suite(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None) -> _Answer:
        connection = http.client.HTTPConnection("localhost", self._suite_port, timeout=60)
        return _exchange(connection, method, path, headers, body)

    def to_shield(self, method: str, path: str, headers: Mapping[str, str]) -> _Answer:
        self._last[_test_of(path)] = {name: value for name, value in headers.items() if name.lower() in _OF_REQUESTS}
        connection = http.client.HTTPSConnection(self._shield.address, 8443, context=self._shield.trust, timeout=60)
        status, answer, body = _exchange(connection, method, f"/objects{path}", {**headers, **EDGE}, None)
        carried = json.loads(answer.get(_CARRIER, "{}"))
        return status, {**{name: value for name, value in answer.items() if name != _CARRIER}, **carried}, body

    def origin(self, method: str, key: str, headers: Mapping[str, str]) -> _Answer:
        """Answers the requests of the tested shield (a regional cache) to its origin. The responses come from the
        server of the HTTP cache conformance suite.
        """
        given = {name: value for name, value in headers.items() if not name.startswith(("x-amz-", "authorization"))}
        given |= self._last.get(_test_of(f"/{key}"), {})
        try:
            status, answer, body = self.to_suite(method, f"/{key}", given)
        # in some tests, the suite's server closes the connection before its response is complete
        except (OSError, http.client.HTTPException):
            return 502, {}, b""
        carried = {name: value for name, value in answer.items() if name.startswith((*_OF_RESPONSES, "expires"))}
        return status, {**answer, **_lifetime(answer), _CARRIER: json.dumps(carried)}, body


def _lifetime(answer: Mapping[str, str]) -> dict[str, str]:
    """Returns a Cache-Control field for a response that has an Expires field. Both fields state the same lifetime.

    The tested cache need not support Expires, because every object of this registry has Cache-Control.
    """
    if "expires" not in answer or "cache-control" in answer:
        return {}
    try:
        seconds = parsedate_to_datetime(answer["expires"]) - parsedate_to_datetime(answer["date"])
    except (ValueError, TypeError):  # the conformance suite also tests invalid dates
        return {}
    return {"cache-control": f"max-age={max(0, int(seconds.total_seconds()))}"}


def _test_of(path: str) -> str:
    return path.split("?")[0].split("/")[2]


def _exchange(
    connection: http.client.HTTPConnection, method: str, path: str, headers: Mapping[str, str], body: bytes | None
) -> _Answer:
    kept = {name: value for name, value in headers.items() if name.lower() not in _OF_A_CONNECTION}
    try:
        connection.request(method, path, body, kept)
        answer = connection.getresponse()
        content = answer.read()
    finally:
        connection.close()
    found: dict[str, str] = {}
    for name, value in answer.getheaders():
        if name.lower() not in _OF_A_CONNECTION:
            found[name.lower()] = f"{found[name.lower()]}, {value}" if name.lower() in found else value
    return answer.status, found, content


@contextmanager
def _front(suite_proxy: SuiteProxy) -> Generator[str]:
    """Runs the proxy that the client of the test suite uses.

    The proxy forwards test requests to the suite's server through the shield (a regional cache), and all other requests
    directly.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            given = {name: value for name, value in self.headers.items() if name.lower() != "host"}
            try:
                if self.path.startswith("/test/"):
                    status, headers, content = suite_proxy.to_shield(self.command, self.path, given)
                else:
                    status, headers, content = suite_proxy.to_suite(self.command, self.path, given, body)
            # in some tests of http-cache-tests, the server closes the connection before its response is complete
            except (OSError, http.client.HTTPException) as error:
                status, headers, content = 502, dict[str, str](), str(error).encode()
            self.send_response_only(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if status != 304:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_HEAD = do_PUT = do_POST = do_DELETE = do_OPTIONS = do_GET

        def log_message(self, format: str, *args: object) -> None:
            pass

    with serving(Handler) as url:
        yield url


@contextmanager
def _suite_server(package: Path, port: int) -> Generator[None]:
    settings = {"npm_config_protocol": "http", "npm_config_port": str(port), "npm_config_pidfile": "server.pid"}
    process = subprocess.Popen(
        ["node", "server/server.mjs"],
        cwd=package,
        env={**os.environ, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert "Listening" in process.stdout.readline()
        threading.Thread(target=process.stdout.read, daemon=True).start()
        yield
    finally:
        process.terminate()
        process.wait()


def _run(package: Path, base: str) -> tuple[list[Any], Mapping[str, Any]]:
    """Runs the conformance suite. Returns the groups of tests, and a mapping from each test to its result. The result
    is True, or a list of the failure's name and message.
    """
    shutil.copy(Path(__file__).with_name("http_cache.mjs"), package / "run.mjs")
    command = ["node", "--no-warnings", "run.mjs", base]
    done = subprocess.run(command, cwd=package, stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(done.stdout)
    return found["suites"], found["results"]


def _row(test: Mapping[str, Any], result: Any) -> tuple[str, str]:
    """Returns a test's verdict and the reason. The verdict is "not tried" if the suite could not set up the test."""
    if result is True:
        return "yes", ""
    name, message = result
    return "not tried" if name == "Setup" else "no", str(message).replace("|", "/")


def _report(suites: list[Any], results: Mapping[str, Any]) -> str:
    lines = [f"# {SUITE} against a shield", ""]
    for suite in suites:
        tests = [test for test in suite["tests"] if test["id"] in results]
        verdicts = Counter(_row(test, results[test["id"]])[0] for test in tests)
        counted = ", ".join(f"{count} {verdict}" for verdict, count in sorted(verdicts.items()))
        lines += [
            f"## {suite['name']}: {counted}",
            "",
            "| test | kind | passed | reason |",
            "| --- | --- | --- | --- |",
        ]
        for test in tests:
            verdict, reason = _row(test, results[test["id"]])
            lines.append(f"| `{test['id']}` {test['name']} | {test.get('kind', 'required')} | {verdict} | {reason} |")
        lines.append("")
    return "\n".join(lines)


def test_a_shield_passes_what_the_edge_relies_on(tmp_path: Path) -> None:
    subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", SUITE], cwd=tmp_path, check=True)
    package, port = tmp_path / "node_modules" / "http-cache-tests", free_port()
    with booted_shield() as shield, _suite_server(package, port):
        suite_proxy = SuiteProxy(shield, port)
        shield.cloud.answer = suite_proxy.origin
        with _front(suite_proxy) as base:
            suites, results = _run(package, base)
    REPORT.mkdir(parents=True, exist_ok=True)
    (REPORT / "results.json").write_text(json.dumps(results, indent=1))
    (REPORT / "report.md").write_text(_report(suites, results))
    passed = {test for test, result in results.items() if result is True}
    print(f"{len(passed)} of {len(results)} pass; report in {REPORT}")
    assert not PASS - passed
