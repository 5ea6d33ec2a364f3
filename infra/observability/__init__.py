"""Alarms. Each tier, which is a part of the network such as the DNS, defines its own alarms. For each cloud, one
component creates all alarms on this cloud.

A tier's component has the attribute `alarms`. A `CloudWatchAlarm` watches a metric in CloudWatch. A
`CloudMonitoringAlarm` watches a metric in Cloud Monitoring. Several tiers use Cloud Run services and Pub/Sub
subscriptions, so cloud_run_alarms.py defines the alarms on both. The programs in stacks/ pass each alarm to the
component of its cloud: `CloudWatchObservability` (cloudwatch.py) or `CloudMonitoringObservability`
(cloud_monitoring.py). Each alarm names its runbook, a heading in docs/operations.md or
docs/entitlements.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import pulumi

Tier = Literal["network", "blobs", "metadata", "entitlements", "shield", "pop", "edge", "dns", "registry"]


@dataclass(frozen=True)
class CloudWatchAlarm:
    """An alarm on one CloudWatch metric, in the region that publishes the metric.

    `name` is short and unique within the stack. `fault` says in one sentence what is wrong when the alarm goes off. The
    alarm's message consists of this sentence and of `runbook`. The alarm goes off when the metric is beyond the
    threshold in `periods` successive periods of `period` seconds each. `missing` says how to treat missing data
    (CloudWatch, "Configuring how CloudWatch alarms treat missing data").
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
    """A Cloud Monitoring metric that this project writes itself: a gauge of floating-point numbers.

    Cloud Monitoring rejects an alarm on an unknown metric ("Cannot find metric(s) that match type"). A metric is known
    if it has a value or a descriptor. The program therefore creates a descriptor before the alarm.

    `unit` is a code of the Unified Code for Units of Measure. `labels` distinguish the metric's series.
    """

    unit: str
    description: str
    labels: Sequence[str]


@dataclass(frozen=True)
class Like:
    """A regular expression (RE2) that must match the whole value of a label of a Cloud Monitoring metric."""

    pattern: str


Aligner = Literal["ALIGN_MAX", "ALIGN_MIN", "ALIGN_MEAN", "ALIGN_DELTA", "ALIGN_FRACTION_TRUE"]
Reducer = Literal["REDUCE_NONE", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_SUM", "REDUCE_PERCENTILE_99"]


@dataclass(frozen=True)
class CloudMonitoringAlarm:
    """An alarm on one Cloud Monitoring metric.

    `name`, `tier`, `fault` and `runbook` have the same meaning as in `CloudWatchAlarm`. `metric` and `resource` are
    types from Google's lists ("Google Cloud metrics", "Monitored resource types"). `where` selects time series: it maps
    the names of labels to the values that the labels must have. The name of a label has the form
    `resource.labels.<name>` or `metric.labels.<name>`. `bad` is a pair of a label and a value. An event is bad if its
    label has this value. If `bad` is given, the alarm watches the share of bad events among all events that `where`
    selects.

    `aligner` reduces each `period` of a series to one value. `period` is in seconds, and a multiple of 60. `reducer`
    reduces all series that share the labels `by` to one value. The alarm goes off when the value stays beyond
    `threshold` for `lasting` seconds. `lasting` is a multiple of 60; 0 means that the alarm goes off immediately.
    `missing` says how the alarm treats missing data, and has an effect only if `lasting` is not 0. A series that never
    had a value does not count as missing (Cloud Monitoring, "Partial metric data").
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
    """A Pulumi component that creates one tier (a part of the network, such as the DNS). The attribute `alarms` lists
    the tier's alarms.
    """

    @property
    def alarms(self) -> Sequence[CloudWatchAlarm | CloudMonitoringAlarm]: ...


@dataclass(frozen=True)
class CloudWatchObservabilityArgs:
    """Arguments of the component that creates the alarms on CloudWatch.

    SNS notifies the addresses in `emails` when an alarm goes off and when it returns to normal. The owner of each
    address must first confirm the subscription, by a link in an email from SNS. `deletion_days` (7 to 30) is the
    deletion window of the SNS topics' keys.
    """

    prefix: str
    alarms: Sequence[CloudWatchAlarm]
    emails: Sequence[str]
    deletion_days: int


@dataclass(frozen=True)
class CloudMonitoringObservabilityArgs:
    """Arguments of the component that creates the alarms on Cloud Monitoring. Cloud Monitoring sends an email to
    each address in `emails` when an alarm goes off and when it returns to normal.
    """

    prefix: str
    alarms: Sequence[CloudMonitoringAlarm]
    emails: Sequence[str]
