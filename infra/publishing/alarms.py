"""Alarms on the publishing metrics that the registry writes (registry/delivery/metrics.py)."""

from __future__ import annotations

from collections.abc import Sequence

from contract.metrics import (
    GIVEN_UP,
    GOOGLE_RESOURCE,
    GOOGLE_TYPES,
    LAG_SECONDS,
    NAMESPACE,
    OBJECTIVE_SECONDS,
    PUBLISH_TO_VISIBLE,
    PURGE_LAG,
)
from infra.observability import CloudMonitoringAlarm, CloudWatchAlarm, CustomMetric

_LAGS = "Readers see old documents: changes published minutes ago have not reached them"
_GIVEN_UP = "Readers see old documents, and the delivery of some published changes was given up"
_LATE = f"A published change was not visible everywhere within {OBJECTIVE_SECONDS:.0f} s"
_RUNBOOK = "docs/operations.md"


def alarms(environment: str, backend: str, region: str) -> Sequence[CloudWatchAlarm | CloudMonitoringAlarm]:
    """Returns the alarms on publishing, for CloudWatch or Cloud Monitoring. The registry writes its metrics in the
    cloud of the metadata database, so the alarms are in the same cloud.

    `region` is the home region of the metadata database.
    """
    return _on_aws(environment, region) if backend == "dynamodb" else _on_google(environment)


def _on_aws(environment: str, region: str) -> Sequence[CloudWatchAlarm]:
    dimensions = {"Environment": environment}
    return (
        CloudWatchAlarm(
            name="purge-lag",
            tier="registry",
            region=region,
            fault=_LAGS,
            namespace=NAMESPACE,
            metric=PURGE_LAG,
            dimensions=dimensions,
            threshold=LAG_SECONDS,
            missing="breaching",  # missing data means that no outbox relay runs to deliver published changes
            periods=5,
            runbook=f"{_RUNBOOK}#a-purge-lags",
        ),
        CloudWatchAlarm(
            name="purges-given-up",
            tier="registry",
            region=region,
            fault=_GIVEN_UP,
            namespace=NAMESPACE,
            metric=GIVEN_UP,
            dimensions=dimensions,
            threshold=0,
            periods=1,
            runbook=f"{_RUNBOOK}#purges-were-given-up",
        ),
        CloudWatchAlarm(
            name="publish-to-visible",
            tier="registry",
            region=region,
            fault=_LATE,
            namespace=NAMESPACE,
            metric=PUBLISH_TO_VISIBLE,
            dimensions=dimensions,
            threshold=OBJECTIVE_SECONDS,
            periods=1,
            runbook=f"{_RUNBOOK}#publishing-is-slow-to-be-seen",
        ),
    )


def _on_google(environment: str) -> Sequence[CloudMonitoringAlarm]:
    where = {"metric.labels.environment": environment}
    return (
        CloudMonitoringAlarm(
            name="purge-lag",
            tier="registry",
            fault=_LAGS,
            metric=GOOGLE_TYPES[PURGE_LAG],
            resource=GOOGLE_RESOURCE,
            where=where,
            threshold=LAG_SECONDS,
            reducer="REDUCE_MAX",
            lasting=300,
            # On Google Cloud, the command `registry purges drain` replaces the outbox relay, which delivers published
            # changes, and writes this alarm's metric. Missing data therefore means that nobody runs the command.
            missing="bad",
            custom=CustomMetric("s", "The age of the oldest change that is not with the readers", ["environment"]),
            runbook=f"{_RUNBOOK}#a-purge-lags",
        ),
        CloudMonitoringAlarm(
            name="purges-given-up",
            tier="registry",
            fault=_GIVEN_UP,
            metric=GOOGLE_TYPES[GIVEN_UP],
            resource=GOOGLE_RESOURCE,
            where=where,
            threshold=0,
            reducer="REDUCE_MAX",
            lasting=0,
            custom=CustomMetric("1", "Changes that nobody tries any more to bring to the readers", ["environment"]),
            runbook=f"{_RUNBOOK}#purges-were-given-up",
        ),
        CloudMonitoringAlarm(
            name="publish-to-visible",
            tier="registry",
            fault=_LATE,
            metric=GOOGLE_TYPES[PUBLISH_TO_VISIBLE],
            resource=GOOGLE_RESOURCE,
            where=where,
            threshold=OBJECTIVE_SECONDS,
            # The metric has one value for each origin bucket, each shield, and each location that polls the edge: the
            # delay until a change is visible there. A change is visible everywhere only after the longest of these
            # delays, so the alarm watches the maximum.
            reducer="REDUCE_MAX",
            lasting=0,
            custom=CustomMetric("s", "From a commit until a place shows it", ["environment", "tier", "place"]),
            runbook=f"{_RUNBOOK}#publishing-is-slow-to-be-seen",
        ),
    )
