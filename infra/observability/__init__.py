"""Alarms: each tier defines its alarms, and one component for each cloud creates them all.

A tier's component has `alarms`, of either cloud or of both: `CloudWatchAlarm` is on a metric in CloudWatch,
`CloudMonitoringAlarm` on one in Cloud Monitoring. cloud_run_alarms.py has alarms that several tiers share, for Cloud
Run services and Pub/Sub subscriptions. stacks/ passes each alarm to the component of its cloud:
`CloudWatchObservability` (cloudwatch.py) and `CloudMonitoringObservability` (cloud_monitoring.py). Each alarm needs a
heading in docs/operations.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import pulumi

Tier = Literal["network", "blobs", "metadata", "entitlements", "shield", "edge", "dns", "registry"]


@dataclass(frozen=True)
class CloudWatchAlarm:
    """An alarm on one CloudWatch metric, in the region that publishes the metric.

    `name` is short and unique within the stack. `fault` says in one sentence what is wrong; the person on call reads it
    first, so it contains no dashboard link. `period` is in seconds; the alarm goes off when `periods` in a row are
    beyond the threshold. `missing` says how to treat missing data (CloudWatch, "Configuring how CloudWatch alarms treat
    missing data").
    """

    name: str
    tier: Tier
    region: str
    fault: str
    namespace: str
    metric: str
    dimensions: Mapping[str, pulumi.Input[str]]
    threshold: float
    comparison: Literal["GreaterThanThreshold", "GreaterThanOrEqualToThreshold", "LessThanThreshold"] = (
        "GreaterThanThreshold"
    )
    statistic: Literal["Average", "Maximum", "Minimum", "Sum", "SampleCount"] = "Maximum"
    period: int = 60
    periods: int = 3
    missing: Literal["breaching", "notBreaching", "ignore", "missing"] = "notBreaching"
    runbook: str = "docs/operations.md"


@dataclass(frozen=True)
class CustomMetric:
    """A metric that this project writes itself: a gauge of doubles.

    Cloud Monitoring rejects an alarm on an unknown metric ("Cannot find metric(s) that match type"). A metric is known
    from its first value on, or from this descriptor on.

    `unit` is of the Unified Code for Units of Measure. `labels` distinguish the metric's series.
    """

    unit: str
    description: str
    labels: Sequence[str]


@dataclass(frozen=True)
class Like:
    """A pattern (RE2) that must match a label's whole value."""

    pattern: str


Aligner = Literal["ALIGN_MAX", "ALIGN_MIN", "ALIGN_MEAN", "ALIGN_DELTA", "ALIGN_FRACTION_TRUE"]
Reducer = Literal["REDUCE_NONE", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_SUM", "REDUCE_PERCENTILE_99"]


@dataclass(frozen=True)
class CloudMonitoringAlarm:
    """An alarm on one Cloud Monitoring metric.

    `name`, `tier`, `fault` and `runbook` are as in `CloudWatchAlarm`. `metric` and `resource` are types of Google's
    lists ("Google Cloud metrics", "Monitored resource types"). `where` maps labels, `resource.labels.<name>` or
    `metric.labels.<name>`, to the values that select the series. With `bad`, one more label and its value, the alarm
    compares the share of bad events among all that `where` selects.

    `aligner` makes one value of each `period` (seconds, whole minutes) of a series. `reducer` makes one value of all
    series that share the labels `by`. The alarm goes off after the value was beyond `threshold` for `lasting` seconds
    (whole minutes; 0 is at once). `missing` says how to treat missing data: it needs a `lasting`, and a series that
    never had a value is never missing (Cloud Monitoring, "Partial metric data").
    """

    name: str
    tier: Tier
    fault: str
    metric: str
    resource: str
    where: Mapping[str, pulumi.Input[str] | bool | Like]
    threshold: float
    comparison: Literal["COMPARISON_GT", "COMPARISON_LT"] = "COMPARISON_GT"
    bad: tuple[str, str | Like] | None = None
    aligner: Aligner = "ALIGN_MAX"
    reducer: Reducer = "REDUCE_NONE"
    by: Sequence[str] = ()
    period: int = 60
    lasting: int = 180
    missing: Literal["bad", "good", "ignore"] = "good"
    severity: Literal["CRITICAL", "ERROR", "WARNING"] = "ERROR"
    custom: CustomMetric | None = None
    runbook: str = "docs/operations.md"


class HasAlarms(Protocol):
    """A component of a tier that offers its alarms."""

    @property
    def alarms(self) -> Sequence[CloudWatchAlarm | CloudMonitoringAlarm]: ...


@dataclass(frozen=True)
class CloudWatchObservabilityArgs:
    """Arguments of the alarms on CloudWatch.

    SNS notifies `emails` when an alarm goes off and when it is over; each address must first confirm a mail from SNS.
    `deletion_days` (7 to 30) is the deletion window of the topics' keys.
    """

    prefix: str
    alarms: Sequence[CloudWatchAlarm]
    emails: Sequence[str]
    deletion_days: int


@dataclass(frozen=True)
class CloudMonitoringObservabilityArgs:
    """Arguments of the alarms on Cloud Monitoring, which notifies `emails` when an alarm starts and when it ends."""

    prefix: str
    alarms: Sequence[CloudMonitoringAlarm]
    emails: Sequence[str]
