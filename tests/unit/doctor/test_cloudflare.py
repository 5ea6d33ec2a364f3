"""Tests how the doctor command checks a Cloudflare account before a deployment. The tests use the emulated Cloudflare
API.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from cloudflare import Cloudflare

from doctor import cloudflare
from doctor.finding import Finding
from emulation.cloudflare import in_process
from emulation.cloudflare.zone_owner import active_zone
from infra.edge.cloudflare import worker_script
from stacks.config import Stack, load
from tests.support.stacks import stack_config

ZONE = "artifact-edge-dev.example"
ACCOUNT = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def api(tmp_path: Path) -> Cloudflare:
    return in_process.client(tmp_path)


def dev(**edge: Any) -> Stack:
    values = stack_config("dev")
    changed = json.dumps({**json.loads(values["artifact-edge:edge"]), **edge})
    return load("dev", {**values, "artifact-edge:edge": changed})


def problems(api: Cloudflare, stack: Stack | None = None) -> list[Finding]:
    return [finding for finding in cloudflare.check(stack or dev(), lambda: api) if finding.is_problem]


def test_an_account_with_an_active_zone_has_no_problem(api: Cloudflare) -> None:
    active_zone(api, ACCOUNT, ZONE)
    found = list(cloudflare.check(dev(), lambda: api))
    assert [finding.line() for finding in found if finding.is_problem] == []
    assert len(found) == 10


def test_a_missing_zone_is_named(api: Cloudflare) -> None:
    (problem,) = problems(api)
    assert problem.line().startswith(f"FAIL  Cloudflare zone {ZONE}: the token sees no such zone")


def test_a_pending_zone_names_its_name_servers(api: Cloudflare) -> None:
    api.zones.create(account={"id": ACCOUNT}, name=ZONE, type="full")
    (problem,) = problems(api)
    assert problem.found == "is pending"
    assert ".ns.cloudflare.com" in problem.fix


def test_a_zone_of_another_account_names_that_account(api: Cloudflare) -> None:
    active_zone(api, "f" * 32, ZONE)
    (problem,) = problems(api)
    assert problem.found == f"belongs to the account {'f' * 32}"


def test_a_zone_that_serves_another_script_is_a_problem(api: Cloudflare) -> None:
    zone = active_zone(api, ACCOUNT, ZONE)
    for script in ("shop", worker_script("artifact-edge-dev")):
        api.workers.scripts.update(
            script,
            account_id=ACCOUNT,
            metadata={"main_module": "index.js", "compatibility_date": "2026-11-01"},
            files=[("index.js", b"export default {};", "application/javascript+module")],
        )
        api.workers.routes.create(zone_id=zone, pattern=f"{script}.{ZONE}/*", script=script)
    (problem,) = problems(api)
    assert problem.line() == (f"FAIL  routes of {ZONE}: the zone also serves shop; use a zone for this stack alone")


def test_rules_of_the_zone_that_are_not_the_stacks_are_a_problem(api: Cloudflare) -> None:
    zone = active_zone(api, ACCOUNT, ZONE)
    for phase, name in (("http_request_firewall_custom", "default"), ("http_ratelimit", "artifact-edge-dev-waf")):
        api.rulesets.create(zone_id=zone, kind="zone", name=name, phase=phase, rules=[])  # pyright: ignore[reportArgumentType]
    (problem,) = problems(api)
    assert problem.line() == (
        f"FAIL  rules of {ZONE}: exist in http_request_firewall_custom, and a phase has one ruleset; remove these "
        "rules in the dashboard; the stack's WAF has all rules of the zone"
    )


def test_a_missing_token_is_the_only_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CLOUDFLARE_API_TOKEN", "CLOUDFLARE_API_KEY", "CLOUDFLARE_EMAIL"):
        monkeypatch.delenv(name, raising=False)
    (problem,) = cloudflare.check(dev())
    assert problem.line().startswith("FAIL  Cloudflare API token: is missing; set CLOUDFLARE_API_TOKEN")


def answering(refused: str, code: int, message: str) -> Cloudflare:
    """Returns a client of an API that refuses paths that end with `refused`, and returns nothing for any other path."""

    def answer(request: httpx.Request) -> httpx.Response:
        body: dict[str, Any] = {"success": True, "errors": [], "result": [], "result_info": {}}
        if request.url.path.endswith(refused):
            return httpx.Response(403, json={"success": False, "errors": [{"code": code, "message": message}]})
        if request.url.path.endswith("/verify"):
            body["result"] = {"id": "1", "status": "active"}
        return httpx.Response(200, json=body)

    return Cloudflare(api_token="any", http_client=httpx.Client(transport=httpx.MockTransport(answer)), max_retries=0)


def test_a_token_of_the_account_is_accepted_as_one_of_a_user() -> None:
    """Cloudflare has a separate URL that verifies tokens of accounts, and refuses them at the URL for tokens of
    users.
    """
    client = answering("/user/tokens/verify", 1000, "Invalid API Token")
    assert cloudflare_lines(client)[0] == "ok    Cloudflare API token: is active"


def test_a_token_that_is_neither_of_a_user_nor_of_the_account_is_the_only_problem() -> None:
    (line,) = cloudflare_lines(answering("/tokens/verify", 1000, "Invalid API Token"))
    assert line.startswith("FAIL  Cloudflare API token: Invalid API Token; set CLOUDFLARE_API_TOKEN")


def test_a_permission_that_the_token_lacks_is_named() -> None:
    found = cloudflare_lines(answering("/namespaces", 10000, "Authentication error"))
    subject = "Cloudflare permission `Account: Workers KV Storage`"
    assert f"FAIL  {subject}: Authentication error; add it to the API token, with Edit" in found


def cloudflare_lines(client: Cloudflare) -> list[str]:
    return [finding.line() for finding in cloudflare.check(dev(), lambda: client)]
