"""Harmful changes to a stack. After such a change, events or alarms are no longer delivered, or schedules no longer
run. Tests make each change, and a policy must report it.
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
        "event source mapping: drops changes that are older than a minute",
        "aws-lambda-changes-delivered-promptly",
        "it drops changes after 60 seconds",
        MAPPING,
        put("maximumRecordAgeInSeconds", 60),
    ),
    Violation(
        "event source mapping: does not try failed changes again",
        "aws-lambda-changes-delivered-promptly",
        "it tries a failed change again 0 times only",
        MAPPING,
        put("maximumRetryAttempts", 0),
    ),
    Violation(
        "event source mapping: waits five minutes for a full batch",
        "aws-lambda-changes-delivered-promptly",
        "it collects changes for 300 seconds",
        MAPPING,
        put("maximumBatchingWindowInSeconds", 300),
    ),
    Violation(
        "event source mapping: leaves out the changes before its creation",
        "aws-lambda-changes-delivered-promptly",
        "it leaves out the changes before its creation",
        MAPPING,
        put("startingPosition", "LATEST"),
    ),
    Violation(
        "event source mapping: its filter drops changed and removed items",
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
        "schedule: it invokes the function once a year",
        "aws-cloudwatch-schedule-invokes-function",
        "its schedule is rate(365 days)",
        "aws:cloudwatch/eventRule:EventRule",
        put("scheduleExpression", "rate(365 days)"),
    ),
    Violation(
        "schedule: it invokes the function on a single day in 2030",
        "aws-cloudwatch-schedule-invokes-function",
        "its schedule is cron(0 0 1 1 ? 2030)",
        "aws:cloudwatch/eventRule:EventRule",
        put("scheduleExpression", "cron(0 0 1 1 ? 2030)"),
    ),
    Violation(
        "schedule: it invokes nothing",
        "aws-cloudwatch-schedule-invokes-function",
        "it invokes nothing",
        "aws:cloudwatch/eventTarget:EventTarget",
        remove,
    ),
    Violation(
        "function: its time limit is one second",
        MISSED,
        "",
        FUNCTION,
        put("timeout", 1),
    ),
    Violation(
        "function: a variable PASSPHRASE holds a secret",
        "multi-function-environment-without-secrets",
        "variable PASSPHRASE has the name of a secret",
        FUNCTION,
        put("environment.variables.PASSPHRASE", "hunter2"),
    ),
    Violation(
        "schedule: it sends events to an event bus of another account",
        "aws-cloudwatch-schedule-invokes-function",
        "drain invokes",
        "aws:cloudwatch/eventTarget:EventTarget",
        put_only("arn", f"arn:aws:events:us-east-1:{OTHER}:event-bus/default"),
    ),
    Violation(
        "subscription: a queue of another account receives the messages",
        "multi-messaging-delivered-inside",
        "messages go to arn:aws:sqs:us-east-1:210987654321:x, which is in no",
        SNS_SUBSCRIPTION,
        add_resource(SNS_SUBSCRIPTION, topic="x", protocol="sqs", endpoint=f"arn:aws:sqs:us-east-1:{OTHER}:x"),
    ),
    Violation(
        "subscription: a function of another account receives the messages",
        "multi-messaging-delivered-inside",
        "messages go to arn:aws:lambda:us-east-1:210987654321:function:x,",
        SNS_SUBSCRIPTION,
        add_resource(
            SNS_SUBSCRIPTION, topic="x", protocol="lambda", endpoint=f"arn:aws:lambda:us-east-1:{OTHER}:function:x"
        ),
    ),
    Violation(
        "alarm edge-down: it is in a region to which Route 53 writes no metrics",
        "aws-cloudwatch-alarm-in-region",
        "Route 53 writes no metrics in eu-west-1",
        ALARM,
        put("region", "eu-west-1"),
        ends("edge-down"),
    ),
    Violation(
        "alarm drain-errors: it is not in the region of its function",
        "aws-cloudwatch-alarm-in-region",
        "artifact-edge-prod-drain is in us-east-1, not in ap-southeast-1",
        ALARM,
        put("region", "ap-southeast-1"),
        ends("drain-errors"),
    ),
    Violation(
        "alarm edge-down: it notifies a topic in another region",
        "aws-cloudwatch-alarm-in-region",
        "arn:aws:sns:eu-west-1:123456789012:artifact-edge-prod-alarms is not",
        ALARM,
        put_only("alarmActions", [f"arn:aws:sns:eu-west-1:{OWN}:artifact-edge-prod-alarms"]),
        ends("edge-down"),
    ),
    Violation(
        "alarm drain-errors: it counts only data points with a unit that the metric never has",
        "aws-cloudwatch-alarm-in-region",
        "it leaves out data points with another unit than Gigabytes",
        ALARM,
        put("unit", "Gigabytes"),
        ends("drain-errors"),
    ),
    Violation(
        "alarm drain-errors: it watches the minimum of the errors",
        "multi-alarm-threshold-reachable",
        "the statistic Minimum is 0 as long as one event has no fault",
        ALARM,
        put("statistic", "Minimum"),
        ends("drain-errors"),
    ),
    Violation(
        "alarm edge-down: it reboots a machine and notifies nobody",
        "multi-alarm-has-recipients",
        "it notifies arn:aws:automate:us-east-1:ec2:reboot, which is no topic",
        ALARM,
        put_only("alarmActions", ["arn:aws:automate:us-east-1:ec2:reboot"]),
        ends("edge-down"),
    ),
    Violation(
        "alarm drain-errors: it names no metric",
        "multi-alarm-metric-known",
        "the pack knows no metric None in AWS/Lambda",
        ALARM,
        without("metricName"),
        ends("drain-errors"),
    ),
    Violation(
        "a composite alarm is added, which can mute the alarm edge-down",
        "stack-resource-types-reviewed",
        "added has the type aws:cloudwatch/compositeAlarm:CompositeAlarm,",
        ALARM,
        add_resource("aws:cloudwatch/compositeAlarm:CompositeAlarm", alarmName="x", alarmRule="FALSE"),
        ends("edge-down"),
    ),
    Violation(
        "alarm edge-down: it goes off after a hundred periods only",
        "multi-alarm-threshold-reachable",
        "it goes off after 6000 seconds, later than 3600",
        ALARM,
        put("evaluationPeriods", 100),
        ends("edge-down"),
    ),
    Violation(
        "health check: it is disabled, so it counts as healthy",
        "aws-route53-health-check-effective",
        "it is disabled or inverted, so a failed target counts as healthy",
        HEALTH_CHECK,
        put("disabled", True),
        ends("edge"),
    ),
    Violation(
        "health check: it is inverted, so a failure counts as healthy",
        "aws-route53-health-check-effective",
        "it is disabled or inverted, so a failed target counts as healthy",
        HEALTH_CHECK,
        put("invertHealthcheck", True),
        ends("edge"),
    ),
    Violation(
        "health check of a region: it is healthy without a healthy machine",
        "aws-route53-health-check-effective",
        "it is healthy without a healthy child",
        HEALTH_CHECK,
        put("childHealthThreshold", 0),
        lambda h: h.name.startswith("region-"),
    ),
    Violation(
        "health check: it is healthy when it has no data",
        "aws-route53-health-check-effective",
        "it is healthy without data",
        HEALTH_CHECK,
        put("insufficientDataHealthStatus", "Healthy"),
        ends("edge"),
    ),
    Violation(
        "health check: it only opens a TCP connection",
        "aws-route53-health-check-effective",
        "TCP without a path only checks that the port accepts connections",
        HEALTH_CHECK,
        put("type", "TCP"),
        ends("edge"),
    ),
    Violation(
        "health check: it requests another path",
        MISSED,
        "",
        HEALTH_CHECK,
        put("resourcePath", "/"),
        ends("edge"),
    ),
    Violation(
        "health check: it is unhealthy only after ten failures",
        "aws-route53-health-check-effective",
        "it takes 100 s to detect a failure",
        HEALTH_CHECK,
        put("failureThreshold", 10),
        ends("edge"),
    ),
    Violation(
        "alert purge-lag: it opens only when a thousand time series are bad",
        "gcp-monitoring-condition-effective",
        "it opens only when several time series are bad",
        ALERT,
        put("conditions.0.conditionThreshold.trigger", {"count": 1000}),
        ends("purge-lag"),
        GOOGLE,
    ),
    Violation(
        "alert purge-lag: it aligns the metric's data by days",
        "gcp-monitoring-condition-effective",
        "the alignment period is 86400s",
        ALERT,
        put("conditions.0.conditionThreshold.aggregations.0.alignmentPeriod", "86400s"),
        ends("purge-lag"),
        GOOGLE,
    ),
    Violation(
        "alert blobs-breaks: it watches a bucket that does not exist",
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
        "alert purge-lag: it notifies a channel of another project",
        "gcp-monitoring-condition-effective",
        "none of its notification channels is of the stack",
        ALERT,
        put_only("notificationChannels", ["projects/other/notificationChannels/1"]),
        ends("purge-lag"),
        GOOGLE,
    ),
    Violation(
        "alert purge-lag: it has no condition that compares a metric with a threshold",
        "gcp-monitoring-condition-effective",
        "x compares nothing with a threshold",
        ALERT,
        put("conditions", [{"displayName": "x", "conditionAbsent": {"duration": "3600s", "filter": "x"}}]),
        ends("purge-lag"),
        GOOGLE,
    ),
]
