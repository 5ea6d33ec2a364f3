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
    return Violation(f"alarm named *{name}: {how}", policy, says, ALARM, change, ending(name))


def alert(how: str, policy: str, says: str, name: str, path: str, value: Any) -> Violation:
    change = put(f"{CONDITION}.{path}", value)
    return Violation(f"alert named *{name}: {how}", policy, says, POLICY, change, ending(name), GOOGLE)


def _renamed_metric(old: str, new: str) -> Change:
    def change(policy: Registered) -> Any:
        return put(
            f"{CONDITION}.filter", policy.inputs["conditions"][0]["conditionThreshold"]["filter"].replace(old, new)
        )(policy)

    return change


VIOLATIONS = [
    alarm(
        "its threshold is 0, below which the metric cannot fall", REACHED, "threshold", "edge-down", put("threshold", 0)
    ),
    alarm(
        "it goes off while the metric is high, which is when all is well",
        REACHED,
        "GreaterThanThreshold",
        "edge-down",
        put("comparisonOperator", "GreaterThanThreshold"),
    ),
    alarm(
        "its threshold is 1, which a share of requests cannot exceed",
        REACHED,
        "threshold",
        "-breaks",
        put("threshold", 1),
    ),
    alarm(
        "its threshold is 5 percent, and the metric is a share between 0 and 1",
        REACHED,
        "threshold",
        "-breaks",
        put("threshold", 5),
    ),
    alarm("its threshold is a percentage below 0", REACHED, "threshold", "edge-reached-in-part", put("threshold", -1)),
    alarm(
        "its threshold is a million errors", REACHED, "threshold", "entitlements-errors", put("threshold", 1_000_000)
    ),
    alarm(
        "its threshold is an age of a year", REACHED, "threshold", "entitlements-dead-age", put("threshold", 31_536_000)
    ),
    alarm("its threshold is a lag of a week", REACHED, "threshold", "purge-lag", put("threshold", 604_800)),
    alarm(
        "its threshold is a lag of a month", REACHED, "threshold", "entitlements-lag", put("threshold", 2_592_000_000)
    ),
    alarm("it watches the number of samples", REACHED, "SampleCount", "edge-down", put("statistic", "SampleCount")),
    alarm("it goes off after a day only", REACHED, "seconds", "drain-errors", put("evaluationPeriods", 1440)),
    alarm("its period is a day", REACHED, "seconds", "edge-down", put("period", 86_400)),
    alarm("its metric is misspelt", KNOWN, "PurgeLagSecond", "purge-lag", put("metricName", "PurgeLagSecond")),
    alarm("its metric is written in lower case", KNOWN, "errors", "drain-errors", put("metricName", "errors")),
    alarm("its namespace is misspelt", KNOWN, "ArtefactEdge", "purge-lag", put("namespace", "ArtefactEdge")),
    alarm("its metric is of another service", KNOWN, "AWS/SQS", "drain-errors", put("namespace", "AWS/SQS")),
    alarm("it has no dimensions", KNOWN, "dimension", "drain-errors", without("dimensions")),
    alarm(
        "its dimension is misspelt",
        KNOWN,
        "Function",
        "drain-errors",
        put("dimensions", {"Function": "artifact-edge-prod-drain"}),
    ),
    alarm(
        "it watches a function that does not exist",
        KNOWN,
        "nobody",
        "drain-errors",
        put("dimensions", {"FunctionName": "nobody"}),
    ),
    alarm(
        "it watches a queue that does not exist",
        KNOWN,
        "nobody",
        "entitlements-dead",
        put("dimensions", {"QueueName": "nobody"}),
    ),
    alarm(
        "it watches another health check",
        KNOWN,
        "HealthCheckId",
        "edge-down",
        put_only("dimensions", {"HealthCheckId": "abc"}),
    ),
    alarm(
        "it watches another environment", KNOWN, "staging", "purge-lag", put("dimensions", {"Environment": "staging"})
    ),
    alarm(
        "missing data count as healthy", MISSING, "notBreaching", "edge-down", put("treatMissingData", "notBreaching")
    ),
    alarm("missing data do not change its state", MISSING, "ignore", "-lost", put("treatMissingData", "ignore")),
    alarm(
        "missing data put it into the state INSUFFICIENT_DATA",
        MISSING,
        "missing",
        "purge-lag",
        without("treatMissingData"),
    ),
    alarm("it has no actions", ACTIONS, "alarm_actions", "edge-down", put("alarmActions", [])),
    alarm("its actions are off", ACTIONS, "actions", "edge-down", put("actionsEnabled", False)),
    alarm(
        "it notifies a topic of another account",
        "multi-alarm-has-recipients",
        "999999999999",
        "edge-down",
        put_only("alarmActions", ["arn:aws:sns:us-east-1:999999999999:x"]),
    ),
    Violation(
        "subscription: its filter drops all alarms",
        "multi-alarm-has-recipients",
        "filter",
        "aws:sns/topicSubscription:TopicSubscription",
        put("filterPolicy", '{"never": ["x"]}'),
    ),
    alert("its threshold is a share above 1", REACHED, "thresholdValue", "metadata-full", "thresholdValue", 1.5),
    alert(
        "its threshold is 65 percent, and the metric is a share between 0 and 1",
        REACHED,
        "thresholdValue",
        "metadata-busy",
        "thresholdValue",
        65,
    ),
    alert(
        "its threshold is 0, below which the metric cannot fall",
        REACHED,
        "thresholdValue",
        "entitlements-gone",
        "thresholdValue",
        0,
    ),
    alert(
        "it opens while the metric is high, which is when all is well",
        REACHED,
        "COMPARISON_GT",
        "entitlements-gone",
        "comparison",
        "COMPARISON_GT",
    ),
    alert("its threshold is a lag of a week", REACHED, "thresholdValue", "purge-lag", "thresholdValue", 604_800),
    alert("it opens after a day only", REACHED, "duration", "purge-lag", "duration", "86400s"),
    alert(
        "missing data count as healthy",
        MISSING,
        "INACTIVE",
        "purge-lag",
        "evaluationMissingData",
        "EVALUATION_MISSING_DATA_INACTIVE",
    ),
    alert(
        "missing data do not change its state",
        MISSING,
        "NO_OP",
        "entitlements-gone",
        "evaluationMissingData",
        "EVALUATION_MISSING_DATA_NO_OP",
    ),
    Violation(
        "alert purge-lag: its metric is misspelt",
        KNOWN,
        "purge_lags",
        POLICY,
        _renamed_metric("purge_lag", "purge_lags"),
        ending("purge-lag"),
        GOOGLE,
    ),
    Violation(
        "alert metadata-full: its metric does not exist on Google Cloud",
        KNOWN,
        "storage/used_share",
        POLICY,
        _renamed_metric("storage/utilization", "storage/used_share"),
        ending("metadata-full"),
        GOOGLE,
    ),
    Violation("alert purge-lag: it is off", ACTIONS, "off", POLICY, put("enabled", False), ending("purge-lag"), GOOGLE),
    Violation(
        "alert purge-lag: it has no notification channel",
        "multi-alarm-has-recipients",
        "it has no notification channel",
        POLICY,
        put("notificationChannels", []),
        ending("purge-lag"),
        GOOGLE,
    ),
    Violation(
        "notification channel: it is off",
        "multi-alarm-has-recipients",
        "off",
        CHANNEL,
        put("enabled", False),
        stack=GOOGLE,
    ),
]
