"""Evaluates CloudWatch alarms and notifies SNS topics; moto 5.2 only stores alarms.

An alarm evaluates only periods that have ended. A new alarm starts in the state INSUFFICIENT_DATA, and an alarm whose
settings change keeps its state. When the state of an alarm changes, the SNS topics that the alarm names for the new
state get a message in CloudWatch's format.
"""

from __future__ import annotations

import inspect
import json
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, cast

from moto.cloudwatch.exceptions import InvalidParameterValue
from moto.cloudwatch.models import CloudWatchBackend, cloudwatch_backends
from moto.sns.models import sns_backends

from emulation.aws.alarm_states import COMPARISONS, Rule, State
from emulation.aws.clock import MINUTE_SECONDS, PATH
from emulation.aws.observed import ServiceMetrics
from emulation.aws.statistics import STATISTICS, seconds, values_of
from emulation.layout import AWS_ACCOUNT_ID
from emulation.origin_requests import Application

_EVALUATIONS_PER_MINUTE = 4
_LONGEST_PAUSE = 5.0
# The number of seconds for which the emulated CloudWatch keeps metric values. CloudWatch keeps values with a period
# under one minute for three hours. The emulation applies this limit to all values, to save memory.
_RETENTION_SECONDS = 3 * 3600

_UNSUPPORTED = ("metric_data_queries", "extended_statistic", "threshold_metric_id", "rule")
_PUT_ALARM: Any = CloudWatchBackend.put_metric_alarm


class Alarms:
    """WSGI middleware over the emulated AWS API that evaluates the CloudWatch alarms in a separate thread.

    The middleware also answers requests to the URL path that emulation/aws/clock.py defines. These requests read and
    set how many real seconds a minute of the emulated AWS lasts.
    """

    def __init__(self, application: Application, observed: ServiceMetrics) -> None:
        self._application = application
        self._observed = observed
        self._minute = MINUTE_SECONDS
        self._changed = threading.Event()
        threading.Thread(target=self._evaluate_forever, daemon=True).start()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] != PATH:
            return self._application(environ, start_response)
        if environ["REQUEST_METHOD"] == "PUT":
            requested: Any = json.loads(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
            if not _is_valid(requested):
                start_response("400 Bad Request", [("Content-Type", "text/plain")])
                return [b'only {"minute_seconds": 0.1 to 60} is accepted\n']
            self._minute = float(requested["minute_seconds"])
            self._changed.set()
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps({"minute_seconds": self._minute}).encode()]

    def _evaluate_forever(self) -> None:
        sampled = 0.0
        while True:
            now = time.time()
            try:
                # Some alarms have a period of one minute, and need a value of their metric in each period. The
                # emulation therefore publishes all metrics twice in each minute of the emulated AWS.
                if now - sampled >= self._minute / 2:
                    sampled = now
                    self._observed.publish(now, MINUTE_SECONDS / self._minute)
                evaluate(now, self._minute)
            except Exception:  # An error in one alarm must not stop the evaluation of all other alarms.
                traceback.print_exc()
            self._changed.wait(min(_LONGEST_PAUSE, self._minute / _EVALUATIONS_PER_MINUTE))
            self._changed.clear()


def patch_alarms() -> None:
    """Makes moto refuse alarms that this module cannot evaluate. Also makes moto keep the state of an alarm when the
    alarm's settings change.
    """
    for name, method in patches():
        setattr(CloudWatchBackend, name, method)


def patches() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yields the name of each method of moto's `CloudWatchBackend` that the emulation replaces, and the new method."""
    signature = inspect.signature(_PUT_ALARM)

    def put_metric_alarm(self: Any, *arguments: Any, **named: Any) -> Any:
        requested = signature.bind(self, *arguments, **named).arguments
        _expect_emulated(requested)
        before = self.alarms.get(requested["name"])
        alarm = _PUT_ALARM(self, *arguments, **named)
        alarm.state_value = "INSUFFICIENT_DATA" if before is None else before.state_value
        if before is not None:
            alarm.state_reason, alarm.history = before.state_reason, before.history
        return alarm

    yield "put_metric_alarm", put_metric_alarm


