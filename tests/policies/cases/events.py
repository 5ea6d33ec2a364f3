"""Test cases for the policies on event sources, schedules, the delivery of messages, the delivery of alarms, and the
expiry of metadata.
"""

from __future__ import annotations

from typing import Any

from pulumi_policy import PolicyResource

from tests.policies.cases.parts import DATABASE, GCS_BUCKET, TABLE, Case, allow, document
from tests.policies.resources import resource

MAPPING = "aws:lambda/eventSourceMapping:EventSourceMapping"
RULE, TARGET = "aws:cloudwatch/eventRule:EventRule", "aws:cloudwatch/eventTarget:EventTarget"
FUNCTION = "aws:lambda/function:Function"
ALARM, ALERT = "aws:cloudwatch/metricAlarm:MetricAlarm", "gcp:monitoring/alertPolicy:AlertPolicy"
TOPIC, TOPIC_POLICY = "aws:sns/topic:Topic", "aws:sns/topicPolicy:TopicPolicy"
SNS_SUBSCRIPTION = "aws:sns/topicSubscription:TopicSubscription"
SUBSCRIPTION = "gcp:pubsub/subscription:Subscription"
CHANNEL = "gcp:monitoring/notificationChannel:NotificationChannel"
PROMPT, SCHEDULE = "aws-lambda-changes-delivered-promptly", "aws-cloudwatch-schedule-invokes-function"
INSIDE, EXPIRED = "multi-messaging-delivered-inside", "multi-database-expired-items-removed"
REGION, PUBLISH = "aws-cloudwatch-alarm-in-region", "aws-sns-topic-lets-alarms-publish"
EFFECTIVE = "gcp-monitoring-condition-effective"
FUNCTION_ARN = "arn:aws:lambda:us-east-1:123456789012:function:drain"
TOPIC_ARN = "arn:aws:sns:us-east-1:123456789012:alarms"
TTL = "ALTER TABLE items ADD TTL INTERVAL '0 days' ON"
CLOUDWATCH = {"Service": "cloudwatch.amazonaws.com"}


def schedule(expression: str) -> PolicyResource:
    return resource(RULE, {"name": "clock", "scheduleExpression": expression}, "clock")


def target(arn: str) -> PolicyResource:
    return resource(TARGET, {"rule": "clock", "arn": arn}, "target")


def alarm(region: str, **props: Any) -> PolicyResource:
    return resource(ALARM, {"region": region, "alarmActions": [TOPIC_ARN], **props})


def alert(channel: str = "c", **threshold: Any) -> PolicyResource:
    condition = {"displayName": "x", "conditionThreshold": threshold}
    return resource(ALERT, {"conditions": [condition], "notificationChannels": [channel]})


def topic_policy(action: str) -> PolicyResource:
    return resource(TOPIC_POLICY, {"arn": TOPIC_ARN, "policy": document(allow(CLOUDWATCH, action))})


def key(action: Any) -> PolicyResource:
    return resource("aws:kms/key:Key", {"arn": "key", "policy": document(allow(CLOUDWATCH, action))}, "key")


CLOCKED = resource(FUNCTION, {"name": "drain", "arn": FUNCTION_ARN, "region": "us-east-1"}, "drain")
TOPIC_WITH_KEY = resource(TOPIC, {"arn": TOPIC_ARN, "kmsMasterKeyId": "key"}, "topic")
OWN_CHANNEL = resource(CHANNEL, {"name": "c"})
BUCKET_FILTER = 'metric.type = "x" AND resource.labels.bucket_name = "objects"'

