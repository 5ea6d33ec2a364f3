"""What S3 tells of the copies of what is published."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from infra.blobs import Bucket
from infra.observability import Alarm

_MOST_LAG_SECONDS = 15 * 60.0
"""What S3 Replication Time Control promises for 99.9 % of the objects (S3 User Guide)."""


def replication_alarms(buckets: Sequence[Bucket]) -> Iterator[Alarm]:
    """Of each copy, the primary being the first bucket: copies that failed, and copies that are late.

    Replication metrics are published in the source's region, under the rule's id, which is the copy's region (S3 User
    Guide, "Amazon S3 Replication metrics").
    """
    primary, *copies = buckets
    for copy in copies:
        lost = f"S3 gives up copying objects to {copy.region}"
        yield _alarm(primary, copy, "fails", lost, "OperationsFailedReplication", 0, "Sum")
        late = f"Copies of published objects reach {copy.region} later than S3 promises"
        yield _alarm(primary, copy, "lags", late, "ReplicationLatency", _MOST_LAG_SECONDS, "Maximum")


def _alarm(
    primary: Bucket,
    copy: Bucket,
    name: str,
    fault: str,
    metric: str,
    threshold: float,
    statistic: Literal["Sum", "Maximum"],
) -> Alarm:
    return Alarm(
        name=f"blobs-{copy.region}-{name}",
        tier="blobs",
        region=primary.region,
        fault=fault,
        namespace="AWS/S3",
        metric=metric,
        dimensions={"SourceBucket": primary.name, "DestinationBucket": copy.name, "RuleId": copy.region},
        threshold=threshold,
        statistic=statistic,
        runbook="docs/operations.md#objects-are-not-copied",
    )