def evaluate(now: float, minute: float) -> None:
    """Evaluates the CloudWatch alarms of all regions at the time `now`. `minute` is the number of real seconds that a
    minute of the emulated AWS lasts.
    """
    for backend in list(cast(Any, cloudwatch_backends)[AWS_ACCOUNT_ID].values()):
        data = list(backend.metric_data)
        old = next((place for place, each in enumerate(data) if seconds(each) > now - _RETENTION_SECONDS), len(data))
        del backend.metric_data[:old]
        by_metric: dict[tuple[str, str], list[Any]] = {}
        for datum in data[old:]:
            by_metric.setdefault((datum.namespace, datum.name), []).append(datum)
        for alarm in list(backend.alarms.values()):
            rule = Rule(
                alarm.evaluation_periods,
                alarm.datapoints_to_alarm or alarm.evaluation_periods,
                alarm.comparison_operator,
                alarm.threshold,
                alarm.treat_missing_data or "missing",
            )
            measured = by_metric.get((alarm.namespace, alarm.metric_name), [])
            values = values_of(
                measured, alarm.dimensions, alarm.statistic, rule.evaluation_range, now, alarm.period * minute / 60
            )
            after = rule.state(values, alarm.state_value)
            if after != alarm.state_value:
                _change(backend, alarm, after, values)


def _change(backend: Any, alarm: Any, after: State, values: list[float | None]) -> None:
    before = alarm.state_value
    seen = ", ".join("no data" if value is None else f"{value:g}" for value in values[: alarm.evaluation_periods])
    reason = f"{alarm.metric_name} was {seen} ({alarm.comparison_operator} {alarm.threshold:g})"
    backend.set_alarm_state(alarm.name, reason, json.dumps({"recentDatapoints": values}), after)
    actions: list[str] = {
        "ALARM": alarm.alarm_actions,
        "OK": alarm.ok_actions,
        "INSUFFICIENT_DATA": alarm.insufficient_data_actions,
    }[after]
    sns = cast(Any, sns_backends)[AWS_ACCOUNT_ID][alarm.region_name]
    subject = f'{after}: "{alarm.name}" in {alarm.region_name}'
    for topic in actions if alarm.actions_enabled else []:
        # If the SNS topic does not exist, the alarm sends no message but still changes its state.
        if topic in sns.topics:
            sns.publish(json.dumps(_message(alarm, before)), arn=topic, subject=subject)


def _message(alarm: Any, before: State) -> dict[str, Any]:
    """Returns the message that CloudWatch sends to an SNS topic when an alarm changes its state (User Guide, "Alarm
    events")."""
    return {
        "AlarmName": alarm.name,
        "AlarmDescription": alarm.description,
        "AWSAccountId": AWS_ACCOUNT_ID,
        "AlarmArn": alarm.alarm_arn,
        "NewStateValue": alarm.state_value,
        "NewStateReason": alarm.state_reason,
        "OldStateValue": before,
        "StateChangeTime": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "Region": alarm.region_name,
        "Trigger": {
            "MetricName": alarm.metric_name,
            "Namespace": alarm.namespace,
            "StatisticType": "Statistic",
            "Statistic": alarm.statistic.upper(),
            "Dimensions": [{"name": each.name, "value": each.value} for each in alarm.dimensions],
            "Period": alarm.period,
            "EvaluationPeriods": alarm.evaluation_periods,
            "DatapointsToAlarm": alarm.datapoints_to_alarm,
            "ComparisonOperator": alarm.comparison_operator,
            "Threshold": alarm.threshold,
            "TreatMissingData": alarm.treat_missing_data,
        },
    }


def _expect_emulated(requested: dict[str, Any]) -> None:
    """Raises InvalidParameterValue for a CloudWatch alarm with parameters that the emulation does not support. The real
    CloudWatch returns this error for invalid parameters.
    """
    unknown = [name for name in _UNSUPPORTED if requested.get(name)]
    if unknown:
        raise InvalidParameterValue(f"not emulated: an alarm with {', '.join(unknown)}")
    if requested["statistic"] not in STATISTICS or requested["comparison_operator"] not in COMPARISONS:
        raise InvalidParameterValue(f"not emulated: {requested['statistic']} {requested['comparison_operator']}")
    actions: list[str] = [*(requested["alarm_actions"] or []), *(requested.get("ok_actions") or [])]
    others = [action for action in actions if not action.startswith("arn:aws:sns:")]
    if others:
        raise InvalidParameterValue(f"not emulated: the action {others[0]}")


def _is_valid(requested: Any) -> bool:
    if not isinstance(requested, dict):
        return False
    given = cast(dict[str, Any], requested)
    minute: Any = given.get("minute_seconds")
    is_number = isinstance(minute, int | float) and not isinstance(minute, bool)
    return given.keys() == {"minute_seconds"} and is_number and 0.1 <= minute <= MINUTE_SECONDS
