"""Tests that alarms of the emulated CloudWatch change state with their metrics. Also tests that an alarm notifies its
subscribers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.cloudwatch.models import CloudWatchBackend

from emulation.aws import alarms
from emulation.aws.alarm_states import Rule
from emulation.aws.observed import RequestOutcomes, ServiceMetrics
from emulation.providers.aws.clients import client

REGION = "us-east-1"
NOW = 1_800_000_000.0
TOPIC = f"arn:aws:sns:{REGION}:123456789012:alarms"

Alarmed = Callable[..., Any]


@pytest.fixture
def cloud(aws_cloud: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, method in alarms.patches():
        monkeypatch.setattr(CloudWatchBackend, name, method)
    yield


def put(**changes: Any) -> None:
    alarm: dict[str, Any] = {
        "AlarmName": "purge-lag",
        "AlarmDescription": "Readers see old documents",
        "Namespace": "ArtifactEdge",
        "MetricName": "PurgeLagSeconds",
        "Dimensions": [{"Name": "Environment", "Value": "unit"}],
        "Statistic": "Maximum",
        "Period": 60,
        "EvaluationPeriods": 3,
        "Threshold": 120,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
        "AlarmActions": [TOPIC],
        "OKActions": [TOPIC],
        **changes,
    }
    client("cloudwatch").put_metric_alarm(**alarm)


def write(value: float, ago: float, **dimensions: str) -> None:
    datum = {
        "MetricName": "PurgeLagSeconds",
        "Value": value,
        "Timestamp": datetime.fromtimestamp(NOW - ago, UTC),
        "Dimensions": [{"Name": name, "Value": each} for name, each in (dimensions or {"Environment": "unit"}).items()],
    }
    client("cloudwatch").put_metric_data(Namespace="ArtifactEdge", MetricData=[datum])


def state(name: str = "purge-lag") -> str:
    (found,) = client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
    return found["StateValue"]


def notifications() -> list[dict[str, Any]]:
    sqs = client("sqs")
    url = sqs.get_queue_url(QueueName="heard")["QueueUrl"]
    found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    return [json.loads(json.loads(message["Body"])["Message"]) for message in found]


def listen() -> None:
    sns, sqs = client("sns"), client("sqs")
    sns.create_topic(Name="alarms")
    sqs.create_queue(QueueName="heard")
    sns.subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:123456789012:heard")


@pytest.mark.usefixtures("cloud")
def test_an_alarm_follows_its_evaluation_periods_and_returns_to_ok() -> None:
    listen()
    put()
    assert state() == "INSUFFICIENT_DATA"
    for ago in (150, 90):
        write(300, ago)
    alarms.evaluate(NOW, 60)
    assert state() == "OK"
    write(300, 210)
    alarms.evaluate(NOW, 60)
    assert state() == "ALARM"
    write(0, -30)
    alarms.evaluate(NOW + 60, 60)
    assert state() == "OK"
    assert [notification["NewStateValue"] for notification in notifications()] == ["OK", "ALARM", "OK"]


@pytest.mark.usefixtures("cloud")
def test_subscribers_receive_the_notification() -> None:
    listen()
    put(EvaluationPeriods=1)
    write(300, 90)
    alarms.evaluate(NOW, 60)
    (notification,) = notifications()
    assert (notification["AlarmName"], notification["AlarmDescription"]) == ("purge-lag", "Readers see old documents")
    assert (notification["OldStateValue"], notification["NewStateValue"]) == ("INSUFFICIENT_DATA", "ALARM")
    assert notification["Trigger"]["MetricName"] == "PurgeLagSeconds"
    alarms.evaluate(NOW, 60)
    assert notifications() == []
    alarms.evaluate(NOW + 300, 60)
    (notification,) = notifications()
    assert (notification["OldStateValue"], notification["NewStateValue"]) == ("ALARM", "OK")


@pytest.mark.usefixtures("cloud")
def test_an_alarm_ignores_other_metrics_and_other_environments() -> None:
    put(EvaluationPeriods=1)
    write(300, 90, Environment="another")
    write(300, 90, Environment="unit", Tier="edge")
    alarms.evaluate(NOW, 60)
    assert state() == "OK"


@pytest.mark.usefixtures("cloud")
def test_a_change_of_an_alarm_keeps_its_state() -> None:
    put(EvaluationPeriods=1)
    write(300, 90)
    alarms.evaluate(NOW, 60)
    put(EvaluationPeriods=1, Threshold=500)
    assert state() == "ALARM"
    alarms.evaluate(NOW, 60)
    assert state() == "OK"


@pytest.mark.usefixtures("cloud")
def test_a_shorter_minute_makes_periods_shorter() -> None:
    put()
    for ago in (1.5, 2.5, 3.5):
        write(300, ago)
    alarms.evaluate(NOW, 60)
    assert state() == "OK"
    alarms.evaluate(NOW, 1)
    assert state() == "ALARM"


@pytest.mark.usefixtures("cloud")
@pytest.mark.parametrize(
    "change",
    [
        {"ExtendedStatistic": "p99", "Statistic": None},
        {"AlarmActions": ["arn:aws:automate:us-east-1:ec2:stop"]},
        {"ComparisonOperator": "GreaterThanUpperThreshold", "ThresholdMetricId": "ad1"},
    ],
)
def test_an_alarm_that_is_not_emulated_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ClientError, match="not emulated"):
        alarm = {name: value for name, value in change.items() if value is not None}
        if "Statistic" in change:
            alarm |= {"Statistic": "Maximum"}
        put(**alarm)


BAD, GOOD, NONE = 300.0, 0.0, None


@pytest.mark.parametrize(
    ("oldest_first", "breaching", "not_breaching", "ignore", "missing"),
    [
        # Each case is a row of a table in the CloudWatch User Guide ("Configuring how CloudWatch alarms treat missing
        # data"). The alarm in the table has `EvaluationPeriods` 3 and `DatapointsToAlarm` 3.
        ([GOOD, NONE, BAD, NONE, BAD], "OK", "OK", "OK", "OK"),
        ([NONE, NONE, NONE, NONE, GOOD], "OK", "OK", "OK", "OK"),
        ([NONE, NONE, NONE, NONE, NONE], "ALARM", "OK", "before", "INSUFFICIENT_DATA"),
        ([GOOD, BAD, BAD, NONE, BAD], "ALARM", "ALARM", "ALARM", "ALARM"),
        ([NONE, NONE, BAD, NONE, NONE], "ALARM", "OK", "before", "ALARM"),
    ],
)
def test_missing_values_are_treated_as_the_guide_says(
    oldest_first: list[float | None], breaching: str, not_breaching: str, ignore: str, missing: str
) -> None:
    expected = {"breaching": breaching, "notBreaching": not_breaching, "ignore": ignore, "missing": missing}
    for treat, wanted in expected.items():
        rule = Rule(3, 3, "GreaterThanThreshold", 120, treat)
        before: Any = "before"
        assert rule.state(oldest_first[::-1], before) == wanted, treat


@pytest.mark.usefixtures("cloud")
def test_queues_publish_their_length_and_the_age_of_the_oldest_message() -> None:
    sqs = client("sqs")
    url = sqs.create_queue(QueueName="dead")["QueueUrl"]
    outcomes = RequestOutcomes(lambda environ, start_response: [])
    observed = ServiceMetrics(outcomes, list)
    sqs.send_message(QueueUrl=url, MessageBody="x")
    sent = datetime.now(UTC).timestamp()
    observed.publish(sent + 10, 60)
    found = client("cloudwatch").get_metric_data(
        MetricDataQueries=[
            {
                "Id": name.lower()[:3],
                "MetricStat": {
                    "Metric": {
                        "Namespace": "AWS/SQS",
                        "MetricName": f"Approximate{name}",
                        "Dimensions": [{"Name": "QueueName", "Value": "dead"}],
                    },
                    "Period": 60,
                    "Stat": "Maximum",
                },
            }
            for name in ("NumberOfMessagesVisible", "AgeOfOldestMessage")
        ],
        StartTime=datetime.fromtimestamp(sent - 60, UTC),
        EndTime=datetime.fromtimestamp(sent + 120, UTC),
    )
    visible, age = [result["Values"] for result in found["MetricDataResults"]]
    assert visible == [1.0]
    assert 600 <= age[0] < 660