CASES = [
    *[
        Case(PROMPT, [resource(MAPPING, props)], says)
        for props, says in (
            ({"startingPosition": "LATEST"}, "it leaves out the changes before its creation"),
            ({"maximumBatchingWindowInSeconds": 300}, "it collects changes for 300 seconds"),
            ({"maximumRetryAttempts": 0}, "it tries a failed change again 0 times only"),
            ({"maximumRecordAgeInSeconds": 60}, "it drops changes after 60 seconds"),
        )
    ],
    Case(PROMPT, [resource(MAPPING, {"startingPosition": "TRIM_HORIZON", "maximumRetryAttempts": 100})]),
    Case(SCHEDULE, [CLOCKED, target(FUNCTION_ARN), schedule("rate(365 days)")], "its schedule is rate(365 days)"),
    Case(SCHEDULE, [CLOCKED, target(FUNCTION_ARN), schedule("cron(0 0 1 1 ? 2030)")], "its schedule is cron"),
    Case(SCHEDULE, [CLOCKED, schedule("rate(1 minute)")], "it invokes nothing"),
    Case(SCHEDULE, [CLOCKED, target("other"), schedule("rate(1 minute)")], "invokes other, which is no function"),
    Case(SCHEDULE, [CLOCKED, target(FUNCTION_ARN), schedule("rate(15 minutes)")]),
    Case(
        INSIDE,
        [resource(SNS_SUBSCRIPTION, {"endpoint": "arn:aws:sqs:us-east-1:210987654321:x"})],
        "which is in no account of the environment",
        config={"accounts": ["123456789012"]},
    ),
    Case(INSIDE, [resource(SUBSCRIPTION, {"filter": "attributes.x"})], "the filter attributes.x drops messages"),
    Case(INSIDE, [resource(SUBSCRIPTION, {"pushConfig": {"pushEndpoint": "https://a.example"}})], "pushConfig sends"),
    Case(
        INSIDE,
        [
            resource(SNS_SUBSCRIPTION, {"endpoint": "arn:aws:sqs:us-east-1:123456789012:x"}),
            resource(SNS_SUBSCRIPTION, {"endpoint": "on-call@a.example"}),
            resource(SUBSCRIPTION, {}),
        ],
        config={"accounts": ["123456789012"]},
    ),
    *[
        Case(EXPIRED, [resource(token, props)], says)
        for token, props, says in (
            (TABLE, {"ttl": {"enabled": False, "attributeName": "expires"}}, "it does not remove expired items"),
            (TABLE, {}, "it does not remove expired items"),
            (TABLE, {"ttl": {"enabled": True, "attributeName": "made"}}, "it removes items by made, not by expires"),
            (DATABASE, {"ddls": ["CREATE TABLE items"]}, "it does not remove expired items"),
            (DATABASE, {"ddls": [f"{TTL} made"]}, "it removes items by made"),
        )
    ],
    Case(
        EXPIRED,
        [
            resource(TABLE, {"ttl": {"enabled": True, "attributeName": "expires"}}),
            resource(DATABASE, {"ddls": [f"{TTL} expires"]}),
        ],
    ),
    *[
        Case(REGION, [CLOCKED, broken], says)
        for broken, says in (
            (alarm("eu-west-1", namespace="AWS/Route53", alarmActions=[]), "Route 53 writes no metrics in eu-west-1"),
            (alarm("eu-west-1", dimensions={"FunctionName": "drain"}, alarmActions=[]), "drain is in us-east-1"),
            (alarm("us-east-1", unit="Gigabytes"), "with another unit than Gigabytes"),
            (alarm("eu-west-1"), f"{TOPIC_ARN} is not in eu-west-1"),
        )
    ],
    Case(REGION, [CLOCKED, alarm("us-east-1", namespace="AWS/Lambda", dimensions={"FunctionName": "drain"})]),
    Case(
        PUBLISH,
        [TOPIC_WITH_KEY, alarm("us-east-1"), topic_policy("sns:Subscribe"), key("kms:*")],
        "its policy does not let CloudWatch publish",
    ),
    Case(
        PUBLISH,
        [TOPIC_WITH_KEY, alarm("us-east-1"), topic_policy("sns:Publish"), key("kms:Decrypt")],
        "its key key does not let CloudWatch kms:generatedatakey",
    ),
    Case(
        PUBLISH,
        [
            TOPIC_WITH_KEY,
            alarm("us-east-1"),
            topic_policy("sns:Publish"),
            key(["kms:Decrypt", "kms:GenerateDataKey*"]),
        ],
    ),
    *[
        Case(EFFECTIVE, [OWN_CHANNEL, broken], says)
        for broken, says in (
            (alert(filter="x", trigger={"count": 2}), "only when several time series are bad"),
            (alert(filter="x", aggregations=[{"alignmentPeriod": "86400s"}]), "the alignment period is 86400s"),
            (alert(filter=BUCKET_FILTER), "objects is no bucket of the stack"),
            (alert("other", filter="x"), "none of its notification channels is of the stack"),
            (alert(), "x compares nothing with a threshold"),
        )
    ],
    Case(
        EFFECTIVE,
        [
            OWN_CHANNEL,
            resource(GCS_BUCKET, {"name": "objects"}),
            alert(filter=BUCKET_FILTER, aggregations=[{"alignmentPeriod": "300s"}]),
        ],
    ),
]
