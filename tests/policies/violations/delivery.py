"""Harmful changes to a stack that stop events, schedules or alarms before they reach their recipients. Tests make each
change, and a policy must report it.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.policies.mutations.changes import add_resource, put, put_only, remove, without
from tests.policies.violations import GOOGLE, MISSED, Violation
from tests.support.harness import Registered

MAPPING = "aws:lambda/eventSourceMapping:EventSourceMapping"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
HEALTH_CHECK = "aws:route53/healthCheck:HealthCheck"
ALERT = "gcp:monitoring/alertPolicy:AlertPolicy"
FUNCTION = "aws:lambda/function:Function"
SNS_SUBSCRIPTION = "aws:sns/topicSubscription:TopicSubscription"
OWN = "123456789012"
OTHER = "210987654321"


def ends(suffix: str) -> Callable[[Registered], bool]:
    return lambda resource: resource.name.endswith(suffix)


VIOLATIONS = [
    Violation(
        "mapping: events dropped after a minute",
        "aws-lambda-changes-delivered-promptly",
        "it drops changes after 60 seconds",
        MAPPING,
        put("maximumRecordAgeInSeconds", 60),
    ),
    Violation(
        "mapping: not retried",
        "aws-lambda-changes-delivered-promptly",
        "it tries a failed change again 0 times only",
        MAPPING,
        put("maximumRetryAttempts", 0),
    ),
    Violation(
        "mapping: waits five minutes for a batch",
        "aws-lambda-changes-delivered-promptly",
        "it collects changes for 300 seconds",
        MAPPING,
        put("maximumBatchingWindowInSeconds", 300),
    ),
    Violation(
        "mapping: starts with the newest record",
        "aws-lambda-changes-delivered-promptly",
        "it leaves out the changes before its creation",
        MAPPING,
        put("startingPosition", "LATEST"),
    ),
    Violation(
        "mapping: filter drops removals",
        "aws-dynamodb-table-changes-followed",
        "the filter of entitlements leaves out some kinds of changes",
        MAPPING,
        put(
            "filterCriteria",
            {
                "filters": [
                    {"pattern": json.dumps({"eventName": ["INSERT"], "dynamodb": {"Keys": {"pk": {"S": ["tokens"]}}}})}
                ]
            },
        ),
    ),
    Violation(
        "schedule: once a year",
        "aws-cloudwatch-schedule-invokes-function",
        "its schedule is rate(365 days)",
        "aws:cloudwatch/eventRule:EventRule",
        put("scheduleExpression", "rate(365 days)"),
    ),
    Violation(
        "schedule: cron on one day",
        "aws-cloudwatch-schedule-invokes-function",
        "its schedule is cron(0 0 1 1 ? 2030)",
        "aws:cloudwatch/eventRule:EventRule",
        put("scheduleExpression", "cron(0 0 1 1 ? 2030)"),
    ),
    Violation(
        "schedule: has no target",
        "aws-cloudwatch-schedule-invokes-function",
        "it invokes nothing",
        "aws:cloudwatch/eventTarget:EventTarget",
        remove,
    ),
    Violation(
        "function: time limit of a second",
        MISSED,
        "",
        FUNCTION,
        put("timeout", 1),
    ),
    Violation(
        "function: secret with short value and unusual name",
        "multi-function-environment-without-secrets",
        "variable PASSPHRASE has the name of a secret",
        FUNCTION,
        put("environment.variables.PASSPHRASE", "hunter2"),
    ),
    Violation(
        "event target: a bus of another account",
        "aws-cloudwatch-schedule-invokes-function",
        "drain invokes",
        "aws:cloudwatch/eventTarget:EventTarget",
        put_only("arn", f"arn:aws:events:us-east-1:{OTHER}:event-bus/default"),
    ),
    Violation(
        "subscription: a queue of another account",
        "multi-messaging-delivered-inside",
        "messages go to arn:aws:sqs:us-east-1:210987654321:x, which is in no",
        SNS_SUBSCRIPTION,
        add_resource(SNS_SUBSCRIPTION, topic="x", protocol="sqs", endpoint=f"arn:aws:sqs:us-east-1:{OTHER}:x"),
    ),
    Violation(
        "subscription: a function of another account",
        "multi-messaging-delivered-inside",
        "messages go to arn:aws:lambda:us-east-1:210987654321:function:x,",
        SNS_SUBSCRIPTION,
        add_resource(
            SNS_SUBSCRIPTION, topic="x", protocol="lambda", endpoint=f"arn:aws:lambda:us-east-1:{OTHER}:function:x"
        ),
    ),
    Violation(
        "alarm: health check metric in another region",
        "aws-cloudwatch-alarm-in-region",
        "Route 53 writes no metrics in eu-west-1",
        ALARM,
        put("region", "eu-west-1"),
        ends("edge-down"),
    ),
    Violation(
        "alarm: function's metric in another region",
        "aws-cloudwatch-alarm-in-region",
        "artifact-edge-prod-drain is in us-east-1, not in ap-southeast-1",
        ALARM,
        put("region", "ap-southeast-1"),
        ends("drain-errors"),
    ),
    Violation(
        "alarm: topic of another region",
        "aws-cloudwatch-alarm-in-region",
        "arn:aws:sns:eu-west-1:123456789012:artifact-edge-prod-alarms is not",
        ALARM,
        put_only("alarmActions", [f"arn:aws:sns:eu-west-1:{OWN}:artifact-edge-prod-alarms"]),
        ends("edge-down"),
    ),
    Violation(
        "alarm: unit that the metric never has",
        "aws-cloudwatch-alarm-in-region",
        "it leaves out data points with another unit than Gigabytes",
        ALARM,
        put("unit", "Gigabytes"),
        ends("drain-errors"),
    ),
    Violation(
        "alarm: lowest of all errors",
        MISSED,
        "",
        ALARM,
        put("statistic", "Minimum"),
        ends("drain-errors"),
    ),
    Violation(
        "alarm: reboots a machine in place of a message",
        "multi-alarm-has-recipients",
        "it notifies arn:aws:automate:us-east-1:ec2:reboot, which is no topic",
        ALARM,
        put_only("alarmActions", ["arn:aws:automate:us-east-1:ec2:reboot"]),
        ends("edge-down"),
    ),
    Violation(
        "alarm: metric math hides it",
        "multi-alarm-metric-known",
        "the pack knows no metric None in AWS/Lambda",
        ALARM,
        without("metricName"),
        ends("drain-errors"),
    ),
    Violation(
        "alarm: muted by a composite alarm",
        "stack-resource-types-reviewed",
        "added has the type aws:cloudwatch/compositeAlarm:CompositeAlarm,",
        ALARM,
        add_resource("aws:cloudwatch/compositeAlarm:CompositeAlarm", alarmName="x", alarmRule="FALSE"),
        ends("edge-down"),
    ),
    Violation(
        "alarm: one of a hundred periods",
        "multi-alarm-threshold-reachable",
        "it goes off after 6000 seconds, later than 3600",
        ALARM,
        put("evaluationPeriods", 100),
        ends("edge-down"),
    ),
    Violation(
        "health check: disabled",
        "aws-route53-health-check-effective",
        "it is disabled or inverted, so a failed target counts as healthy",
        HEALTH_CHECK,
        put("disabled", True),
        ends("edge"),
    ),
    Violation(
        "health check: inverted",
        "aws-route53-health-check-effective",
        "it is disabled or inverted, so a failed target counts as healthy",
        HEALTH_CHECK,
        put("invertHealthcheck", True),
        ends("edge"),
    ),
    Violation(
        "health check: no part has to be healthy",
        "aws-route53-health-check-effective",
        "it is healthy without a healthy child",
        HEALTH_CHECK,
        put("childHealthThreshold", 0),
        lambda h: h.name.startswith("region-"),
    ),
    Violation(
        "health check: insufficient data are healthy",
        "aws-route53-health-check-effective",
        "it is healthy without data",
        HEALTH_CHECK,
        put("insufficientDataHealthStatus", "Healthy"),
        ends("edge"),
    ),
    Violation(
        "health check: opens a connection only",
        "aws-route53-health-check-effective",
        "TCP without a path only checks that the port accepts connections",
        HEALTH_CHECK,
        put("type", "TCP"),
        ends("edge"),
    ),
    Violation(
        "health check: another path",
        MISSED,
        "",
        HEALTH_CHECK,
        put("resourcePath", "/"),
        ends("edge"),
    ),
    Violation(
        "health check: fails after ten",
        "aws-route53-health-check-effective",
        "it takes 100 s to detect a failure",
        HEALTH_CHECK,
        put("failureThreshold", 10),
        ends("edge"),
    ),
    Violation(
        "google alert: a thousand series must fail",
        "gcp-monitoring-condition-effective",
        "it opens only when several time series are bad",
        ALERT,
        put("conditions.0.conditionThreshold.trigger", {"count": 1000}),
        ends("purge-lag"),
        GOOGLE,
    ),
    Violation(
        "google alert: aligned by days",
        "gcp-monitoring-condition-effective",
        "the alignment period is 86400s",
        ALERT,
        put("conditions.0.conditionThreshold.aggregations.0.alignmentPeriod", "86400s"),
        ends("purge-lag"),
        GOOGLE,
    ),
    Violation(
        "google alert: watches a bucket of nobody",
        "gcp-monitoring-condition-effective",
        "nobody is no bucket of the stack",
        ALERT,
        put(
            "conditions.0.conditionThreshold.filter",
            'metric.type = "storage.googleapis.com/api/request_count" AND resource.labels.bucket_name = "nobody"',
        ),
        ends("blobs-breaks"),
        GOOGLE,
    ),
    Violation(
        "google alert: channel of another project",
        "gcp-monitoring-condition-effective",
        "none of its notification channels is of the stack",
        ALERT,
        put_only("notificationChannels", ["projects/other/notificationChannels/1"]),
        ends("purge-lag"),
        GOOGLE,
    ),
    Violation(
        "google alert: condition replaced by another kind",
        "gcp-monitoring-condition-effective",
        "x compares nothing with a threshold",
        ALERT,
        put("conditions", [{"displayName": "x", "conditionAbsent": {"duration": "3600s", "filter": "x"}}]),
        ends("purge-lag"),
        GOOGLE,
    ),
]
