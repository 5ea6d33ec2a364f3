"""Test cases for the policies on alarms."""

from __future__ import annotations

from typing import Any

from pulumi_policy import PolicyResource

from tests.policies.cases.parts import Case
from tests.policies.resources import resource

ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
ALERT_POLICY = "gcp:monitoring/alertPolicy:AlertPolicy"
FUNCTION = resource("aws:lambda/function:Function", {"name": "f"})
TOPIC = "aws:sns/topic:Topic"
SUBSCRIPTION = "aws:sns/topicSubscription:TopicSubscription"
CHANNEL = "gcp:monitoring/notificationChannel:NotificationChannel"
LAG = 'metric.type = "custom.googleapis.com/artifact_edge/purge_lag"'
RUNNING = 'metric.type = "run.googleapis.com/container/instance_count"'


def errors(**changes: Any) -> PolicyResource:
    props = {
        "namespace": "AWS/Lambda",
        "metricName": "Errors",
        "dimensions": {"FunctionName": "f"},
        "comparisonOperator": "GreaterThanThreshold",
        "threshold": 0,
        "statistic": "Sum",
        "period": 60,
        "evaluationPeriods": 3,
        "treatMissingData": "notBreaching",
    }
    return resource(ALARM, {**props, **changes})


def down(**changes: Any) -> PolicyResource:
    names = {"namespace": "AWS/Route53", "metricName": "HealthCheckStatus", "dimensions": {"HealthCheckId": "1"}}
    shown = {"comparisonOperator": "LessThanThreshold", "threshold": 1, "treatMissingData": "breaching"}
    return errors(**{**names, **shown, **changes})


def alert(**changes: Any) -> PolicyResource:
    threshold = {
        "filter": LAG,
        "comparison": "COMPARISON_GT",
        "thresholdValue": 120,
        "duration": "300s",
        "evaluationMissingData": "EVALUATION_MISSING_DATA_ACTIVE",
    }
    return resource(ALERT_POLICY, {"conditions": [{"conditionThreshold": {**threshold, **changes}}]})


CHECK = resource("aws:route53/healthCheck:HealthCheck", {"id": "1"}, "check")
CHECKED = resource(
    ALARM,
    {"namespace": "AWS/Route53", "metricName": "HealthCheckStatus", "dimensions": {"HealthCheckId": "1"}},
    on={"dimensions": [CHECK]},
)

CASES = [
    *[
        Case("multi-alarm-metric-known", [FUNCTION, broken], says)
        for broken, says in (
            (errors(metricName="Error"), "no metric Error in AWS/Lambda; did you mean Errors?"),
            (errors(namespace="AWS/S4"), "no metric Errors in AWS/S4"),
            (errors(dimensions={}), "its dimensions are none, not FunctionName"),
            (errors(dimensions={"FunctionName": "g"}), "FunctionName g names no resource of the stack"),
            (down(), "HealthCheckId 1 names no resource of the stack"),
            (alert(filter=LAG.replace("lag", "leg")), "purge_leg; did you mean custom.googleapis.com"),
        )
    ],
    Case(
        "multi-alarm-metric-known",
        [
            FUNCTION,
            errors(),
            CHECK,
            CHECKED,
            alert(),
        ],
    ),
    *[
        Case("multi-alarm-threshold-reachable", [broken], says)
        for broken, says in (
            (errors(threshold=1_000_000), "threshold 1e+06 is not reached"),
            (errors(comparisonOperator="LessThanThreshold"), "does not go off while the metric is high"),
            (down(threshold=0), "the metric does not fall below 0"),
            (down(comparisonOperator="GreaterThanThreshold"), "does not go off while the metric is low"),
            (errors(statistic="SampleCount"), "SampleCount counts data points"),
            (errors(statistic="Minimum"), "Minimum is 0 as long as one event has no fault"),
            (errors(evaluationPeriods=600), "it goes off after 36000 seconds"),
            (alert(thresholdValue=604_800), "thresholdValue 604800 is not reached"),
            (alert(filter=RUNNING), "does not go off while the metric is low"),
            (alert(duration="86400s"), "the duration is 86400 seconds"),
            (alert(denominatorFilter=LAG), "thresholdValue 120 is not reached: in an outage the metric is 1 or less"),
        )
    ],
    Case(
        "multi-alarm-threshold-reachable",
        [errors(), down(), alert(), alert(filter=RUNNING, comparison="COMPARISON_LT", thresholdValue=1)],
    ),
    Case("multi-alarm-threshold-reachable", [errors(evaluationPeriods=600)], config={"seconds": 36_000}),
    *[
        Case("multi-alarm-missing-data-alarms", [broken], says)
        for broken, says in (
            (down(treatMissingData="notBreaching"), "treat_missing_data is notBreaching"),
            (down(treatMissingData=""), "treat_missing_data is missing"),
            (alert(evaluationMissingData=""), "evaluation_missing_data is not set"),
        )
    ],
    Case("multi-alarm-missing-data-alarms", [errors(), down(), alert()]),
    Case(
        "multi-alarm-has-recipients",
        [resource(TOPIC, {"arn": "a"}), resource(SUBSCRIPTION, {"topic": "a"}), errors(alarmActions=["b"])],
        "it notifies b, which is no topic of the stack",
    ),
    Case("multi-alarm-has-recipients", [resource(SUBSCRIPTION, {"filterPolicy": "{}"})], "a filter drops messages"),
    Case("multi-alarm-has-recipients", [resource(CHANNEL, {"enabled": False})], "the channel is off"),
    Case(
        "multi-alarm-has-recipients",
        [resource(TOPIC, {"arn": "a"}), resource(SUBSCRIPTION, {"topic": "a"}), errors(alarmActions=["a"])],
    ),
]
