"""Creates Pulumi plans with the real engine: runs `pulumi preview` and reads its results."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.checkout import CHECKOUT
from previews.temporary_sandbox import TemporarySandbox

STACKS = ("local", "dev", "staging", "prod")

# This environment variable enables the option `--event-log` of `pulumi preview`. The event log contains the findings of
# the policies. The output of `--json` does not contain these findings.
_EVENT_LOG = {"PULUMI_DEBUG_COMMANDS": "true"}

# The name of the policy whose advisory findings report exemptions. An advisory finding of any other policy means that
# the preview could not check the policy, because the check needs values that are known only after `pulumi up`.
_REPORTS_EXEMPTIONS = "stack-exemptions-reported"


@dataclass(frozen=True)
class Planned:
    """The result of one `pulumi preview`.

    `document` is the output of `pulumi preview --json`. `refusals` lists the errors and the policy violations that
    forbid the changes. `later` names the policies that only `pulumi up` can check, because the preview does not know
    some values. `exemptions` lists the findings that an exemption covers. It also lists each exemption that covers no
    finding.
    """

    document: Mapping[str, Any]
    refusals: list[str]
    later: list[str]
    exemptions: list[str]
    ok: bool


def plan(sandbox: TemporarySandbox, stack: str, *options: str) -> Planned:
    """Previews an existing Pulumi stack. `options` are more options for `pulumi preview`, such as the options that
    apply the policy pack.
    """
    log = sandbox.clouds.path("events.json")
    log.unlink(missing_ok=True)
    printed = ("--json", "--show-sames", "--event-log", str(log))
    result = sandbox.pulumi("preview", "--stack", stack, *printed, *options, env=_EVENT_LOG)
    events = list(_events(log))
    refusals = [*_errors(events), *_mandatory_findings(events)]
    if result.returncode and not refusals:
        refusals = [(result.stderr or result.stdout).strip()]
    later, exemptions = sorted(set(_undecided_policies(events))), list(_exemptions(events))
    return Planned(_document(result.stdout), refusals, later, exemptions, result.returncode == 0)


def policies_of(stack: str) -> list[str]:
    """Returns the options of `pulumi preview` that apply the policy pack. If the stack has a file with policy settings,
    the options also name this file.
    """
    settings = CHECKOUT / "policies" / "config" / f"{stack}.json"
    return ["--policy-pack", "policies", *(["--policy-pack-config", str(settings)] if settings.exists() else [])]


def _document(printed: str) -> dict[str, Any]:
    """Returns the JSON document that `pulumi preview` printed. Returns an empty document if the preview ended before it
    printed one.
    """
    try:
        return json.loads(printed)
    except ValueError:
        return {}


def _events(log: Path) -> Iterator[Mapping[str, Any]]:
    if log.exists():
        for line in log.read_text().splitlines():
            yield json.loads(line)


def _errors(events: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yields each error message of a Pulumi preview once, without the summary "preview failed"."""
    said = {"preview failed"}
    for event in events:
        diagnostic: Mapping[str, str] = event.get("diagnosticEvent") or {"severity": "none", "message": ""}
        message = diagnostic["message"].strip()
        if diagnostic["severity"] == "error" and message not in said:
            said.add(message)
            yield message


def _mandatory_findings(events: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yields one line for each mandatory finding of the policy pack: the policy's name, the resource's name and the
    message. Leaves out the first line of a message, because it only describes the policy.
    """
    for found in _findings(events, "mandatory"):
        name = found["resourceUrn"].split("::")[-1]
        yield f"{found['policyName']} ({name}): {found['message'].strip().split(chr(10), 1)[-1].strip()}"


def _undecided_policies(events: Iterable[Mapping[str, Any]]) -> Iterator[str]:
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
