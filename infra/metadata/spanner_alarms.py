"""Alarms on a Spanner instance (Spanner documentation, "Spanner metrics").

Spanner has no metric for the age of the last backup. It also has no metric for the delay with which a program reads a
change stream. The program must therefore report this delay itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pulumi

from infra.observability import CloudMonitoringAlarm, Like

_RESOURCE = "spanner_instance"
_INSTANCE = "resource.labels.instance_id"
_PREFIX = "spanner.googleapis.com"

# Alarm thresholds for the share of the CPU that high-priority tasks use. The first threshold is for an instance in one
# region. The second threshold is for an instance in several regions. Above the threshold, the remaining CPU could not
# carry the load if a zone or a region failed (Spanner, "CPU utilization metrics", recommended maximums).
_BUSY_REGIONAL, _BUSY_SPREAD = 0.65, 0.45
# Alarm threshold for the average CPU share of all tasks, whatever their priority, in the last 24 hours (Spanner, "CPU
# utilization metrics").
_BUSY_FOR_A_DAY = 0.9
# Alarm threshold for the used share of the instance's storage limit. At 100 % Spanner refuses writes. Google's
# autoscaler for Spanner uses the same threshold.
_FULL = 0.75
_FAILING = 0.01
# The status codes that count as faults of Spanner. The code of an aborted transaction is not among them, because the
# client repeats the transaction. The code of a missing row is not among them either.
_FAULTS = Like("(?i)internal|unavailable|deadline_exceeded|resource_exhausted|unknown|data_loss")
# The alarm threshold for the 99th percentile of the commit latency. A commit waits for a majority of the replicas, and
# a message between two replicas takes tens of milliseconds. A normal commit is therefore much faster than this
# threshold.
_SLOW_SECONDS = 1.0

_RUNBOOK = "docs/operations.md"


def spanner_alarms(instance: pulumi.Input[str], *, spread: bool) -> Iterator[CloudMonitoringAlarm]:
    """Yields alarms on a Spanner instance's load, storage, faults and latency.

    `spread` says whether the instance is in several regions.
    """
    where: Mapping[str, pulumi.Input[str]] = {_INSTANCE: instance}
    lost = "a region" if spread else "a zone"
    busy = _BUSY_SPREAD if spread else _BUSY_REGIONAL
    yield CloudMonitoringAlarm(
        name="metadata-busy",
        tier="metadata",
        fault=f"Spanner could not carry its load after the loss of {lost}: "
        f"high-priority tasks take {busy * 100:.0f} % of its CPU",
        metric=f"{_PREFIX}/instance/cpu/utilization_by_priority",
        resource=_RESOURCE,
        where={**where, "metric.labels.priority": "high"},
        threshold=busy,
        aligner="ALIGN_MEAN",
        reducer="REDUCE_SUM",
        by=["resource.labels.location"],
        lasting=600,
        severity="WARNING",
        runbook=f"{_RUNBOOK}#spanner-is-busy-or-full",
    )
    yield CloudMonitoringAlarm(
        name="metadata-busy-all-day",
        tier="metadata",
        fault=f"Spanner used over {_BUSY_FOR_A_DAY * 100:.0f} % of its CPU for a day, which delays its maintenance",
        metric=f"{_PREFIX}/instance/cpu/smoothed_utilization",
        resource=_RESOURCE,
        where=where,
        threshold=_BUSY_FOR_A_DAY,
        aligner="ALIGN_MEAN",
        reducer="REDUCE_SUM",
        by=["resource.labels.location"],
        lasting=600,
        severity="WARNING",
        runbook=f"{_RUNBOOK}#spanner-is-busy-or-full",
    )
    yield CloudMonitoringAlarm(
        name="metadata-full",
        tier="metadata",
        fault=f"Spanner keeps over {_FULL * 100:.0f} % of its nodes' storage limit; at 100 % it refuses writes",
        metric=f"{_PREFIX}/instance/storage/utilization",
        resource=_RESOURCE,
        where=where,
        threshold=_FULL,
        reducer="REDUCE_MAX",
        lasting=600,
        runbook=f"{_RUNBOOK}#spanner-is-busy-or-full",
    )
    yield CloudMonitoringAlarm(
        name="metadata-fails",
        tier="metadata",
        fault=f"Spanner itself fails more than {_FAILING * 100:.0f} % of all requests",
        metric=f"{_PREFIX}/api/api_request_count",
        resource=_RESOURCE,
        where=where,
        bad=("metric.labels.status", _FAULTS),
        threshold=_FAILING,
        aligner="ALIGN_DELTA",
        reducer="REDUCE_SUM",
        lasting=300,
        severity="CRITICAL",
        runbook=f"{_RUNBOOK}#spanner-fails-or-is-slow",
    )
    yield CloudMonitoringAlarm(
        name="metadata-slow",
        tier="metadata",
        fault=f"One in a hundred commits takes Spanner longer than {_SLOW_SECONDS:.0f} s",
        metric=f"{_PREFIX}/api/request_latencies",
        resource=_RESOURCE,
        where={**where, "metric.labels.method": Like(".*Commit")},
        threshold=_SLOW_SECONDS,
        aligner="ALIGN_DELTA",
        reducer="REDUCE_PERCENTILE_99",
        lasting=600,
        severity="WARNING",
        runbook=f"{_RUNBOOK}#spanner-fails-or-is-slow",
    )
