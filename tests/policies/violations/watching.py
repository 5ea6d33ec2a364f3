"""Harmful changes that stop a stack's alarms from going off, or from reaching the on-call engineers. Tests make each
change, and a policy must report it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.policies.mutations import Change
from tests.policies.mutations.changes import put, put_only, without
from tests.policies.violations import GOOGLE, Violation
from tests.support.harness import Registered

ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
POLICY = "gcp:monitoring/alertPolicy:AlertPolicy"
CHANNEL = "gcp:monitoring/notificationChannel:NotificationChannel"
KNOWN = "multi-alarm-metric-known"
REACHED = "multi-alarm-threshold-reachable"
MISSING = "multi-alarm-missing-data-alarms"
ACTIONS = "multi-alarm-actions-enabled"
CONDITION = "conditions.0.conditionThreshold"


def ending(suffix: str) -> Callable[[Registered], bool]:
    return lambda alarm: alarm.name.endswith(suffix)


def alarm(how: str, policy: str, says: str, name: str, change: Change) -> Violation:
    return Violation(f"alarm {name}: {how}", policy, says, ALARM, change, ending(name))


def alert(how: str, policy: str, says: str, name: str, path: str, value: Any) -> Violation:
    change = put(f"{CONDITION}.{path}", value)
    return Violation(f"alert {name}: {how}", policy, says, POLICY, change, ending(name), GOOGLE)


def _renamed_metric(old: str, new: str) -> Change:
    def change(policy: Registered) -> Any:
        return put(
            f"{CONDITION}.filter", policy.inputs["conditions"][0]["conditionThreshold"]["filter"].replace(old, new)
        )(policy)

    return change


VIOLATIONS = [
    alarm("a threshold below zero", REACHED, "threshold", "edge-down", put("threshold", 0)),
    alarm(
        "goes off only while all is well",
        REACHED,
        "GreaterThanThreshold",
        "edge-down",
        put("comparisonOperator", "GreaterThanThreshold"),
    ),
    alarm("a share above one", REACHED, "threshold", "-breaks", put("threshold", 1)),
    alarm("a share in percent", REACHED, "threshold", "-breaks", put("threshold", 5)),
    alarm("a percentage below zero", REACHED, "threshold", "edge-reached-in-part", put("threshold", -1)),
    alarm("a count of a million", REACHED, "threshold", "entitlements-errors", put("threshold", 1_000_000)),
    alarm("an age of a year", REACHED, "threshold", "entitlements-dead-age", put("threshold", 31_536_000)),
    alarm("a lag of a week in seconds", REACHED, "threshold", "purge-lag", put("threshold", 604_800)),
    alarm(
        "a lag of a month in milliseconds", REACHED, "threshold", "entitlements-lag", put("threshold", 2_592_000_000)
    ),
    alarm("counts samples", REACHED, "SampleCount", "edge-down", put("statistic", "SampleCount")),
    alarm("waits for a day", REACHED, "seconds", "drain-errors", put("evaluationPeriods", 1440)),
    alarm("a long period", REACHED, "seconds", "edge-down", put("period", 86_400)),
    alarm("a misspelt metric", KNOWN, "PurgeLagSecond", "purge-lag", put("metricName", "PurgeLagSecond")),
    alarm("a metric in lower case", KNOWN, "errors", "drain-errors", put("metricName", "errors")),
    alarm("a misspelt namespace", KNOWN, "ArtefactEdge", "purge-lag", put("namespace", "ArtefactEdge")),
    alarm("a metric of another service", KNOWN, "AWS/SQS", "drain-errors", put("namespace", "AWS/SQS")),
    alarm("no dimensions", KNOWN, "dimension", "drain-errors", without("dimensions")),
    alarm(
        "a misspelt dimension",
        KNOWN,
        "Function",
        "drain-errors",
        put("dimensions", {"Function": "artifact-edge-prod-drain"}),
    ),
    alarm(
        "a function that does not exist", KNOWN, "nobody", "drain-errors", put("dimensions", {"FunctionName": "nobody"})
    ),
    alarm(
        "a queue that does not exist", KNOWN, "nobody", "entitlements-dead", put("dimensions", {"QueueName": "nobody"})
    ),
    alarm(
        "another health check", KNOWN, "HealthCheckId", "edge-down", put_only("dimensions", {"HealthCheckId": "abc"})
    ),
    alarm("another environment", KNOWN, "staging", "purge-lag", put("dimensions", {"Environment": "staging"})),
    alarm("missing data are well", MISSING, "notBreaching", "edge-down", put("treatMissingData", "notBreaching")),
    alarm("missing data are ignored", MISSING, "ignore", "-lost", put("treatMissingData", "ignore")),
    alarm("missing data stay missing", MISSING, "missing", "purge-lag", without("treatMissingData")),
    alarm("no actions", ACTIONS, "alarm_actions", "edge-down", put("alarmActions", [])),
    alarm("actions are off", ACTIONS, "actions", "edge-down", put("actionsEnabled", False)),
    alarm(
        "tells a topic of another account",
        "multi-alarm-has-recipients",
        "999999999999",
        "edge-down",
        put_only("alarmActions", ["arn:aws:sns:us-east-1:999999999999:x"]),
    ),
    Violation(
        "subscription: a filter holds alarms back",
        "multi-alarm-has-recipients",
        "filter",
        "aws:sns/topicSubscription:TopicSubscription",
        put("filterPolicy", '{"never": ["x"]}'),
    ),
    alert("a share above one", REACHED, "thresholdValue", "metadata-full", "thresholdValue", 1.5),
    alert("a share in percent", REACHED, "thresholdValue", "metadata-busy", "thresholdValue", 65),
    alert("a threshold below zero", REACHED, "thresholdValue", "entitlements-gone", "thresholdValue", 0),
    alert(
        "goes off only while all is well", REACHED, "COMPARISON_GT", "entitlements-gone", "comparison", "COMPARISON_GT"
    ),
    alert("a lag of a week", REACHED, "thresholdValue", "purge-lag", "thresholdValue", 604_800),
    alert("waits for a day", REACHED, "duration", "purge-lag", "duration", "86400s"),
    alert(
        "missing data are well",
        MISSING,
        "INACTIVE",
        "purge-lag",
        "evaluationMissingData",
        "EVALUATION_MISSING_DATA_INACTIVE",
    ),
    alert(
        "missing data are no outage",
        MISSING,
        "NO_OP",
        "entitlements-gone",
        "evaluationMissingData",
        "EVALUATION_MISSING_DATA_NO_OP",
    ),
    Violation(
        "alert purge-lag: a misspelt metric",
        KNOWN,
        "purge_lags",
        POLICY,
        _renamed_metric("purge_lag", "purge_lags"),
        ending("purge-lag"),
        GOOGLE,
    ),
    Violation(
        "alert metadata-full: a metric that Google does not have",
        KNOWN,
        "storage/used_share",
        POLICY,
        _renamed_metric("storage/utilization", "storage/used_share"),
        ending("metadata-full"),
        GOOGLE,
    ),
    Violation("alert purge-lag: is off", ACTIONS, "off", POLICY, put("enabled", False), ending("purge-lag"), GOOGLE),
    Violation(
        "alert purge-lag: has no recipient",
        "multi-alarm-has-recipients",
        "it has no notification channel",
        POLICY,
        put("notificationChannels", []),
        ending("purge-lag"),
        GOOGLE,
    ),
    Violation("channel: is off", "multi-alarm-has-recipients", "off", CHANNEL, put("enabled", False), stack=GOOGLE),
]
