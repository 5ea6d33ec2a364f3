"""Policies for monitoring: alarms, the recipients of alarms, dashboards, and logs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, cast

from pulumi_policy import Policy, PolicyResource, ResourceValidationArgs, Severity, StackValidationArgs

from policies.framework.controls import foundational, well_architected
from policies.framework.declare import LASTING, architecture, each_resource, part, setting, texts, whole_stack
from policies.framework.kinds import all_of, kind
from policies.framework.relations import is_set, refers_to, settings_of
from policies.rules.messaging import CHANNEL, TOPIC, TOPIC_SUBSCRIPTION

ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
DASHBOARD = "aws:cloudwatch/dashboard:Dashboard"
ALERT_POLICY = "gcp:monitoring/alertPolicy:AlertPolicy"
GOOGLE_DASHBOARD = "gcp:monitoring/dashboard:Dashboard"
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
_COMPONENT = "artifact-edge:"
# Tiers (parts of a stack) that need no alarm of their own, because they run nothing while the stack is in operation. A
# fault in one of these tiers sets off the alarms of the tiers that depend on it.
_UNWATCHED = ["identity", "keys", "observability"]


@architecture(
    "stack-tiers-monitored",
    "Every tier of the stack has an alarm and a row on the dashboard.",
    of={ALARM, DASHBOARD, ALERT_POLICY, GOOGLE_DASHBOARD},
    severity=Severity.HIGH,
    control=well_architected("REL06-BP01"),
    fix="Give the tier's component `alarms`, and pass it to Observability",
    config={"unwatched": {"type": "array", "items": {"type": "string"}, "default": _UNWATCHED}},
)
def tiers_monitored(stack: StackValidationArgs) -> Iterator[str]:
    unwatched = set(setting(stack, "unwatched", _UNWATCHED))
    tiers = {each.resource_type.split(":")[1] for each in stack.resources if each.resource_type.startswith(_COMPONENT)}
    alarmed = {str(part(alarm.props, "tags").get("tier")) for alarm in all_of(stack, {ALARM})}
    alarmed |= {str(part(alarm.props, "userLabels").get("tier")) for alarm in all_of(stack, {ALERT_POLICY})}
    for tier in sorted(tiers - unwatched - alarmed):
        yield f"the tier {tier} has no alarm"
    shown = {
        tier
        for dashboard in all_of(stack, {DASHBOARD})
        for tier in _tiers_on_cloudwatch(str(dashboard.props["dashboardBody"]))
    }
    shown |= {
        tier
        for each in all_of(stack, {GOOGLE_DASHBOARD})
        for tier in _tiers_on_cloud_monitoring(str(each.props["dashboardJson"]))
    }
    for tier in sorted(tiers - unwatched - shown):
        yield f"the tier {tier} has no row on a dashboard"


def _tiers_on_cloudwatch(body: str) -> Iterator[str]:
    """Yields the tiers (parts of the stack) that have a row on a CloudWatch dashboard. A row is an alarm widget that
    shows at least one alarm. The title of the widget begins with the name of the tier.
    """
    for widget in cast(list[Any], json.loads(body)["widgets"]):
        if widget["type"] == "alarm" and widget["properties"]["alarms"]:
            yield str(widget["properties"]["title"]).split(":")[0]


def _tiers_on_cloud_monitoring(body: str) -> Iterator[str]:
    """Yields the tiers (parts of the stack) that have a tile on a Google Cloud dashboard. Ignores a tile that shows no
    alert policy. The title of a tile begins with the name of its tier.
    """
    for tile in cast(list[Any], json.loads(body)["mosaicLayout"]["tiles"]):
        if tile["widget"].get("incidentList", {}).get("policyNames"):
            yield str(tile["widget"]["title"]).split(":")[0]


@each_resource(
    "multi-alarm-actions-enabled",
    "Every alarm is switched on and has an action.",
    of={ALARM, ALERT_POLICY},
    severity=Severity.HIGH,
    control=foundational("CloudWatch.15"),
    fix="Name the region's topic in alarm_actions, and set actions_enabled to true. On Google Cloud set enabled",
)
def alarm_actions_enabled(args: ResourceValidationArgs) -> Iterator[str]:
    # another policy, multi-alarm-has-recipients, checks that alarms on Google Cloud have recipients
    if kind(args) == ALERT_POLICY:
        if args.props.get("enabled") is False:
            yield "it is off"
        return
    if args.props.get("actionsEnabled") is False:
        yield "its actions are off"
    if not is_set(args, "alarmActions"):
        yield "it has no action"


@whole_stack(
    "multi-alarm-has-recipients",
    "Every alarm has recipients: subscribers of a topic in the stack, or a notification channel on Google Cloud.",
    of={TOPIC, TOPIC_SUBSCRIPTION, ALARM, ALERT_POLICY, CHANNEL},
    severity=Severity.MEDIUM,
    control=well_architected("REL06-BP03"),
    fix="Name addresses in `artifact-edge:alerts.email`, and let alarms use the stack's own topics",
    config={"required": LASTING},
)
def alarm_has_recipients(topic: PolicyResource, stack: StackValidationArgs) -> Iterator[str]:
    if not setting(stack, "required", True):
        return
    match kind(topic):
        case "gcp:monitoring/alertPolicy:AlertPolicy":
            if not is_set(topic, "notificationChannels"):
                yield "it has no notification channel"
        case "gcp:monitoring/notificationChannel:NotificationChannel":
            if topic.props.get("enabled") is False:
                yield "the channel is off"
        case "aws:sns/topicSubscription:TopicSubscription":
            if topic.props.get("filterPolicy"):
                yield "a filter drops messages"
        case "aws:cloudwatch/metricAlarm:MetricAlarm":
            topics = list(all_of(stack, {TOPIC}))
            if is_set(topic, "alarmActions") and not any(
                refers_to(topic, "alarmActions", each, ("arn", "id")) for each in topics
            ):
                yield f"it notifies {', '.join(texts(topic.props.get('alarmActions')))}, which is no topic of the stack"
        case _:
            if not settings_of(topic, TOPIC_SUBSCRIPTION, stack, "topic", ("arn", "id")):
                yield "the topic has no subscription"


@each_resource(
    "aws-cloudwatch-log-group-retention-limited",
    "Log groups keep logs for a limited time that is long enough for an investigation.",
    of={LOG_GROUP},
    severity=Severity.LOW,
    control=foundational("CloudWatch.16"),
    fix="Set retention_in_days",
    config={"least_days": {"type": "integer", "minimum": 1, "default": 7}},
)
def log_retention_limited(args: ResourceValidationArgs) -> Iterator[str]:
    days = int(args.props.get("retentionInDays") or 0)
    if days == 0:
        yield "it keeps logs forever"
    elif days < int(setting(args, "least_days", 7)):
        yield f"it keeps logs for {days} days only"


POLICIES: list[Policy] = [
    tiers_monitored,
    alarm_actions_enabled,
    alarm_has_recipients,
    log_retention_limited,
]
