"""Plans by the real engine: what `pulumi preview` says, for programs to read and for people."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.checkout import CHECKOUT
from previews.temporary_sandbox import TemporarySandbox

STACKS = ("local", "dev", "staging", "prod")

_EVENT_LOG = {"PULUMI_DEBUG_COMMANDS": "true"}
"""With it the engine takes `--event-log`; of a policy's findings, `--json` says nothing."""

_REPORTS_EXEMPTIONS = "stack-exemptions-reported"
"""The one policy whose findings are advice, and not a wish to be asked again."""


@dataclass(frozen=True)
class Planned:
    """One preview. `document` is what `pulumi preview --json` prints; `refusals` say why it may not be applied:
    errors and broken policies, a line each. `later` names policies that only `up` can check: values are missing.
    `exemptions` says which findings exemptions cover, and which exemptions cover none."""

    document: Mapping[str, Any]
    refusals: list[str]
    later: list[str]
    exemptions: list[str]
    ok: bool


def plan(sandbox: TemporarySandbox, stack: str, *options: str) -> Planned:
    """Previews the stack, which exists; with further options of the engine, such as `policies_of` gives."""
    log = sandbox.clouds.path("events.json")
    log.unlink(missing_ok=True)
    printed = ("--json", "--show-sames", "--event-log", str(log))
    result = sandbox.pulumi("preview", "--stack", stack, *printed, *options, env=_EVENT_LOG)
    events = list(_events(log))
    refusals = [*_errors(events), *_broken(events)]
    if result.returncode and not refusals:
        refusals = [(result.stderr or result.stdout).strip()]
    later, exemptions = sorted(set(_later(events))), list(_exemptions(events))
    return Planned(_document(result.stdout), refusals, later, exemptions, result.returncode == 0)


def policies_of(stack: str) -> list[str]:
    """The options of `pulumi` that put the pack into effect, with the environment's settings where it has any."""
    settings = CHECKOUT / "policies" / "config" / f"{stack}.json"
    return ["--policy-pack", "policies", *(["--policy-pack-config", str(settings)] if settings.exists() else [])]


def _document(printed: str) -> dict[str, Any]:
    """A preview that ends early may print none."""
    try:
        return json.loads(printed)
    except ValueError:
        return {}


def _events(log: Path) -> Iterator[Mapping[str, Any]]:
    if log.exists():
        for line in log.read_text().splitlines():
            yield json.loads(line)


def _errors(events: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Each error once, without the one that only says that there were others."""
    said = {"preview failed"}
    for event in events:
        diagnostic: Mapping[str, str] = event.get("diagnosticEvent") or {"severity": "none", "message": ""}
        message = diagnostic["message"].strip()
        if diagnostic["severity"] == "error" and message not in said:
            said.add(message)
            yield message


def _broken(events: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The policy, the resource, and what the policy says of it; the first line of the message is its description."""
    for found in _findings(events, "mandatory"):
        name = found["resourceUrn"].split("::")[-1]
        yield f"{found['policyName']} ({name}): {found['message'].strip().split(chr(10), 1)[-1].strip()}"


def _later(events: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for found in _findings(events, "advisory"):
        if found["policyName"] != _REPORTS_EXEMPTIONS:
            yield found["policyName"]


def _exemptions(events: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for found in _findings(events, "advisory"):
        if found["policyName"] == _REPORTS_EXEMPTIONS:
            yield found["message"].strip().split("\n", 1)[-1].strip()


def _findings(events: Iterable[Mapping[str, Any]], level: str) -> Iterator[Mapping[str, Any]]:
    for event in events:
        found = event.get("policyEvent")
        if found and found["enforcementLevel"] == level:
            yield found
