"""Keys, alarms, logs and the bill, broken."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from tests.policies.mutations import Mutation, StackMutation
from tests.policies.mutations.changes import gone, put, without
from tests.support.harness import Registered

KEY, REPLICA_KEY = "aws:kms/key:Key", "aws:kms/replicaKey:ReplicaKey"
ALARM, DASHBOARD = "aws:cloudwatch/metricAlarm:MetricAlarm", "aws:cloudwatch/dashboard:Dashboard"
TOPIC, SUBSCRIPTION = "aws:sns/topic:Topic", "aws:sns/topicSubscription:TopicSubscription"
ALERT_POLICY = "gcp:monitoring/alertPolicy:AlertPolicy"
BODIES = {DASHBOARD: "dashboardBody", "gcp:monitoring/dashboard:Dashboard": "dashboardJson"}
EC2, GCE = "aws:ec2/instance:Instance", "gcp:compute/instance:Instance"


def silent_tier(stack: Sequence[Registered]) -> Iterator[Sequence[Registered]]:
    """Each time a tier without alarms."""
    for tier in _watched(stack):
        yield [each for each in stack if _tier(each) != tier]


def unseen_tier(stack: Sequence[Registered]) -> Iterator[Sequence[Registered]]:
    """Each time a tier without a row: the title of its alarms is another's."""
    for tier in _watched(stack):
        yield [_without_row(each, tier) if each.type in BODIES else each for each in stack]


def unheard(stack: Sequence[Registered]) -> Iterator[Sequence[Registered]]:
    """Each time a topic without subscriptions."""
    for topic in (each for each in stack if each.type == TOPIC):
        yield [
            each for each in stack if each.type != SUBSCRIPTION or topic.urn not in each.dependencies.get("topic", [])
        ]


def many_more(stack: Sequence[Registered]) -> Iterator[Sequence[Registered]]:
    """As many machines again as it takes to be too dear, of each kind."""
    for token in sorted({each.type for each in stack} & {EC2, GCE}):
        yield [
            *stack,
            *[replace(each, urn=f"{each.urn}-{n}") for n in range(20) for each in stack if each.type == token],
        ]


def _components(stack: Sequence[Registered]) -> set[str]:
    return {each.type.split(":")[1] for each in stack if each.type.startswith("artifact-edge:")}


def _watched(stack: Sequence[Registered]) -> Sequence[str]:
    """The tiers of the stack that have alarms, on either cloud."""
    return sorted({tier for each in stack if (tier := _tier(each))} & _components(stack))


def _tier(each: Registered) -> str | None:
    """Whose alarm it is; None for what is no alarm."""
    labels = {ALARM: "tags", ALERT_POLICY: "userLabels"}.get(each.type)
    return str(each.inputs[labels]["tier"]) if labels else None


def _without_row(dashboard: Registered, tier: str) -> Registered:
    name = BODIES[dashboard.type]
    body = dashboard.inputs[name].replace(f'"{tier}: alarms"', '"another: alarms"')
    return replace(dashboard, inputs={**dashboard.inputs, name: body})


MUTATIONS: list[Mutation | StackMutation] = [
    Mutation("key-rotated", [KEY], "never", put("enableKeyRotation", False)),
    Mutation("key-rotated", ["gcp:kms/cryptoKey:CryptoKey"], "never", without("rotationPeriod")),
    Mutation("key-deletion-waits", [KEY, REPLICA_KEY], "a week", put("deletionWindowInDays", 7)),
    Mutation("data-stays-in-regions", [KEY, REPLICA_KEY], "elsewhere", put("region", "me-central-1")),
    StackMutation("tiers-watched", [ALARM, ALERT_POLICY], "a tier without alarms", silent_tier),
    StackMutation("tiers-watched", [*BODIES], "a tier without a row", unseen_tier),
    Mutation("tiers-watched", [DASHBOARD], "no dashboard", gone),
    Mutation("alarms-tell-somebody", [ALERT_POLICY], "off", put("enabled", False)),
    Mutation("tags-required", [ALERT_POLICY], "whose it is", without("userLabels.owner")),
    Mutation("topics-heard", [ALERT_POLICY], "nobody", put("notificationChannels", [])),
    Mutation("alarms-tell-somebody", [ALARM], "off", put("actionsEnabled", False)),
    Mutation("alarms-tell-somebody", [ALARM], "nobody", put("alarmActions", [])),
    StackMutation("topics-heard", [TOPIC, SUBSCRIPTION], "no subscriber", unheard),
    Mutation("messages-encrypted", [TOPIC], "no key", without("kmsMasterKeyId")),
    StackMutation("spend-within-budget", [EC2, GCE], "twenty times the machines", many_more),
    Mutation("tags-required", [KEY, REPLICA_KEY, TOPIC], "whose it is", without("tags.owner")),
]
