"""Alarms, their dashboard and the notification channels on Google's Cloud Monitoring."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pulumi
import pulumi_gcp as gcp
from pulumi_gcp.monitoring import AlertPolicyConditionArgs as Condition
from pulumi_gcp.monitoring import AlertPolicyConditionConditionThresholdArgs as Threshold

from infra.observability import CloudMonitoringAlarm, CloudMonitoringObservabilityArgs
from infra.observability.cloud_monitoring_dashboard import body
from infra.observability.cloud_monitoring_filters import everything, narrowed

# If a metric has no more data, Cloud Monitoring closes the alarm's incident after this time. Cloud Monitoring accepts
# no shorter time.
_AUTO_CLOSE = "1800s"
_MISSING = {
    "bad": "EVALUATION_MISSING_DATA_ACTIVE",
    "good": "EVALUATION_MISSING_DATA_INACTIVE",
    "ignore": "EVALUATION_MISSING_DATA_NO_OP",
}


class CloudMonitoringObservability(pulumi.ComponentResource):
    """All Cloud Monitoring alarms of a stack, as alerting policies, with a notification channel for each address and
    one dashboard.

    The dashboard has a row for each tier (a part of the network, such as the DNS). `policies` maps the names of alarms
    to the full names of their alerting policies.
    """

    policies: dict[str, pulumi.Output[str]]

    def __init__(
        self, name: str, args: CloudMonitoringObservabilityArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("artifact-edge:observability:GoogleObservability", name, None, opts)
        self._prefix = args.prefix
        self._child = pulumi.ResourceOptions(parent=self)
        self._custom = self._metrics(args.alarms)
        self._channels = [
            gcp.monitoring.NotificationChannel(
                email,
                display_name=f"{args.prefix}: {email}",
                type="email",
                labels={"email_address": email},
                opts=self._child,
            ).name
            for email in args.emails
        ]
        alarms = sorted(args.alarms, key=lambda alarm: alarm.name)
        self.policies = {alarm.name: self._policy(alarm).name for alarm in alarms}
        made = [(alarm, self.policies[alarm.name]) for alarm in alarms]
        dashboard = gcp.monitoring.Dashboard(
            name, dashboard_json=pulumi.Output.json_dumps(body(args.prefix, made)), opts=self._child
        )
        self.register_outputs({"policies": self.policies, "dashboard": dashboard.id})

    def _metrics(self, alarms: Sequence[CloudMonitoringAlarm]) -> Sequence[pulumi.Resource]:
        """Creates descriptors of custom metrics, because an alarm cannot use a metric without a descriptor."""
        custom = {alarm.metric: alarm.custom for alarm in alarms if alarm.custom is not None}
        return [
            gcp.monitoring.MetricDescriptor(
                kind.rsplit("/", 1)[-1],
                type=kind,
                display_name=kind.rsplit("/", 1)[-1],
                description=metric.description,
                metric_kind="GAUGE",
                value_type="DOUBLE",
                unit=metric.unit,
                labels=[{"key": label, "value_type": "STRING"} for label in metric.labels],
                opts=self._child,
            )
            for kind, metric in sorted(custom.items())
        ]

    def _policy(self, alarm: CloudMonitoringAlarm) -> gcp.monitoring.AlertPolicy:
        title = f"{self._prefix}-{alarm.name}"
        return gcp.monitoring.AlertPolicy(
            alarm.name,
            display_name=title,
            combiner="OR",
            conditions=[Condition(display_name=title, condition_threshold=_threshold(alarm))],
            documentation={
                "content": f"{alarm.fault}. What to do: {alarm.runbook}",
                "mime_type": "text/markdown",
                "subject": f"{title}: {alarm.fault}",
            },
            severity=alarm.severity,
            # true is the default of `enabled`; the program sets the value so that `pulumi up` corrects it if a user has
            # disabled the alerting policy by hand
            enabled=True,
            notification_channels=self._channels,
            alert_strategy={"auto_close": _AUTO_CLOSE, "notification_prompts": ["OPENED", "CLOSED"]},
            user_labels={"tier": alarm.tier},
            opts=pulumi.ResourceOptions(parent=self, depends_on=self._custom),
        )


def _threshold(alarm: CloudMonitoringAlarm) -> Threshold:
    numerator = gcp.monitoring.AlertPolicyConditionConditionThresholdAggregationArgs(**_aggregation(alarm))
    denominator = gcp.monitoring.AlertPolicyConditionConditionThresholdDenominatorAggregationArgs(**_aggregation(alarm))
    return Threshold(
        filter=narrowed(alarm),
        aggregations=[numerator],
        denominator_filter=everything(alarm) if alarm.bad else None,
        denominator_aggregations=[denominator] if alarm.bad else None,
        comparison=alarm.comparison,
        threshold_value=alarm.threshold,
        duration=f"{alarm.lasting}s",
        # Cloud Monitoring accepts `evaluation_missing_data` only for a condition with a duration ("Partial metric
        # data").
        evaluation_missing_data=_MISSING[alarm.missing] if alarm.lasting else None,
    )


def _aggregation(alarm: CloudMonitoringAlarm) -> dict[str, Any]:
    """Returns the settings by which Cloud Monitoring aggregates the time series of an alarm's metric. If the alarm
    watches the ratio of bad events to all events, both time series are aggregated with these settings.
    """
    return {
        "alignment_period": f"{alarm.period}s",
        "per_series_aligner": alarm.aligner,
        "cross_series_reducer": alarm.reducer,
        "group_by_fields": list(alarm.by),
    }
