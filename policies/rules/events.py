"""Policies for the events that invoke functions. Changes in a stream must reach their function within seconds, and
schedules must invoke their functions every few minutes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pulumi_policy import Policy, PolicyResource, ResourceValidationArgs, Severity, StackValidationArgs

from policies.framework.controls import our_design
from policies.framework.declare import each_resource, known, setting, whole_stack
from policies.framework.kinds import all_of
from policies.framework.relations import refers_to
from policies.rules.functions import EVENT_RULE, FUNCTION, MAPPING

_TARGET = "aws:cloudwatch/eventTarget:EventTarget"
_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_MINUTES = {"minute": 1, "hour": 60, "day": 24 * 60}


@each_resource(
    "aws-lambda-changes-delivered-promptly",
    "A function gets all changes of a stream within seconds, and again for hours while it fails.",
    of={MAPPING},
    severity=Severity.HIGH,
    control=our_design("revocation is visible in seconds"),
    fix="Start at TRIM_HORIZON, leave maximum_batching_window_in_seconds out, and retry for the setting `hours`",
    config={
        "window_seconds": {"type": "integer", "minimum": 0, "default": 5},
        "retries": {"type": "integer", "minimum": 0, "default": 10},
        "hours": {"type": "integer", "minimum": 0, "default": 1},
    },
)
def changes_delivered_promptly(args: ResourceValidationArgs) -> Iterator[str]:
    if args.props.get("startingPosition") == "LATEST":
        yield "it leaves out the changes before its creation"
    window = int(args.props.get("maximumBatchingWindowInSeconds") or 0)
    if window > int(setting(args, "window_seconds", 5)):
        yield f"it collects changes for {window} seconds"
    retries = int(args.props.get("maximumRetryAttempts", -1))
    if 0 <= retries < int(setting(args, "retries", 10)):
        yield f"it tries a failed change again {retries} times only"
    age = int(args.props.get("maximumRecordAgeInSeconds", -1))
    if 0 <= age < 3600 * int(setting(args, "hours", 1)):
        yield f"it drops changes after {age} seconds"


@whole_stack(
    "aws-cloudwatch-schedule-invokes-function",
    "Each schedule runs often enough, and invokes a function of the stack.",
    of={EVENT_RULE},
    severity=Severity.HIGH,
    control=our_design("published objects become visible"),
    fix="Use rate(...) with at most the minutes of the setting `minutes`, and an aws.cloudwatch.EventTarget with the "
    "function's ARN",
    config={"minutes": {"type": "integer", "minimum": 1, "default": 15}},
)
def schedule_invokes_function(rule: PolicyResource, stack: StackValidationArgs) -> Iterator[str]:
    schedule = str(rule.props.get("scheduleExpression") or "")
    if schedule:
        match = _RATE.fullmatch(schedule)
        if match is None or int(match[1]) * _MINUTES[match[2]] > int(setting(stack, "minutes", 15)):
            yield f"its schedule is {schedule}"
    targets = [each for each in all_of(stack, {_TARGET}) if refers_to(each, "rule", rule, ("name", "id"))]
    if not targets:
        yield "it invokes nothing"
    functions = list(all_of(stack, {FUNCTION}))
    for target in targets:
        if not any(refers_to(target, "arn", function, ("arn",)) for function in functions):
            yield f"{target.name} invokes {known(target.props, 'arn')}, which is no function of the stack"


POLICIES: list[Policy] = [changes_delivered_promptly, schedule_invokes_function]
