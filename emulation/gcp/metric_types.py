"""Lists the Google Cloud metrics that alarms may use. The emulation refuses an alarm on any other metric, as Google
refuses an alarm on a metric that does not exist.

Kinds, value types and labels are those of "Google Cloud metrics" and "Monitored resource types". Custom metrics
(`custom.googleapis.com`) are not listed, because the descriptor of each custom metric defines them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class MetricType:
    """A metric type of Cloud Monitoring. `kind` is GAUGE, DELTA or CUMULATIVE, and `value` is BOOL, INT64, DOUBLE or
    DISTRIBUTION. Labels are strings, except the labels in `flags`, which are booleans."""

    kind: str
    value: str
    resources: frozenset[str]
    labels: frozenset[str] = frozenset()
    flags: frozenset[str] = frozenset()


def _metric(kind: str, value: str, resource: str, labels: str = "", flags: str = "") -> MetricType:
    return MetricType(kind, value, frozenset({resource}), frozenset(labels.split()), frozenset(flags.split()))


# Maps each monitored resource type of Cloud Monitoring to its labels.
RESOURCES: Mapping[str, frozenset[str]] = {
    "cloud_run_revision": frozenset({"project_id", "service_name", "revision_name", "location", "configuration_name"}),
    "gcs_bucket": frozenset({"project_id", "bucket_name", "location"}),
    "global": frozenset({"project_id"}),
    "pubsub_subscription": frozenset({"project_id", "subscription_id"}),
    "spanner_instance": frozenset({"project_id", "instance_id", "instance_config", "location"}),
    "storage_transfer_job": frozenset({"project_id", "job_id", "location"}),
}

# The monitored resource types that custom metrics may use ("Create user-defined metrics with the API").
OWN_RESOURCES = frozenset({"global"})

_RUN, _BUCKET, _SUBSCRIPTION = "cloud_run_revision", "gcs_bucket", "pubsub_subscription"
_SPANNER, _TRANSFER = "spanner_instance", "storage_transfer_job"
_PROBE = "probe_action container_name probe_type"

METRICS: Mapping[str, MetricType] = {
    "pubsub.googleapis.com/subscription/num_undelivered_messages": _metric("GAUGE", "INT64", _SUBSCRIPTION),
    "pubsub.googleapis.com/subscription/oldest_unacked_message_age": _metric("GAUGE", "INT64", _SUBSCRIPTION),
    "run.googleapis.com/container/completed_probe_count": _metric(
        "DELTA", "INT64", _RUN, _PROBE, "is_healthy is_default"
    ),
    "run.googleapis.com/container/instance_count": _metric("GAUGE", "INT64", _RUN, "state"),
    "run.googleapis.com/request_count": _metric("DELTA", "INT64", _RUN, "response_code response_code_class"),
    "spanner.googleapis.com/api/api_request_count": _metric("DELTA", "INT64", _SPANNER, "database status method"),
    "spanner.googleapis.com/api/request_latencies": _metric("DELTA", "DISTRIBUTION", _SPANNER, "database method"),
    "spanner.googleapis.com/instance/cpu/smoothed_utilization": _metric("GAUGE", "DOUBLE", _SPANNER, "database"),
    "spanner.googleapis.com/instance/cpu/utilization_by_priority": _metric(
        "GAUGE", "DOUBLE", _SPANNER, "database priority", "is_system"
    ),
    "spanner.googleapis.com/instance/storage/utilization": _metric("GAUGE", "DOUBLE", _SPANNER),
    "storage.googleapis.com/api/request_count": _metric("DELTA", "INT64", _BUCKET, "method response_code"),
    "storage.googleapis.com/replication/meeting_rpo": _metric("GAUGE", "BOOL", _BUCKET),
    "storage.googleapis.com/replication/missing_rpo_minutes_last_30d": _metric("GAUGE", "INT64", _BUCKET),
    "storage.googleapis.com/replication/time_since_metrics_updated": _metric("GAUGE", "INT64", _BUCKET),
    "storagetransfer.googleapis.com/transferjob/copied_objects_count": _metric("DELTA", "INT64", _TRANSFER, "status"),
    "storagetransfer.googleapis.com/transferjob/error_count": _metric("DELTA", "INT64", _TRANSFER, "code"),
}

# Maps an aligner to the metric kinds and to the value types that it accepts. An aligner combines the values of one time
# series in a period (Cloud Monitoring API, "Aligner").
ALIGNERS: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "ALIGN_DELTA": (frozenset({"DELTA", "CUMULATIVE"}), frozenset({"INT64", "DOUBLE", "DISTRIBUTION"})),
    "ALIGN_FRACTION_TRUE": (frozenset({"GAUGE"}), frozenset({"BOOL"})),
    "ALIGN_MAX": (frozenset({"GAUGE", "DELTA"}), frozenset({"INT64", "DOUBLE"})),
    "ALIGN_MEAN": (frozenset({"GAUGE", "DELTA"}), frozenset({"INT64", "DOUBLE"})),
    "ALIGN_MIN": (frozenset({"GAUGE", "DELTA"}), frozenset({"INT64", "DOUBLE"})),
}

REDUCERS = frozenset({"REDUCE_NONE", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_SUM", "REDUCE_PERCENTILE_99"})
_ONE_NUMBER = frozenset({"REDUCE_MAX", "REDUCE_MIN"})


def reduces(reducer: str, value: str) -> bool:
    """Returns whether a reducer accepts metrics with the value type `value`. A reducer combines several time series
    (Cloud Monitoring API, "Reducer").
    """
    return reducer in REDUCERS and not (value == "DISTRIBUTION" and reducer in _ONE_NUMBER)
