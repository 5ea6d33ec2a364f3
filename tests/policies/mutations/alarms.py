"""Harmful changes to the alarms of a stack. Tests make each change, and a policy must report it."""

from __future__ import annotations

from tests.policies.mutations import Mutation
from tests.policies.mutations.changes import put, put_only

ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
ALERT_POLICY = "gcp:monitoring/alertPolicy:AlertPolicy"
THRESHOLD = "conditions.0.conditionThreshold"
# Parts of alarm names. An alarm whose name contains one of these parts must also go off when data is missing, because a
# failed component sends no data.
SILENT = ("-down", "-lost", "purge-lag", "-gone")

MUTATIONS = [
    Mutation(
        "multi-alarm-metric-known",
        [ALARM],
        "an alarm watches a metric with a misspelt name",
        put("metricName", "Eror"),  # words-ok: misspelt on purpose
    ),
    Mutation(
        "multi-alarm-metric-known",
        [ALERT_POLICY],
        "an alert policy watches an unknown metric",
        put(f"{THRESHOLD}.filter", 'metric.type = "x"'),
    ),
    Mutation(
        "multi-alarm-threshold-reachable", [ALARM], "an alarm goes off only after a day", put("evaluationPeriods", 1440)
    ),
    Mutation(
        "multi-alarm-threshold-reachable",
        [ALARM],
        "an alarm compares its metric with an invalid operator",
        put("comparisonOperator", "x"),
    ),
    Mutation(
        "multi-alarm-threshold-reachable",
        [ALERT_POLICY],
        "an alert policy waits for a day",
        put(f"{THRESHOLD}.duration", "86400s"),
    ),
    Mutation(
        "multi-alarm-missing-data-alarms",
        [ALARM],
        "an alarm treats missing data as healthy",
        put("treatMissingData", "notBreaching"),
        lambda alarm: alarm.name.endswith(SILENT),
    ),
    Mutation(
        "multi-alarm-missing-data-alarms",
        [ALERT_POLICY],
        "an alert policy treats missing data as healthy",
        put(f"{THRESHOLD}.evaluationMissingData", "EVALUATION_MISSING_DATA_INACTIVE"),
        lambda alarm: alarm.name.endswith(SILENT),
    ),
    Mutation(
        "multi-alarm-has-recipients",
        [ALARM],
        "an alarm notifies a topic outside of the stack",
        put_only("alarmActions", ["arn:x"]),
    ),
    Mutation(
        "multi-alarm-has-recipients",
        ["gcp:monitoring/notificationChannel:NotificationChannel"],
        "a notification channel is disabled",
        put("enabled", False),
    ),
]
