"""Policies that check whether alarms go off and reach the on-call engineers."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pulumi_policy import Policy, PolicyResource, Severity, StackValidationArgs

from policies.framework.controls import well_architected
from policies.framework.declare import given, known, part, parts, setting, statements, texts, whole_stack
from policies.framework.durations import seconds_of
from policies.framework.iam_documents import allows, covers
from policies.framework.kinds import all_of
from policies.framework.principals import principals
from policies.framework.relations import is_set, refers_to, settings_of
from policies.rules.functions import FUNCTION
from policies.rules.keys import KEY, REPLICA_KEY
from policies.rules.messaging import CHANNEL, QUEUE, TOPIC
from policies.rules.storage import GCS_BUCKET
from policies.rules.watch import ALARM, ALERT_POLICY

_TOPIC_POLICY = "aws:sns/topicPolicy:TopicPolicy"
_CLOUDWATCH = "cloudwatch.amazonaws.com"
# Route 53 writes its metrics in this region only (Route 53 Developer Guide, "Monitoring health checks").
_ROUTE53_REGION = "us-east-1"
_BUCKET_LABEL = re.compile(r'resource\.labels?\.bucket_name\s*=\s*"([^"]*)"')


@whole_stack(
    "aws-cloudwatch-alarm-in-region",
    "An alarm is in the region of its metric and of its topic, and takes data points of every unit.",
    of={ALARM},
    severity=Severity.HIGH,
    control=well_architected("REL06-BP01"),
    fix="Create the alarm in the region of its metric, name a topic of the same region, and leave unit out",
)
def alarm_in_region(alarm: PolicyResource, stack: StackValidationArgs) -> Iterator[str]:
    region = str(alarm.props.get("region"))
    if alarm.props.get("namespace") == "AWS/Route53" and region != _ROUTE53_REGION:
        yield f"Route 53 writes no metrics in {region}"
    dimensions = part(alarm.props, "dimensions")
    for dimension, token in (("FunctionName", FUNCTION), ("QueueName", QUEUE)):
        for watched in all_of(stack, {token}):
            named = known(dimensions, dimension)
            if named and named == known(watched.props, "name") and watched.props.get("region") != region:
                yield f"{named} is in {watched.props.get('region')}, not in {region}"
    if given(alarm.props, "unit") and alarm.props.get("unit"):
        yield f"it leaves out data points with another unit than {alarm.props.get('unit')}"
    for topic in texts(known(alarm.props, "alarmActions")):
        if topic.startswith("arn:aws:sns:") and topic.split(":")[3] != region:
            yield f"{topic} is not in {region}"


@whole_stack(
    "aws-sns-topic-lets-alarms-publish",
    "The policy of an alarm topic, and the policy of the topic's key, let CloudWatch send alarms.",
    of={TOPIC},
    severity=Severity.HIGH,
    control=well_architected("REL06-BP03"),
    fix="Allow cloudwatch.amazonaws.com sns:Publish in the topic's policy, and kms:Decrypt and kms:GenerateDataKey* "
    "in the key's policy",
)
def lets_alarms_publish(topic: PolicyResource, stack: StackValidationArgs) -> Iterator[str]:
    if not _is_of_alarms(topic, stack):
        return
    policies = settings_of(topic, _TOPIC_POLICY, stack, "arn", ("arn", "id"))
    for policy in [*policies, *([topic] if is_set(topic, "policy") else [])]:
        if not _lets_cloudwatch(policy, "sns:publish"):
            yield "its policy does not let CloudWatch publish"
    for key in all_of(stack, {KEY, REPLICA_KEY}):
        if refers_to(topic, "kmsMasterKeyId", key, ("arn", "keyId")):
            for action in ("kms:decrypt", "kms:generatedatakey"):
                if not _lets_cloudwatch(key, action):
                    yield f"its key {key.name} does not let CloudWatch {action}"


def _is_of_alarms(topic: PolicyResource, stack: StackValidationArgs) -> bool:
    """Returns whether an alarm of the stack notifies the SNS topic. If the topic of an alarm is not known yet, the
    function raises UnknownValueError, and the Pulumi engine reports that the policy could not be evaluated.
    """
    alarms = list(all_of(stack, {ALARM}))
    if any(refers_to(alarm, "alarmActions", topic, ("arn", "id")) for alarm in alarms):
        return True
    return any(topic.props.get("arn") in texts(alarm.props.get("alarmActions")) for alarm in alarms)


def _lets_cloudwatch(resource: PolicyResource, action: str) -> bool:
    """Returns whether the policy of a resource, such as a topic or a key, allows CloudWatch to perform the action."""
    return any(
        allows(statement)
        and _CLOUDWATCH in principals(statement, "Service")
        and any(covers(each, [action]) for each in texts(statement.get("Action")))
        for statement in statements(resource.props.get("policy"))
    )


@whole_stack(
    "gcp-monitoring-condition-effective",
    "A Google Cloud alert opens for one bad time series of a resource of the stack, within the hour.",
    of={ALERT_POLICY},
    severity=Severity.HIGH,
    control=well_architected("REL06-BP01"),
    fix="Use condition_threshold without trigger, an alignment_period of at most the setting `seconds`, and a bucket "
    "and a notification channel of the stack",
    config={"seconds": {"type": "integer", "minimum": 60, "default": 3600}},
)
def condition_effective(alert: PolicyResource, stack: StackValidationArgs) -> Iterator[str]:
    buckets = {known(bucket.props, "name") for bucket in all_of(stack, {GCS_BUCKET})}
    for condition in parts(alert.props, "conditions"):
        threshold = part(condition, "conditionThreshold")
        if not threshold:
            yield f"{condition.get('displayName')} compares nothing with a threshold"
        trigger = part(threshold, "trigger")
        if int(trigger.get("count") or 1) > 1 or trigger.get("percent"):
            yield "it opens only when several time series are bad"
        for aggregation in [*parts(threshold, "aggregations"), *parts(threshold, "denominatorAggregations")]:
            period = str(aggregation.get("alignmentPeriod") or "60s")
            if seconds_of(period) > int(setting(stack, "seconds", 3600)):
                yield f"the alignment period is {period}"
        for bucket in _BUCKET_LABEL.findall(str(known(threshold, "filter") or "")):
            if bucket not in buckets:
                yield f"{bucket} is no bucket of the stack"
    channels = list(all_of(stack, {CHANNEL}))
    if not any(refers_to(alert, "notificationChannels", channel, ("name", "id")) for channel in channels):
        yield "none of its notification channels is of the stack"


POLICIES: list[Policy] = [alarm_in_region, lets_alarms_publish, condition_effective]
