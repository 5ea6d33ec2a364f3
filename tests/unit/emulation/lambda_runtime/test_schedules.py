"""Tests how EventBridge rules invoke the sandbox's Lambda functions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pulumi
import pytest

from emulation.lambda_runtime.instance import FunctionError
from emulation.lambda_runtime.schedules import Schedule, rate_seconds, schedules
from emulation.lambda_runtime.timer import Timer
from emulation.providers import archives
from emulation.providers.aws.clients import client

RULE = "arn:aws:events:us-east-1:123456789012:rule/each-minute"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:worker"
MINUTELY = Schedule(RULE, FUNCTION, "us-east-1", 60, "", retries=0, permitted=True)


@pytest.mark.parametrize(
    ("expression", "seconds"),
    [("rate(1 minute)", 60), ("rate(5 minutes)", 300), ("rate(1 hour)", 3600), ("rate(12 hours)", 43_200)],
)
def test_a_rate_is_parsed(expression: str, seconds: int) -> None:
    assert rate_seconds(expression) == seconds


@pytest.mark.parametrize(
    "expression", ["rate(1 minutes)", "rate(5 minute)", "rate(0 minutes)", "cron(0 * * * ? *)", ""]
)
def test_any_other_schedule_is_refused_by_its_name(expression: str) -> None:
    with pytest.raises(ValueError, match="not emulated: the schedule"):
        rate_seconds(expression)


def fired(schedule: Schedule, fails: int = 0) -> tuple[list[Any], list[str]]:
    """Runs a schedule, which invokes its Lambda function once and repeats failed invocations. The first `fails`
    invocations fail. Returns the event of each invocation, and the messages that the emulation's timer reported.
    """
    given: list[Any] = []
    reports: list[str] = []

    def invoke(function: str, event: Any) -> None:
        assert function == FUNCTION
        given.append(event)
        if len(given) <= fails:
            raise FunctionError("worker raised ValueError")

    Timer(schedule, lambda: 60.0, invoke, reports.append).fire()
    return given, reports


def test_the_function_gets_the_event_of_its_rule() -> None:
    (event,), reports = fired(MINUTELY)
    assert (event["source"], event["detail-type"], event["resources"]) == ("aws.events", "Scheduled Event", [RULE])
    assert reports == []
    assert fired(replace(MINUTELY, input='{"a": 1}')) == ([{"a": 1}], [])


def test_a_failed_event_is_retried_as_the_function_configures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emulation.lambda_runtime.timer._PAUSE", 0.0)
    given, reports = fired(MINUTELY, fails=1)
    assert (len(given), reports) == (1, ["on schedule: worker raised ValueError"])
    assert len(fired(replace(MINUTELY, retries=2), fails=9)[0]) == 3
    assert len(fired(replace(MINUTELY, retries=2), fails=1)[0]) == 2


def test_a_rule_that_the_functions_policy_does_not_name_invokes_nothing() -> None:
    given, reports = fired(replace(MINUTELY, permitted=False))
    assert (given, reports) == ([], [f"{RULE} may not invoke worker: its policy does not name the rule"])


@pytest.mark.usefixtures("aws_cloud")
def test_schedules_are_read_with_the_functions_policy_and_retries() -> None:
    events, functions, iam = (client(name, {"region": "us-east-1"}) for name in ("events", "lambda", "iam"))
    role = iam.create_role(RoleName="worker", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    code = archives.on_the_wire(pulumi.AssetArchive({"x.py": pulumi.StringAsset("def y(*_): ...")}))
    functions.create_function(
        FunctionName="worker",
        Runtime="python3.13",
        Role=role,
        Handler="x.y",
        Code={"ZipFile": archives.zipped(code)},
    )
    for name, schedule in {"each-minute": "rate(1 minute)", "nightly": "cron(0 20 * * ? *)"}.items():
        events.put_rule(Name=name, ScheduleExpression=schedule)
        events.put_targets(Rule=name, Targets=[{"Id": "it", "Arn": FUNCTION}])
    reports: list[str] = []

    def read() -> list[Schedule]:
        return list(schedules(events, functions, "us-east-1", reports.append))

    assert read() == [replace(MINUTELY, retries=2, permitted=False)]
    assert reports == [
        f"{RULE.replace('each-minute', 'nightly')}: not emulated: the schedule 'cron(0 20 * * ? *)'; "
        "write rate(1 minute), rate(5 minutes), rate(1 hour)…"
    ]
    permission: Mapping[str, Any] = {
        "FunctionName": "worker",
        "Action": "lambda:InvokeFunction",
        "Principal": "events.amazonaws.com",
    }
    functions.add_permission(**permission, StatementId="other", SourceArn=RULE.replace("each-minute", "another"))
    assert not read()[0].permitted
    functions.add_permission(**permission, StatementId="it", SourceArn=RULE)
    functions.put_function_event_invoke_config(FunctionName="worker", MaximumRetryAttempts=0)
    assert read() == [MINUTELY]
    events.disable_rule(Name="each-minute")
    assert read() == []
