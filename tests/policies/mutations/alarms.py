"""Changes that break alarms, each of which a policy must report."""

from __future__ import annotations

from tests.policies.mutations import Mutation
from tests.policies.mutations.changes import put, put_only

ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
ALERT_POLICY = "gcp:monitoring/alertPolicy:AlertPolicy"
THRESHOLD = "conditions.0.conditionThreshold"
# Parts of alarm names. These alarms must also go off when data is missing, because a failed component sends no data.
SILENT = ("-down", "-lost", "purge-lag", "-gone")

MUTATIONS = [
    Mutation("multi-alarm-metric-known", [ALARM], "misspelt", put("metricName", "Eror")),  # words-ok: misspelt
    Mutation("multi-alarm-metric-known", [ALERT_POLICY], "unknown", put(f"{THRESHOLD}.filter", 'metric.type = "x"')),
    Mutation("multi-alarm-threshold-reachable", [ALARM], "after a day", put("evaluationPeriods", 1440)),
    Mutation("multi-alarm-threshold-reachable", [ALARM], "wrong way", put("comparisonOperator", "x")),
    Mutation("multi-alarm-threshold-reachable", [ALERT_POLICY], "after a day", put(f"{THRESHOLD}.duration", "86400s")),
    Mutation(
        "multi-alarm-missing-data-alarms",
        [ALARM],
        "silence is well",
        put("treatMissingData", "notBreaching"),
        lambda alarm: alarm.name.endswith(SILENT),
    ),
    Mutation(
        "multi-alarm-missing-data-alarms",
        [ALERT_POLICY],
        "silence is well",
        put(f"{THRESHOLD}.evaluationMissingData", "EVALUATION_MISSING_DATA_INACTIVE"),
        lambda alarm: alarm.name.endswith(SILENT),
    ),
    Mutation("multi-alarm-has-recipients", [ALARM], "a stranger", put_only("alarmActions", ["arn:x"])),
    Mutation(
        "multi-alarm-has-recipients",
        ["gcp:monitoring/notificationChannel:NotificationChannel"],
        "off",
        put("enabled", False),
    ),
]
