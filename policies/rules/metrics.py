"""The metrics that alarms may watch, and the values that each metric can have during an outage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from contract.metrics import (
    EDGE_CERTIFICATE_DAYS,
    GIVEN_UP,
    GOOGLE_TYPES,
    NAMESPACE,
    PUBLISH_TO_VISIBLE,
    PURGE_LAG,
    REFUSED_REQUESTS,
)

_DAY = 24 * 3600.0
# The assumed maximum of metrics that count events, for one period of an alarm. An alarm with a higher threshold would
# never go off.
_COUNT = 100_000.0


@dataclass(frozen=True)
class Metric:
    """How a metric changes during an outage. The policies check that an alarm on the metric would then go off.

    If `low` is true, the metric is low during an outage. Otherwise the metric is high. `most` is the highest value that
    the metric can have. An alarm must set all `dimensions` of the metric. `silent` is true if an outage can prevent the
    service from writing the metric. `per_event` is true if the service writes a value for each event. The value is 0
    for an event without a fault.
    """

    most: float
    low: bool = False
    silent: bool = False
    dimensions: frozenset[str] = frozenset()
    per_event: bool = False


def _metric(
    *dimensions: str, most: float = _COUNT, low: bool = False, silent: bool = False, per_event: bool = False
) -> Metric:
    return Metric(most, low, silent, frozenset(dimensions), per_event)


# Describes each CloudWatch metric that alarms may watch (each service's documentation, "Metrics and dimensions"). A key
# is the namespace and the name of the metric. The registry and PoP machines write those in the namespace `NAMESPACE`.
CLOUDWATCH: Mapping[tuple[str, str], Metric] = {
    ("AWS/DynamoDB", "ReadThrottleEvents"): _metric("TableName"),
    ("AWS/DynamoDB", "WriteThrottleEvents"): _metric("TableName"),
    ("AWS/DynamoDB", "ReplicationLatency"): _metric("TableName", "ReceivingRegion", most=_DAY * 1000),
    ("AWS/DynamoDB", "SystemErrors"): _metric("TableName", "Operation"),
    ("AWS/Lambda", "Errors"): _metric("FunctionName", per_event=True),
    # IteratorAge is in milliseconds. It never exceeds a day, because a DynamoDB stream keeps its records for a day. An
    # alarm with a higher threshold could never go off.
    ("AWS/Lambda", "IteratorAge"): _metric("FunctionName", most=_DAY * 1000),
    ("AWS/Lambda", "Throttles"): _metric("FunctionName", per_event=True),
    # HealthCheckStatus is 1 (healthy) or 0. No other metric shows whether the endpoint answers, so missing data counts
    # as an outage.
    ("AWS/Route53", "HealthCheckStatus"): _metric("HealthCheckId", most=1, low=True, silent=True),
    ("AWS/Route53", "HealthCheckPercentageHealthy"): _metric("HealthCheckId", most=100, low=True),
    # S3 records 1 for a failed request and 0 for any other, so the average is a fraction between 0 and 1.
    ("AWS/S3", "4xxErrors"): _metric("BucketName", "FilterId", most=1, per_event=True),
    ("AWS/S3", "5xxErrors"): _metric("BucketName", "FilterId", most=1, per_event=True),
    ("AWS/S3", "OperationsFailedReplication"): _metric("SourceBucket", "DestinationBucket", "RuleId"),
    ("AWS/S3", "OperationsPendingReplication"): _metric(
        "SourceBucket", "DestinationBucket", "RuleId", most=10 * _COUNT
    ),
    ("AWS/S3", "ReplicationLatency"): _metric("SourceBucket", "DestinationBucket", "RuleId", most=_DAY),
    # An SQS queue keeps messages for at most 14 days, so an alarm with a higher threshold would never go off.
    ("AWS/SQS", "ApproximateAgeOfOldestMessage"): _metric("QueueName", most=14 * _DAY),
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"): _metric("QueueName"),
    # The number of days until the edge's client certificate expires. It never exceeds 397, because a new certificate is
    # valid for 397 days.
    (NAMESPACE, EDGE_CERTIFICATE_DAYS): _metric("Environment", most=397, low=True),
    (NAMESPACE, GIVEN_UP): _metric("Environment"),
    (NAMESPACE, PUBLISH_TO_VISIBLE): _metric("Environment", most=_DAY),
    # The outbox relay, which delivers published changes, writes PURGE_LAG each minute. Missing data therefore means
    # that the relay does not run.
    (NAMESPACE, PURGE_LAG): _metric("Environment", most=_DAY, silent=True),
    (NAMESPACE, REFUSED_REQUESTS): _metric("Environment"),
}

# Describes each Cloud Monitoring metric that alarms may watch (Google Cloud documentation, "Google Cloud metrics"). A
# key is the type of the metric. The metrics with the types in `GOOGLE_TYPES` are custom metrics that the project's
# registry writes.
CLOUD_MONITORING: Mapping[str, Metric] = {
    "pubsub.googleapis.com/subscription/num_undelivered_messages": _metric(),
    "run.googleapis.com/container/completed_probe_count": _metric(),
    "run.googleapis.com/container/instance_count": _metric(low=True, silent=True),
    "run.googleapis.com/request_count": _metric(),
    "spanner.googleapis.com/api/api_request_count": _metric(),
    "spanner.googleapis.com/api/request_latencies": _metric(most=3600),
    "spanner.googleapis.com/instance/cpu/smoothed_utilization": _metric(most=1),
    "spanner.googleapis.com/instance/cpu/utilization_by_priority": _metric(most=1),
    "spanner.googleapis.com/instance/storage/utilization": _metric(most=1),
    "storage.googleapis.com/api/request_count": _metric(),
    "storage.googleapis.com/replication/meeting_rpo": _metric(most=1, low=True),
    "storage.googleapis.com/replication/missing_rpo_minutes_last_30d": _metric(most=30 * _DAY / 60),
    "storage.googleapis.com/replication/time_since_metrics_updated": _metric(most=_DAY),
    "storagetransfer.googleapis.com/transferjob/error_count": _metric(),
    GOOGLE_TYPES[GIVEN_UP]: _metric(),
    GOOGLE_TYPES[PUBLISH_TO_VISIBLE]: _metric(most=_DAY),
    GOOGLE_TYPES[PURGE_LAG]: _metric(most=_DAY, silent=True),
}
