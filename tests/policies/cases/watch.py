"""Test cases for the policies on alarms and logs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pulumi_policy import PolicyResource
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE

from tests.policies.cases.parts import Case
from tests.policies.resources import resource

ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
TOPIC = "aws:sns/topic:Topic"
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
TIERS = [resource(f"artifact-edge:{tier}:Any", {}, tier) for tier in ("dns", "shield", "keys")]
HEARD = resource(TOPIC, {"name": "alarms"})


def alarm(tier: str, **changes: Any) -> PolicyResource:
    return resource(ALARM, {"tags": {"tier": tier}, "alarmActions": [UNKNOWN_STRING_VALUE], **changes}, tier)


def dashboard(**rows: list[str]) -> PolicyResource:
    """Returns a CloudWatch dashboard. It has a text widget, followed by one alarm widget for each tier (a part of the
    stack, such as `dns`). `rows` maps each tier to its alarms.
    """
    widgets: list[Mapping[str, Any]] = [{"type": "text", "properties": {"markdown": "## shield"}}]
    widgets += [{"type": "alarm", "properties": {"title": f"{tier}: alarms", "alarms": a}} for tier, a in rows.items()]
    return resource("aws:cloudwatch/dashboard:Dashboard", {"dashboardBody": json.dumps({"widgets": widgets})})


def policy(tier: str, **changes: Any) -> PolicyResource:
    """Returns an alert policy of Google Cloud. Its label `tier` contains the given tier (a part of the stack, such as
    `dns`).
    """
    return resource("gcp:monitoring/alertPolicy:AlertPolicy", {"userLabels": {"tier": tier}, **changes}, tier)


def tiles(**rows: list[str]) -> PolicyResource:
    """Returns a Google Cloud dashboard with a text tile, followed by one tile for each of `rows`. `rows` maps a tier (a
    part of the stack, such as `dns`) to the alert policies that its tile shows.
    """
    shown: list[Mapping[str, Any]] = [{"widget": {"text": {"content": "## shield"}}}]
    for tier, policies in rows.items():
        shown.append({"widget": {"title": f"{tier}: alarms", "incidentList": {"policyNames": policies}}})
    body = {"displayName": "x", "mosaicLayout": {"columns": 12, "tiles": shown}}
    return resource("gcp:monitoring/dashboard:Dashboard", {"dashboardJson": json.dumps(body)})


def subscription(to: PolicyResource) -> PolicyResource:
    token = "aws:sns/topicSubscription:TopicSubscription"
    return resource(token, {"topic": UNKNOWN_STRING_VALUE}, on={"topic": [to]})


CASES = [
    Case(
        "stack-tiers-monitored",
        [*TIERS, alarm("dns"), dashboard(dns=["arn:a"], shield=["arn:b"])],
        "the tier shield has no alarm",
    ),
    Case(
        "stack-tiers-monitored",
        [*TIERS, alarm("dns"), alarm("shield"), dashboard(dns=["arn:a"])],
        "the tier shield has no row on a dashboard",
    ),
    Case(
        "stack-tiers-monitored",
        [*TIERS, alarm("dns"), alarm("shield"), dashboard(dns=["arn:a"], shield=[])],
        "the tier shield has no row on a dashboard",
    ),
    Case("stack-tiers-monitored", [*TIERS, alarm("dns"), alarm("shield")], "has no row on a dashboard", count=2),
    Case("stack-tiers-monitored", [*TIERS, alarm("dns"), alarm("shield"), dashboard(dns=["arn:a"], shield=["arn:b"])]),
    Case("stack-tiers-monitored", TIERS, config={"unwatched": ["dns", "shield", "keys"]}),
    Case("multi-alarm-actions-enabled", [alarm("dns", actionsEnabled=False)], "its actions are off"),
    Case("multi-alarm-actions-enabled", [resource(ALARM, {})], "it has no action"),
    Case("multi-alarm-actions-enabled", [alarm("dns", alarmActions=[])], "it has no action"),
    Case("multi-alarm-actions-enabled", [alarm("dns"), alarm("dns", alarmActions=["arn:x"])]),
    Case(
        "stack-tiers-monitored", [*TIERS, alarm("dns"), policy("shield"), dashboard(dns=["arn:a"]), tiles(shield=["p"])]
    ),
    Case(
        "stack-tiers-monitored",
        [*TIERS, alarm("dns"), policy("shield"), dashboard(dns=["arn:a"]), tiles(shield=[])],
        "the tier shield has no row on a dashboard",
    ),
    Case("multi-alarm-actions-enabled", [policy("shield", enabled=False)], "it is off"),
    Case("multi-alarm-actions-enabled", [policy("shield")]),
    Case("multi-alarm-has-recipients", [policy("shield")], "it has no notification channel"),
    Case("multi-alarm-has-recipients", [policy("shield", notificationChannels=["projects/p/notificationChannels/1"])]),
    Case("multi-alarm-has-recipients", [policy("shield")], config={"required": False}),
    Case("multi-alarm-has-recipients", [HEARD], "the topic has no subscription"),
    Case(
        "multi-alarm-has-recipients",
        [HEARD, subscription(resource(TOPIC, {}, "other"))],
        "the topic has no subscription",
    ),
    Case("multi-alarm-has-recipients", [HEARD, subscription(HEARD)]),
    Case("multi-alarm-has-recipients", [HEARD], config={"required": False}),
    Case("aws-cloudwatch-log-group-retention-limited", [resource(LOG_GROUP, {})], "it keeps logs forever"),
    Case(
        "aws-cloudwatch-log-group-retention-limited",
        [resource(LOG_GROUP, {"retentionInDays": 1})],
        "it keeps logs for 1 days",
    ),
    Case("aws-cloudwatch-log-group-retention-limited", [resource(LOG_GROUP, {"retentionInDays": 30})]),
]
