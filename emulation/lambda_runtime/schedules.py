"""Reads the EventBridge rules of the emulated AWS that invoke functions at a fixed rate."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from botocore.exceptions import ClientError

_RATE = re.compile(r"rate\((?:1 (minute|hour|day)|([2-9]|[1-9]\d+) (minute|hour|day)s)\)")
_SECONDS = {"minute": 60, "hour": 3_600, "day": 86_400}
_RETRIES = 2  # The number of times that Lambda by default repeats a failed asynchronous invocation.


@dataclass(frozen=True)
class Schedule:
    """An EventBridge rule that invokes a Lambda function at a fixed rate. `retries` is the number of times that Lambda
    repeats a failed asynchronous invocation of the function. `permitted` says whether the function's policy allows the
    rule to invoke the function.
    """

    rule: str  # The ARN of the EventBridge rule.
    function: str  # The ARN of the Lambda function that the rule invokes.
    region: str
    seconds: int
    input: str
    retries: int
    permitted: bool


def rate_seconds(expression: str) -> int:
    """Returns the period of an EventBridge `rate(…)` expression in seconds. EventBridge accepts `rate(1 minute)` and
    `rate(5 minutes)`, but neither `rate(1 minutes)` nor `rate(5 minute)`. Raises ValueError for other expressions:
    `cron(…)` is not emulated.
    """
    found = _RATE.fullmatch(expression)
    if found is None:
        raise ValueError(
            f"not emulated: the schedule {expression!r}; write rate(1 minute), rate(5 minutes), rate(1 hour)…"
        )
    return int(found[2] or 1) * _SECONDS[found[1] or found[3]]


def schedules(events: Any, functions: Any, region: str, report: Callable[[str], None]) -> Iterator[Schedule]:
    """Yields the EventBridge rules of one region that invoke Lambda functions on a schedule. `events` and `functions`
    are API clients of the region. Calls `report` for each rule that is not emulated."""
    for rule in events.list_rules()["Rules"]:
        expression = rule.get("ScheduleExpression")
        if not expression or rule["State"] != "ENABLED":
            continue
        for target in events.list_targets_by_rule(Rule=rule["Name"])["Targets"]:
            try:
                yield _schedule(functions, rule["Arn"], rate_seconds(expression), target, region)
            except ValueError as error:
                report(f"{rule['Arn']}: {error}")


def _schedule(functions: Any, rule: str, seconds: int, target: Mapping[str, Any], region: str) -> Schedule:
    if ":lambda:" not in target["Arn"]:
        raise ValueError(f"not emulated: the target {target['Arn']}")
    function: str = target["Arn"]
    return Schedule(
        rule,
        function,
        region,
        seconds,
        target.get("Input", ""),
        _retries(functions, function),
        _is_permitted(functions, function, rule),
    )


def _retries(functions: Any, function: str) -> int:
    try:
        config = functions.get_function_event_invoke_config(FunctionName=function)
    except ClientError:
        # If a function has no settings for asynchronous invocations, Lambda uses the default number of retries.
        return _RETRIES
    return int(config.get("MaximumRetryAttempts", _RETRIES))


def _is_permitted(functions: Any, function: str, rule: str) -> bool:
    try:
        policy = json.loads(functions.get_policy(FunctionName=function)["Policy"])
    except ClientError:
        return False  # A Lambda function without a resource-based policy permits no EventBridge rule to invoke it.
    for statement in cast(list[Mapping[str, Any]], policy["Statement"]):
        conditions: Mapping[str, Mapping[str, str]] = statement.get("Condition", {})
        sources = [
            value for each in conditions.values() for key, value in each.items() if key.lower() == "aws:sourcearn"
        ]
        if statement["Principal"] == {"Service": "events.amazonaws.com"} and (not sources or rule in sources):
            return True
    return False
