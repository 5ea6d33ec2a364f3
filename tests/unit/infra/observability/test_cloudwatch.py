"""Tests the alarms, notifications and dashboard that the program creates in CloudWatch and SNS."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, get_args

import pulumi
import pytest

from emulation.providers.aws import functions, handlers
from emulation.providers.aws.clients import client
from infra.blobs.s3 import s3_buckets
from infra.blobs.s3_alarms import s3_alarms
from infra.dns.alarms import edge_alarms, machine_alarms, region_alarm
from infra.metadata import MetadataArgs
from infra.metadata.dynamodb import DynamoDbMetadata
from infra.observability import CloudWatchAlarm, CloudWatchObservabilityArgs, Tier
from infra.observability.cloudwatch import CloudWatchObservability
from infra.observability.cloudwatch_dashboard import body
from infra.publishing.alarms import alarms as registry_alarms
from tests.support.harness import deploy

PREFIX = "artifact-edge-test"
LOST = CloudWatchAlarm(
    name="shield-eu-west-1-lost",
    tier="shield",
    region="us-east-1",
    fault="No shield machine in eu-west-1 answers",
    namespace="AWS/Route53",
    metric="HealthCheckStatus",
    dimensions={"HealthCheckId": "abc"},
    threshold=1,
    comparison="LessThanThreshold",
    statistic="Minimum",
    missing="breaching",
    runbook="docs/operations.md#a-shield-region-is-lost",
)
LATE = CloudWatchAlarm(
    name="blobs-eu-west-1-lags",
    tier="blobs",
    region="eu-west-1",
    fault="Copies reach eu-west-1 late",
    namespace="AWS/S3",
    metric="ReplicationLatency",
    dimensions={"SourceBucket": "a", "DestinationBucket": "b", "RuleId": "eu-west-1"},
    threshold=900,
)


def watch(*alarms: CloudWatchAlarm, emails: tuple[str, ...] = ()) -> None:
    def program() -> None:
        CloudWatchObservability("observability", CloudWatchObservabilityArgs(PREFIX, alarms, emails, 7))

    deploy(program, handlers(), functions(), config={"aws:region": "us-east-1"})


def alarm_of(region: str) -> Any:
    (found,) = client("cloudwatch", {"region": region}).describe_alarms()["MetricAlarms"]
    return found


def topic(region: str) -> Any:
    sns = client("sns", {"region": region})
    (found,) = sns.list_topics()["Topics"]
    return sns.get_topic_attributes(TopicArn=found["TopicArn"])["Attributes"]


@pytest.mark.usefixtures("aws_cloud")
def test_an_alarm_has_a_description_a_runbook_and_its_regions_topic() -> None:
    watch(LOST, LATE)
    found = alarm_of("us-east-1")
    assert found["AlarmName"] == f"{PREFIX}-shield-eu-west-1-lost"
    assert found["AlarmDescription"] == (
        "No shield machine in eu-west-1 answers. What to do: docs/operations.md#a-shield-region-is-lost"
    )
    assert (found["Namespace"], found["MetricName"], found["Dimensions"]) == (
        "AWS/Route53",
        "HealthCheckStatus",
        [{"Name": "HealthCheckId", "Value": "abc"}],
    )
    assert (found["Statistic"], found["ComparisonOperator"], found["Threshold"]) == ("Minimum", "LessThanThreshold", 1)
    assert (found["Period"], found["EvaluationPeriods"], found["TreatMissingData"]) == (60, 3, "breaching")
    for region in ("us-east-1", "eu-west-1"):
        arn = topic(region)["TopicArn"]
        assert arn == f"arn:aws:sns:{region}:123456789012:{PREFIX}-alarms"
        assert alarm_of(region)["AlarmActions"] == alarm_of(region)["OKActions"] == [arn]


@pytest.mark.usefixtures("aws_cloud")
def test_cloudwatch_may_use_topic_and_key_and_other_accounts_may_not() -> None:
    watch(LATE)
    attributes = topic("eu-west-1")
    kms = client("kms", {"region": "eu-west-1"})
    key = attributes["KmsMasterKeyId"]
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"]
    of_key = json.loads(kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"])["Statement"]
    of_topic = json.loads(attributes["Policy"])["Statement"]
    for action, statements in (("kms:GenerateDataKey*", of_key), ("sns:Publish", of_topic)):
        (allowed,) = [
            statement for statement in statements if action in statement["Action"] and statement["Effect"] == "Allow"
        ]
        assert allowed["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
        assert allowed["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}


@pytest.mark.usefixtures("aws_cloud")
def test_subscribers_receive_alarms_of_every_region() -> None:
    watch(LOST, LATE, emails=("on-call@example.com",))
    for region in ("us-east-1", "eu-west-1"):
        (subscription,) = client("sns", {"region": region}).list_subscriptions()["Subscriptions"]
        assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "on-call@example.com")
        assert subscription["TopicArn"] == topic(region)["TopicArn"]


@pytest.mark.usefixtures("aws_cloud")
def test_the_dashboard_has_a_row_for_each_tier_with_alarms_and_metrics() -> None:
    watch(LOST, LATE)
    dashboard = client("cloudwatch").get_dashboard(DashboardName=PREFIX)
    widgets = json.loads(dashboard["DashboardBody"])["widgets"]
    headings = [each["properties"]["markdown"].splitlines()[0] for each in widgets if each["type"] == "text"]
    assert headings == ["## blobs", "## shield"]
    states = [each["properties"]["alarms"] for each in widgets if each["type"] == "alarm"]
    assert states == [[alarm_of("eu-west-1")["AlarmArn"]], [alarm_of("us-east-1")["AlarmArn"]]]
    late, lost = [each["properties"] for each in widgets if each["type"] == "metric"]
    assert (late["region"], late["annotations"]["horizontal"][0]["value"]) == ("eu-west-1", 900)
    assert lost["metrics"] == [
        ["AWS/Route53", "HealthCheckStatus", "HealthCheckId", "abc", {"label": "shield-eu-west-1-lost"}]
    ]


def test_the_dashboard_does_not_depend_on_the_order_of_alarms_and_no_widget_covers_another() -> None:
    many = [
        (replace(LOST, name=f"{tier}-{number:03}", tier=tier, metric=f"m{number % 5}"), f"arn:{tier}:{number}")
        for tier in get_args(Tier)
        for number in range(130)
    ]
    made = body(many)
    assert made == body(many[::-1])
    covered: set[tuple[int, int]] = set()
    for widget in made["widgets"]:
        cells = {
            (widget["x"] + across, widget["y"] + down)
            for across in range(widget["width"])
            for down in range(widget["height"])
        }
        assert not cells & covered
        assert max(across for across, _ in cells) < 24
        covered |= cells
    assert max(len(each["properties"]["alarms"]) for each in made["widgets"] if each["type"] == "alarm") == 100


def every_alarm() -> list[CloudWatchAlarm]:
    """Returns CloudWatch alarms of every kind. There are alarms for the database, the registry, the buckets, the edge,
    the machines and the regions.
    """
    found: list[CloudWatchAlarm] = []

    def program() -> None:
        metadata = DynamoDbMetadata("metadata", MetadataArgs(PREFIX, ["us-east-1", "eu-west-1"], protect=False))
        check = pulumi.Output.from_input("abc")
        found.extend(
            [
                *metadata.alarms,
                *(
                    each
                    for each in registry_alarms("unit", "dynamodb", "us-east-1")
                    if isinstance(each, CloudWatchAlarm)
                ),
                *s3_alarms(s3_buckets(PREFIX, ["us-east-1", "eu-west-1"])),
                *edge_alarms("packages.example.com", check),
                *machine_alarms("us-east-1-0", check),
                region_alarm("us-east-1", check),
            ]
        )

    deploy(program, handlers(), functions(), config={"aws:region": "us-east-1"})
    return found


@pytest.mark.usefixtures("aws_cloud")
def test_alarms_are_in_the_region_of_their_metric() -> None:
    alarms = {alarm.name: alarm for alarm in every_alarm()}
    assert alarms["metadata-eu-west-1-fails-GetItem"].region == "eu-west-1"
    assert alarms["metadata-eu-west-1-fails-GetItem"].dimensions.keys() == {"TableName", "Operation"}
    assert alarms["metadata-eu-west-1-lags"].region == "us-east-1"
    assert alarms["metadata-eu-west-1-lags"].dimensions["ReceivingRegion"] == "eu-west-1"
    assert {alarm.region for alarm in alarms.values() if alarm.namespace == "AWS/Route53"} == {"us-east-1"}
