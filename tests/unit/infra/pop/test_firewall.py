"""Tests the firewall of a PoP machine. The tests run NGINX with the machine's configuration files. A stub replaces the
edge worker.
"""

from __future__ import annotations

import http.client
import re
import ssl
from collections.abc import Generator, Iterable
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest

from infra.waf import Bound, Sources, WafArgs
from tests.support.own_pop import HOSTNAME, Front, running_front
from tests.support.registry_requests import REFUSED, SERVED, Sent, requests_with_suspicious_names
from tests.support.waiting import eventually

CORE_RULE_SET = Path("/usr/share/modsecurity-crs/rules")
ALLOWED, DENIED, OTHER = "127.0.5.1", "127.0.5.2", "127.0.6.1"
ARGUMENTS = WafArgs(
    allow=Sources([f"{ALLOWED}/32"]),
    deny=Sources(["127.0.5.0/24"]),
    by_address=Bound(6_000, 10),
    # After the first 20 requests with a token, NGINX accepts one more request every 30 s. No test runs that long.
    by_token=Bound(20, 600),
)


@pytest.fixture(scope="module")
def front() -> Generator[Front]:
    with running_front(ARGUMENTS) as running:
        yield running


def statuses(front: Front, requests: Iterable[Sent], client: str = "127.0.0.1") -> dict[str, int]:
    """Returns the status of the response to each request. The status is 0 if NGINX closed the connection without a
    response. All requests use one connection. If NGINX closes the connection, the function opens a new one.
    """
    context = ssl.create_default_context(cafile=str(front.authority))
    found: dict[str, int] = {}
    connection = http.client.HTTPSConnection(
        HOSTNAME, front.port, context=context, timeout=60, source_address=(client, 0)
    )
    with closing(connection):
        for method, path, headers in requests:
            body = b"x" * int(headers.get("content-length", "0")) or None
            try:
                connection.request(method, path, body, headers)
                answer = connection.getresponse()
                answer.read()
                found[f"{method} {path[:120]}"] = answer.status
            except (ConnectionError, http.client.BadStatusLine):
                found[f"{method} {path[:120]}"] = 0
                connection.close()
    return found


def test_no_request_of_a_client_is_refused(front: Front) -> None:
    assert {sent: status for sent, status in statuses(front, SERVED).items() if status != 200} == {}


def test_no_name_of_a_package_is_refused(front: Front) -> None:
    found = statuses(front, requests_with_suspicious_names(CORE_RULE_SET))
    assert len(found) > 900
    assert {sent: status for sent, status in found.items() if status != 200} == {}


def test_a_password_may_be_any_text_and_other_fields_of_the_form_may_not(front: Front) -> None:
    def sent(body: str) -> int:
        form = "application/x-www-form-urlencoded"
        return front.request("/token", method="POST", body=body.encode(), content_type=form).status

    secret = quote("a'b\";select<script>../../etc/passwd;cat%", safe="")
    assert sent(f"grant_type=password&service=packages.example.com&username=alice&password={secret}&scope=") == 200
    assert sent(f"client_id={secret}") == 403


def test_attacks_are_refused_and_the_log_names_the_rule(front: Front) -> None:
    found = statuses(front, REFUSED, "127.0.7.1")
    assert {sent: status for sent, status in found.items() if status not in (400, 403, 405, 413)} == {}
    assert eventually(lambda: len([line for line in front.log() if line["client"] == "127.0.7.1"]) == len(REFUSED))
    lines = [line for line in front.log() if line["client"] == "127.0.7.1"]
    assert {line["rule"] for line in lines if line["method"] in ("OPTIONS", "PROPFIND")} == {"methods"}
    assert {line["rule"] for line in lines if ".." in line["path"]} == {"malformed"}
    assert {line["upstream"] for line in lines} == {""}


def test_the_core_rule_set_refuses_attacks_in_queries_and_names_its_rule(front: Front) -> None:
    sent = "/npm/left-pad?x=1%27%20or%20%271%27=%271"
    assert front.request(sent).status == 403
    assert eventually(lambda: "core-rule-set" in [line["rule"] for line in front.log()])
    (line,) = [line for line in front.errors.read_text().splitlines() if f'request: "GET {sent} ' in line]
    assert '[id "942100"]' in line
    assert "client: 127.0.0.1" in line
    assert front.request("/npm/left-pad?x=1", user_agent="Nikto/2.1.6").status == 403
    # The Core Rule Set does not inspect GET requests without a query, because the inspection would slow down installs.
    assert front.request("/npm/left-pad", user_agent="Nikto/2.1.6").status == 200


def test_denied_networks_are_refused_unless_they_are_allowed(front: Front) -> None:
    assert [front.request("/healthz", client=client).status for client in (ALLOWED, DENIED, OTHER)] == [200, 403, 200]
    assert eventually(lambda: [line["client"] for line in front.log() if line["rule"] == "deny"] == [DENIED])
    assert OTHER not in front.errors.read_text()


def test_a_flood_with_one_token_gets_429_and_other_tokens_from_its_address_are_served(front: Front) -> None:
    flood: list[Sent] = [("GET", f"/npm/{number}", {"authorization": "Bearer leaked"}) for number in range(100)]
    found = list(statuses(front, flood).values())
    assert found[:20] == [200] * 20
    assert {*found} == {200, 429}
    refused = front.request("/npm/left-pad?x=1", "leaked")
    assert (refused.status, refused.headers["retry-after"]) == (429, "10")
    assert front.request("/npm/left-pad", "another").status == 200
    assert front.request("/npm/left-pad").status == 200
    assert re.search(r'limiting requests, excess: \S+ by zone "requests-by-token"', front.errors.read_text())


def test_a_flood_from_one_address_gets_429_unless_the_address_is_allowed() -> None:
    arguments = WafArgs(allow=Sources([f"{ALLOWED}/32"]), by_address=Bound(20, 10))
    flood: list[Sent] = [("GET", f"/npm/{number}", {}) for number in range(100)]
    with running_front(arguments) as front:
        found = list(statuses(front, flood, OTHER).values())
        assert found[:20] == [200] * 20
        assert {*found} == {200, 429}
        assert {*statuses(front, flood, ALLOWED).values()} == {200}
        assert front.request("/npm/left-pad", client="127.0.6.2").status == 200
        assert re.search(r'by zone "requests-by-address", client: 127.0.6.1', front.errors.read_text())
