"""Tests how the emulated AWS provider creates, changes and deletes CloudWatch and SNS resources.

The provider must report no drift for an unchanged resource.
"""

from __future__ import annotations

from typing import Any

import pulumi_aws as aws
import pytest

from emulation.providers.aws import handlers
from emulation.providers.aws.clients import client
from emulation.providers.handler import CloudError, Handler

ALARM: dict[str, Any] = {
    "name": "edge-down",
    "region": "us-east-1",
    "alarmDescription": "Clients cannot use the edge",
    "namespace": "AWS/Route53",
    "metricName": "HealthCheckStatus",
    "dimensions": {"HealthCheckId": "abc"},
    "statistic": "Minimum",
    "period": 60,
    "evaluationPeriods": 3,
    "datapointsToAlarm": 3,
    "threshold": 1,
    "comparisonOperator": "LessThanThreshold",
    "treatMissingData": "breaching",
    "alarmActions": ["arn:aws:sns:us-east-1:123456789012:alarms"],
    "okActions": ["arn:aws:sns:us-east-1:123456789012:alarms"],
    "tags": {"owner": "platform", "project": "artifact-edge"},
}
DASHBOARD: dict[str, Any] = {"dashboardName": "edge", "dashboardBody": '{"widgets": []}', "region": "us-east-1"}
TOPIC: dict[str, Any] = {
    "name": "alarms",
    "region": "eu-west-1",
    "kmsMasterKeyId": "alias/alarms",
    "tags": {"owner": "platform"},
}
TOPIC_ARN = "arn:aws:sns:eu-west-1:123456789012:alarms"
POLICY: dict[str, Any] = {
    "arn": TOPIC_ARN,
    "region": "eu-west-1",
    "policy": '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sns:Publish",'
    ' "Resource": "*"}]}',
}
SUBSCRIPTION: dict[str, Any] = {
    "topic": TOPIC_ARN,
    "region": "eu-west-1",
    "protocol": "email",
    "endpoint": "on-call@example.com",
}


def handler(resource: Any) -> Handler:
    return next(each for each in handlers() if each.resource is resource)


CHANGES = [
    (aws.cloudwatch.MetricAlarm, ALARM, {"threshold": 0, "tags": {"owner": "edge"}}),
    (aws.cloudwatch.Dashboard, DASHBOARD, {"dashboardBody": '{"widgets": [], "start": "-PT3H"}'}),
    (aws.sns.Topic, TOPIC, {"kmsMasterKeyId": "alias/other", "tags": {"cost-center": "none"}}),
    (aws.sns.TopicPolicy, POLICY, {"policy": POLICY["policy"].replace("Allow", "Deny")}),
    (aws.sns.TopicSubscription, SUBSCRIPTION, None),
]


@pytest.mark.usefixtures("aws_cloud")
@pytest.mark.parametrize(("resource", "inputs", "change"), CHANGES, ids=lambda each: getattr(each, "__name__", ""))
def test_a_resource_shows_no_drift_and_can_be_changed_and_deleted(
    resource: Any, inputs: dict[str, Any], change: dict[str, Any] | None
) -> None:
    if resource in (aws.sns.TopicPolicy, aws.sns.TopicSubscription):
        handler(aws.sns.Topic).create(TOPIC)
    tested = handler(resource)
    created = tested.create(inputs)
    assert tested.read(created.id, created.outputs) == created.outputs
    assert inputs.items() <= created.outputs.items()
    now = inputs
    if change is not None:
        now = {**inputs, **change}
        updated = tested.update(created.id, created.outputs, now)
        assert now.items() <= updated.items()
        assert tested.read(created.id, updated) == updated
    tested.delete(created.id, created.outputs)
    gone = tested.read(created.id, {**created.outputs, **now})
    assert gone is None or (resource is aws.sns.TopicPolicy and gone["policy"] != now["policy"])
    tested.delete(created.id, created.outputs)


@pytest.mark.usefixtures("aws_cloud")
def test_drift_is_reported() -> None:
    tested = handler(aws.cloudwatch.MetricAlarm)
    created = tested.create(ALARM)
    client("cloudwatch").put_metric_alarm(
        AlarmName="edge-down",
        Namespace="AWS/Route53",
        MetricName="HealthCheckStatus",
        Statistic="Minimum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="LessThanThreshold",
    )
    found = tested.read(created.id, created.outputs)
    assert found is not None
    assert (found["evaluationPeriods"], found["dimensions"]) == (1, {})


@pytest.mark.usefixtures("aws_cloud")
@pytest.mark.parametrize(
    ("resource", "inputs"),
    [
        (aws.cloudwatch.MetricAlarm, {**ALARM, "metricQueries": []}),
        (aws.sns.Topic, {**TOPIC, "fifoTopic": True}),
        (aws.sns.TopicSubscription, {**SUBSCRIPTION, "rawMessageDelivery": True}),
    ],
)
def test_an_input_that_is_not_emulated_is_refused_by_name(resource: Any, inputs: dict[str, Any]) -> None:
    with pytest.raises(CloudError, match=r"metricQueries|fifoTopic|rawMessageDelivery"):
        handler(resource).create(inputs)
