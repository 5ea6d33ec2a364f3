"""Alarms on Cloud Storage buckets and on transfers to them ("Google Cloud metrics": `storage`, `storagetransfer`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pulumi

from infra.observability import CloudMonitoringAlarm, Like

_RESOURCE = "gcs_bucket"
_PREFIX = "storage.googleapis.com"
_BREAKS = Like("(?i)5..|internal|unavailable|deadline_exceeded|unknown|data_loss")
# Two patterns match the label `response_code` of the metric that counts requests: _BREAKS matches failed requests, and
# _REFUSES matches refused requests. Google's reference does not say whether this label contains HTTP status codes or
# names of errors. The patterns therefore match both forms.
_REFUSES = Like("(?i)4..|not_found|permission_denied|unauthenticated|invalid_argument|failed_precondition")

_PROMISED_MINUTES = 15  # turbo replication copies every object to the other region within 15 minutes
# Alarm threshold, in minutes. An alarm goes off when replication was late in more than 43 minutes of the last thirty
# days. This number is a thousandth of all minutes in thirty days.
_MISSED_MINUTES = 43
# An alarm goes off when Cloud Storage has not updated the replication metrics for this number of seconds. Without
# updates, nothing shows whether Cloud Storage still replicates objects.
_BLIND_SECONDS = 6 * 3600

_RUNBOOK = "docs/operations.md"


def gcs_alarms(name: str, bucket: pulumi.Input[str], what: str, *, dual: bool) -> Iterator[CloudMonitoringAlarm]:
    """Yields alarms on a bucket's refused and failed requests. For a dual-region bucket, also yields alarms on
    replication.

    The names of the alarms begin with `name`. `what` says what the bucket contains, such as "the objects".
    """
    where: Mapping[str, pulumi.Input[str]] = {"resource.labels.bucket_name": bucket}
    yield _error_share_alarm(
        f"{name}-breaks",
        f"Cloud Storage fails more than 1 % of all requests for {what}",
        where,
        _BREAKS,
        0.01,
        severity="CRITICAL",
        runbook=f"{_RUNBOOK}#cloud-storage-breaks",
    )
    # Responses with the status 404 also count as refused requests, although package managers often request packages
    # that do not exist. To tolerate these requests, the alarm goes off only when half of all requests are refused.
    yield _error_share_alarm(
        f"{name}-refuses",
        f"Cloud Storage refuses half of all requests for {what}, or lacks the requested objects",
        where,
        _REFUSES,
        0.5,
        runbook=f"{_RUNBOOK}#cloud-storage-refuses",
    )
    if dual:
        yield from _replication_alarms(name, where, what)


def transfer_alarm(job: str) -> CloudMonitoringAlarm:
    """Returns the alarm on a Storage Transfer job that could not copy some objects."""
    return CloudMonitoringAlarm(
        name="blobs-standby-fails",
        tier="blobs",
        fault="Objects could not be copied to the standby on Google Cloud",
        metric="storagetransfer.googleapis.com/transferjob/error_count",
        resource="storage_transfer_job",
        where={"resource.labels.job_id": Like(f"(transferJobs/)?{job}")},
        threshold=0,
        aligner="ALIGN_DELTA",
        reducer="REDUCE_SUM",
        period=3600,
        lasting=0,
        runbook=f"{_RUNBOOK}#the-standby-is-not-copied",
    )


def _error_share_alarm(
    name: str, fault: str, where: Mapping[str, pulumi.Input[str]], bad: Like, share: float, **more: Any
) -> CloudMonitoringAlarm:
    return CloudMonitoringAlarm(
        name=name,
        tier="blobs",
        fault=fault,
        metric=f"{_PREFIX}/api/request_count",
        resource=_RESOURCE,
        where=where,
        bad=("metric.labels.response_code", bad),
        threshold=share,
        aligner="ALIGN_DELTA",
        reducer="REDUCE_SUM",
        period=300,
        lasting=900,
        **more,
    )


def _replication_alarms(name: str, where: Mapping[str, pulumi.Input[str]], what: str) -> Iterator[CloudMonitoringAlarm]:
    """Yields alarms on turbo replication, whose metrics exist only for dual-region buckets."""
    runbook = f"{_RUNBOOK}#the-second-region-is-behind"

    def alarm(suffix: str, metric: str, fault: str, threshold: float, **more: Any) -> CloudMonitoringAlarm:
        return CloudMonitoringAlarm(
            name=f"{name}-{suffix}",
            tier="blobs",
            fault=fault,
            metric=f"{_PREFIX}/replication/{metric}",
            resource=_RESOURCE,
            where=where,
            threshold=threshold,
            runbook=runbook,
            **more,
        )

    late = f"A region lacks some of {what} that were written more than {_PROMISED_MINUTES} minutes ago"
    yield alarm("lags", "meeting_rpo", late, 1, comparison="COMPARISON_LT", aligner="ALIGN_FRACTION_TRUE", lasting=600)
    often = f"For over {_MISSED_MINUTES} minutes of thirty days {what} were not in both regions as promised"
    yield alarm("lagged", "missing_rpo_minutes_last_30d", often, _MISSED_MINUTES, severity="WARNING")
    blind = f"Nobody knows whether {what} are in both regions: Cloud Storage has not looked for hours"
    yield alarm("unknown", "time_since_metrics_updated", blind, _BLIND_SECONDS, severity="WARNING")
