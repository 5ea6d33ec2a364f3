"""Checks the versions and deployments of Cloudflare workers: how Cloudflare distributes requests over the versions of a
deployment, which deployments it refuses, and how Workers Observability counts the requests of each version.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from probes.fact import Fact, Probe
from probes.zone import Zone

_SCRIPT = """
export default {
  fetch(request, env) {
    const { pathname } = new URL(request.url);
    const status = pathname === "/failure" ? 503 : 200;
    const headers = { "cache-control": "no-store" };
    return new Response(pathname === "/ready" ? "ready" : env.VERSION, { status, headers });
  },
};
"""
_FILE = ("index.js", _SCRIPT.encode(), "application/javascript+module")
_KEY = "Cloudflare-Workers-Version-Key"
_CHANGED_SECRET = "10220"  # noqa: S105  an error code
_REQUESTS = 60
_VERSION = "$workers.scriptVersion.id"


def _versions(zone: Zone) -> Iterator[Fact]:
    zone.later(zone.api.workers.scripts.delete, zone.name, account_id=zone.account)
    _put(zone, "old", "secret")
    zone.publish()
    (old,) = _serving(zone)
    new = _upload(zone, "new")
    seen = _answers(zone)
    yield Fact("an uploaded version answers no request", set(seen) == {"old"}, str(dict(seen)))
    _deploy(zone, (old, 50), (new, 50))
    zone.until(lambda: zone.send("/").text == "new", "the second version of a deployment does not answer")
    seen = _answers(zone)
    yield Fact("two versions of a deployment answer by percentage", set(seen) == {"old", "new"}, str(dict(seen)))
    keys = {str(number): zone.send("/", headers={_KEY: str(number)}).text for number in range(20)}
    again = {key: zone.send("/", headers={_KEY: key}).text for key in keys}
    yield Fact("requests with one version key reach one version", again == keys, f"{Counter(keys.values())}")
    yield from _refusals(zone, old, new)
    yield from _counts(zone, old, new)
    _put(zone, "third", "other")
    serving = _serving(zone)
    observed = f"{len(serving)} versions serve"
    yield Fact("an upload by the script API ends the split", len(serving) == 1 and old not in serving, observed)
    code = zone.refusal(_deploy, zone, (old, 100))
    yield Fact("a deployment across a changed secret is refused", code == _CHANGED_SECRET, code)


def _refusals(zone: Zone, old: str, new: str) -> Iterator[Fact]:
    third = _upload(zone, "third")
    for text, parts in (
        ("of 90 % in all", [(old, 50), (new, 40)]),
        ("with a percentage of 0", [(old, 100), (new, 0)]),
        ("of three versions", [(old, 50), (new, 25), (third, 25)]),
    ):
        code = zone.refusal(_deploy, zone, *parts)
        yield Fact(f"a deployment {text} is refused", code != "accepted", code)
    code = zone.refusal(_upload, zone, "fourth", [{"name": "ABSENT", "type": "inherit"}])
    yield Fact("an inherited binding that the version lacks is refused", code != "accepted", code)


def _counts(zone: Zone, old: str, new: str) -> Iterator[Fact]:
    """Checks two facts about how Workers Observability counts the invocations of a worker, and yields the results. It
    must count the invocations of each version separately. It must also be able to count only the invocations whose
    response has a status of 500 or higher.
    """
    for _ in range(10):
        zone.send("/failure")
    failed = {"key": "$workers.event.response.status", "operation": "gte", "type": "number", "value": 500}
    zone.until(lambda: sum(_counted(zone, [failed]).values()) == 10, "Workers Observability does not count 10 failures")
    seen = _counted(zone, [])
    yield Fact("invocations are counted by version", seen.keys() == {old, new}, f"{len(seen)} versions")
    errors = _counted(zone, [failed])
    yield Fact("invocations are counted by status", sum(errors.values()) == 10, f"{sum(errors.values())} failures")


def _counted(zone: Zone, filters: Sequence[Any]) -> dict[str, int]:
    of_script = [
        {"key": "$metadata.service", "operation": "eq", "type": "string", "value": zone.name},
        {"key": "$metadata.type", "operation": "eq", "type": "string", "value": "cf-worker-event"},
    ]
    now = int(time.time() * 1000)
    answer: Any = zone.api.workers.observability.telemetry.with_raw_response.query(
        account_id=zone.account,
        query_id="artifact-edge-probe",
        timeframe={"from": now - 600_000, "to": now},
        view="calculations",
        dry=True,
        parameters={
            "filters": [*of_script, *filters],
            "calculations": [{"operator": "count"}],
            "group_bys": [{"type": "string", "value": _VERSION}],
        },
    ).json()
    aggregates = answer["result"]["calculations"][0]["aggregates"]
    return {each["groups"][0]["value"]: round(each["count"] / each["sampleInterval"]) for each in aggregates}


def _answers(zone: Zone) -> Counter[str]:
    return Counter(zone.send("/").text for _ in range(_REQUESTS))


def _put(zone: Zone, version: str, secret: str) -> None:
    """Uploads the script through an API endpoint that also deploys it."""
    bindings = [*_named(version), {"type": "secret_text", "name": "KEY", "text": secret}]
    observability = {"enabled": True, "head_sampling_rate": 1}
    metadata = {**_metadata(bindings), "observability": observability}
    zone.api.workers.scripts.update(zone.name, account_id=zone.account, metadata=metadata, files=[_FILE])


def _upload(zone: Zone, version: str, more: Sequence[Any] = ()) -> str:
    """Uploads a version of the script without deploying it. Returns the version's id."""
    bindings = [*_named(version), {"type": "inherit", "name": "KEY"}, *more]
    created = zone.api.workers.scripts.versions.with_raw_response.create(
        zone.name, account_id=zone.account, bindings_inherit="strict", metadata=_metadata(bindings), files=[_FILE]
    )
    return created.json()["result"]["id"]


def _named(version: str) -> list[dict[str, str]]:
    return [{"type": "plain_text", "name": "VERSION", "text": version}]


def _metadata(bindings: Sequence[Any]) -> dict[str, Any]:
    return {"main_module": "index.js", "compatibility_date": "2026-11-01", "bindings": list(bindings)}


def _deploy(zone: Zone, *parts: tuple[str, float]) -> None:
    versions = [{"version_id": id, "percentage": percentage} for id, percentage in parts]
    zone.api.workers.scripts.deployments.with_raw_response.create(
        zone.name, account_id=zone.account, strategy="percentage", versions=versions
    )


def _serving(zone: Zone) -> list[str]:
    """Returns the ids of the versions of the probe's worker that answer requests now."""
    listed = zone.api.workers.scripts.deployments.with_raw_response.list(zone.name, account_id=zone.account)
    return [part["version_id"] for part in listed.json()["result"]["deployments"][0]["versions"]]


PROBES = (Probe("workers-versions", 'Cloudflare Workers, "Versions & Deployments", "Gradual deployments"', _versions),)
