"""What is watched of Spanner (Spanner documentation, "Spanner metrics").

It has no metric for the age of the last backup, and none for how far a reader of a change stream is behind: the reader
has to tell that itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pulumi

from infra.observability import CloudMonitoringAlarm, Like

_RESOURCE = "spanner_instance"
_INSTANCE = "resource.labels.instance_id"
_PREFIX = "spanner.googleapis.com"

_BUSY_REGIONAL, _BUSY_SPREAD = 0.65, 0.45
"""Of the CPU for tasks of high priority: with more, what is left does not carry the load once a zone, or a region of
several, is lost (Spanner, "CPU utilization metrics", recommended maximums)."""
_BUSY_FOR_A_DAY = 0.9  # all priorities, over 24 hours: same table
_FULL = 0.75
"""Of what the instance's nodes may keep; at 100 % writes are refused. Google's autoscaler of Spanner takes it, too."""
_FAILING = 0.01
_FAULTS = Like("(?i)internal|unavailable|deadline_exceeded|resource_exhausted|unknown|data_loss")
"""Results that are Spanner's; an aborted transaction is repeated by its client, and what is not found is no fault."""
_SLOW_SECONDS = 1.0
"""The slowest hundredth of commits. They wait for a majority of the replicas, some tens of milliseconds apart."""

_RUNBOOK = "docs/operations.md"


def spanner_alarms(instance: pulumi.Input[str], *, spread: bool) -> Iterator[CloudMonitoringAlarm]:
    """Of an instance in one region, or in several: its load, what is left of it, its faults and how slow it is."""
    where: Mapping[str, pulumi.Input[str]] = {_INSTANCE: instance}
    lost = "a region" if spread else "a zone"
    busy = _BUSY_SPREAD if spread else _BUSY_REGIONAL
    yield CloudMonitoringAlarm(
        name="metadata-busy",
        tier="metadata",
        fault=f"Spanner is too busy to go on after the loss of {lost}: urgent work takes {busy * 100:.0f} % of its CPU",
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
        fault=f"Spanner used over {_BUSY_FOR_A_DAY * 100:.0f} % of its CPU for a day, and puts its own upkeep off",
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
        fault=f"Spanner keeps over {_FULL * 100:.0f} % of what its nodes may keep; at 100 % it refuses to write",
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
        fault=f"Spanner itself fails more than {_FAILING * 100:.0f} % of what it is asked",
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
