"""Alarms on the S3 buckets (S3 User Guide, "Amazon S3 metrics and dimensions")."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from infra.blobs import Bucket
from infra.blobs.s3_store import ALL_REQUESTS
from infra.observability import CloudWatchAlarm

REPLICATION_MINUTES = 15  # the only replication time that S3 Replication Time Control accepts (S3 User Guide)

Statistic = Literal["Maximum", "Minimum", "Sum"]

_QUARTER = 900
# Alarm threshold for the number of objects that wait for replication. The number of waiting objects stays below the
# threshold during a bulk import of some thousand packages. It exceeds the threshold if a replica accepts no objects.
_PENDING = 10_000

_RUNBOOK = "docs/operations.md"


def s3_alarms(places: Sequence[Bucket]) -> Iterator[CloudWatchAlarm]:
    """Yields alarms on each bucket's refused and failed requests, and on late replication to each replica.

    `places` are the buckets. The first of them is the primary bucket.
    """
    primary, *replicas = places
    for place in places:
        yield from _request_alarms(place)
    for replica in replicas:
        yield from _replication_alarms(primary, replica)


def _request_alarms(place: Bucket) -> Iterator[CloudWatchAlarm]:
    dimensions = {"BucketName": place.name, "FilterId": ALL_REQUESTS}
    for name, metric, share, heading, fault in (
        ("breaks", "5xxErrors", 0.01, "s3-breaks", f"S3 in {place.region} fails more than 1 % of all requests"),
        # The alarm on refused requests goes off only when S3 refuses half of all requests. Package managers often
        # request packages that do not exist, and such a 404 is no fault.
        (
            "refuses",
            "4xxErrors",
            0.5,
            "s3-refuses",
            f"S3 in {place.region} refuses half of all requests, or lacks the requested objects",
        ),
    ):
        yield CloudWatchAlarm(
            name=f"blobs-{place.region}-{name}",
            tier="blobs",
            region=place.region,
            fault=fault,
            namespace="AWS/S3",
            metric=metric,
            dimensions=dimensions,
            threshold=share,
            # S3 records 1 for a failed request and 0 for any other, so the average is the share of failed requests
            statistic="Average",
            period=300,
            runbook=f"{_RUNBOOK}#{heading}",
        )


def _replication_alarms(primary: Bucket, replica: Bucket) -> Iterator[CloudWatchAlarm]:
    """Yields alarms on the replication from the primary bucket to one replica.

    S3 publishes the metrics of latency and backlog in the replica's region, and the metric of failures in the primary's
    region ("Using S3 Replication metrics").
    """
    dimensions = {"SourceBucket": primary.name, "DestinationBucket": replica.name, "RuleId": replica.region}
    way = f"from {primary.region} to {replica.region}"

    def alarm(name: str, metric: str, region: str, limit: int, statistic: Statistic, fault: str) -> CloudWatchAlarm:
        return CloudWatchAlarm(
            name=f"blobs-{replica.region}-{name}",
            tier="blobs",
            region=region,
            fault=fault,
            namespace="AWS/S3",
            metric=metric,
            dimensions=dimensions,
            threshold=limit,
            statistic=statistic,
            period=_QUARTER,
            periods=1,
            runbook=f"{_RUNBOOK}#objects-are-not-copied",
        )

    late = f"Replication {way} is more than {REPLICATION_MINUTES} minutes behind"
    yield alarm("lags", "ReplicationLatency", replica.region, REPLICATION_MINUTES * 60, "Maximum", late)
    waiting = f"More than {_PENDING} copies {way} have been waiting for a quarter of an hour"
    yield alarm("waits", "OperationsPendingReplication", replica.region, _PENDING, "Minimum", waiting)
    lost = f"Objects could not be replicated {way}; S3 does not try them again"
    yield alarm("fails", "OperationsFailedReplication", primary.region, 0, "Sum", lost)
