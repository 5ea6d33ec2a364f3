"""Harmful changes to the alarms and logs of a stack. Tests make each change, and a policy must report it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from tests.policies.mutations import Mutation, StackMutation
from tests.policies.mutations.changes import put, remove
from tests.support.harness import Registered

LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
DASHBOARD = "aws:cloudwatch/dashboard:Dashboard"
TOPIC = "aws:sns/topic:Topic"
SUBSCRIPTION = "aws:sns/topicSubscription:TopicSubscription"
ALERT_POLICY = "gcp:monitoring/alertPolicy:AlertPolicy"
BODIES = {DASHBOARD: "dashboardBody", "gcp:monitoring/dashboard:Dashboard": "dashboardJson"}


def without_alarms(stack: Sequence[Registered]) -> Iterator[Sequence[Registered]]:
    """Yields one changed copy of the stack for each tier (a part of the stack, such as `dns`) with alarms. The copy
    lacks the alarms of this tier.
    """
    for tier in _watched(stack):
        yield [each for each in stack if _tier(each) != tier]


def without_dashboard_row(stack: Sequence[Registered]) -> Iterator[Sequence[Registered]]:
    """Yields one changed copy of the stack for each tier (a part of the stack, such as `dns`) with alarms. In the copy,
    the dashboard's row for this tier has another name.
    """
    for tier in _watched(stack):
        yield [_without_row(each, tier) if each.type in BODIES else each for each in stack]


def without_subscriptions(stack: Sequence[Registered]) -> Iterator[Sequence[Registered]]:
    """Yields one changed copy of the stack for each SNS alarm topic. The copy lacks the subscriptions of this topic."""
    for topic in (each for each in stack if each.type == TOPIC):
        yield [
            each for each in stack if each.type != SUBSCRIPTION or topic.urn not in each.dependencies.get("topic", [])
        ]


def _components(stack: Sequence[Registered]) -> set[str]:
    return {each.type.split(":")[1] for each in stack if each.type.startswith("artifact-edge:")}


def _watched(stack: Sequence[Registered]) -> Sequence[str]:
    """Returns the tiers, such as `shield`, that have alarms on AWS or Google Cloud."""
    return sorted({tier for each in stack if (tier := _tier(each))} & _components(stack))


def _tier(each: Registered) -> str | None:
    """Returns the tier (a part, such as `dns`) that an alarm watches, or None if the resource is no alarm."""
    labels = {ALARM: "tags", ALERT_POLICY: "userLabels"}.get(each.type)
    return str(each.inputs[labels]["tier"]) if labels else None


def _without_row(dashboard: Registered, tier: str) -> Registered:
    name = BODIES[dashboard.type]
    body = dashboard.inputs[name].replace(f'"{tier}: alarms"', '"another: alarms"')
    return replace(dashboard, inputs={**dashboard.inputs, name: body})


MUTATIONS: list[Mutation | StackMutation] = [
    Mutation(
        "aws-cloudwatch-log-group-retention-limited",
        [LOG_GROUP],
        "a log group keeps its logs forever",
        put("retentionInDays", 0),
    ),
    StackMutation("stack-tiers-monitored", [ALARM, ALERT_POLICY], "a tier has no alarms", without_alarms),
    StackMutation("stack-tiers-monitored", [*BODIES], "a tier has no row on the dashboard", without_dashboard_row),
    Mutation("stack-tiers-monitored", [DASHBOARD], "the stack has no dashboard", remove),
    Mutation("multi-alarm-actions-enabled", [ALERT_POLICY], "an alert policy is disabled", put("enabled", False)),
    Mutation(
        "multi-alarm-has-recipients",
        [ALERT_POLICY],
        "an alert policy has no notification channel",
        put("notificationChannels", []),
    ),
    Mutation(
        "multi-alarm-actions-enabled", [ALARM], "the actions of an alarm are disabled", put("actionsEnabled", False)
    ),
    Mutation("multi-alarm-actions-enabled", [ALARM], "an alarm has no actions", put("alarmActions", [])),
    StackMutation(
        "multi-alarm-has-recipients", [TOPIC, SUBSCRIPTION], "an alarm topic has no subscription", without_subscriptions
    ),
]
