"""Writes the table of all alarms in docs/alarms.md. Run it with `python -m tests.support.alarm_table`.

The alarms come from four variants of the stack prod: with a standby (a copy of the objects on the other cloud), with
PoPs of our own behind an accelerator and behind Google's load balancer, and on Google Cloud alone. Alarms that differ
only by region or machine share one line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import pulumi_aws as aws
import pulumi_gcp as gcp

from contract.regions import REGIONS
from infra.observability import Tier
from tests.support.harness import Deployment
from tests.support.stacks import ON_GOOGLE, PROD_WITH_ACCELERATOR, PROD_WITH_BALANCER, first_up, prod_with_standby

PAGE = Path(__file__).parents[2] / "docs" / "alarms.md"
_BEGIN, _END = "<!-- alarms: python -m tests.support.alarm_table -->\n", "<!-- end of alarms -->\n"
_SIGNS = {
    "GreaterThanThreshold": ">",
    "GreaterThanOrEqualToThreshold": "≥",
    "LessThanThreshold": "<",
    "COMPARISON_GT": ">",
    "COMPARISON_LT": "<",
}
_PLACE = re.compile("|".join(sorted((re.escape(name) for name in REGIONS), key=len, reverse=True)))


@dataclass(frozen=True, order=True)
class Row:
    """Describes one row of the alarm table.

    `when` is the alarm's condition. `runbook` is the page and section that the alarm links to.
    """

    tier: int
    name: str
    cloud: str
    fault: str
    when: str
    runbook: str


def rows(deployments: Iterable[Deployment], prefix: str) -> list[Row]:
    """Returns the rows of the alarm table for the given deployments, sorted by tier (a part of the stack, such as
    `dns`) and name. Alarms that differ only in details (such as the region or the machine) share one row.
    """
    found: set[Row] = set()
    for deployment in deployments:
        found.update(_on_aws(deployment, prefix))
        found.update(_on_google(deployment, prefix))
    return sorted(found)


def whole() -> Sequence[Deployment]:
    """Deploys four variants of the stack prod. Between them, these stacks have every kind of alarm of the project."""
    variants = (prod_with_standby(), PROD_WITH_ACCELERATOR, PROD_WITH_BALANCER, ON_GOOGLE)
    return [first_up("prod", changes) for changes in variants]


def page(text: str, table: Sequence[Row]) -> str:
    """Replaces the table of alarms in the Markdown source of docs/alarms.md with the given rows. Returns the new
    source.
    """
    before, rest = text.split(_BEGIN)
    _, after = rest.split(_END)
    tiers = get_args(Tier)
    lines = [
        f"| {tiers[row.tier]} | `{row.name}` | {row.cloud} | {row.fault} | {row.when} | {_link(row.runbook)} |"
        for row in table
    ]
    head = "| tier | alarm | on | says | goes off when | what to do |\n| --- | --- | --- | --- | --- | --- |\n"
    return before + _BEGIN + head + "\n".join(lines) + "\n" + _END + after


def _on_aws(deployment: Deployment, prefix: str) -> Iterator[Row]:
    for alarm in deployment.of(aws.cloudwatch.MetricAlarm).values():
        known = alarm.inputs
        fault, runbook = known["alarmDescription"].split(". What to do: ")
        lasts = known["period"] * known["evaluationPeriods"]
        missing = ", or there is no data" if known["treatMissingData"] == "breaching" else ""
        when = f"{known['metricName']} {_SIGNS[known['comparisonOperator']]} {known['threshold']:g} for {_time(lasts)}"
        yield _row(known["name"], prefix, known["tags"]["tier"], "AWS", fault, when + missing, runbook)


def _on_google(deployment: Deployment, prefix: str) -> Iterator[Row]:
    for policy in deployment.of(gcp.monitoring.AlertPolicy).values():
        known = policy.inputs
        fault, runbook = known["documentation"]["content"].split(". What to do: ")
        threshold: Any = known["conditions"][0]["conditionThreshold"]
        metric = re.findall(r'metric\.type = "[^/]+/([^"]+)"', threshold["filter"])[0]
        share = ", as a share" if threshold.get("denominatorFilter") else ""
        seconds = int(threshold["duration"].removesuffix("s"))
        lasts = f" for {_time(seconds)}" if seconds else ""
        missing = ", or there is no data" if threshold.get("evaluationMissingData", "").endswith("_ACTIVE") else ""
        when = f"{metric}{share} {_SIGNS[threshold['comparison']]} {threshold['thresholdValue']:g}{lasts}{missing}"
        yield _row(known["displayName"], prefix, known["userLabels"]["tier"], "Google Cloud", fault, when, runbook)


def _row(name: str, prefix: str, tier: str, cloud: str, fault: str, when: str, runbook: str) -> Row:
    order = get_args(Tier).index(tier)
    return Row(order, _anywhere(name.removeprefix(f"{prefix}-")), cloud, _anywhere(fault), when, runbook)


def _anywhere(text: str) -> str:
    """Replaces regions, machines, DynamoDB operations and hostnames in a string with placeholders, so that alarms that
    differ only in these parts get the same row.
    """
    named = re.sub(r"(artifact-edge-prod[a-z-]*-)?" + f"({_PLACE.pattern})", "<region>", text)
    named = re.sub(r"<region>-\d+", "<machine>", named)
    named = re.sub(r"(fails|throttles)-[A-Z]\w+$", r"\1-<operation>", named)
    return re.sub(r"packages\.[a-z.-]+", "the edge", re.sub(r"\b(GetItem|PutItem|Query|\w+WriteItems?)\b", "…", named))


def _time(seconds: int) -> str:
    return f"{seconds // 60} min" if seconds < 3600 else f"{seconds // 3600} h"


def _link(runbook: str) -> str:
    file, anchor = runbook.removeprefix("docs/").split("#")
    place = f"#{anchor}" if file == PAGE.name else f"{file}#{anchor}"
    return f"[{anchor.replace('-', ' ')}]({place})"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(), rows(whole(), "artifact-edge-prod")))
