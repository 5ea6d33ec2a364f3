"""When publishing is bad: alarms on the metrics that the registry writes (registry/metrics.py)."""

from __future__ import annotations

from collections.abc import Sequence

from infra.observability import Alarm
from infra.registry import GIVEN_UP, LAG_SECONDS, NAMESPACE, OBJECTIVE_SECONDS, PUBLISH_TO_VISIBLE, PURGE_LAG


def alarms(environment: str, backend: str, region: str) -> Sequence[Alarm]:
    """Of the metadata's backend and home region. None where the database is not on AWS: the registry then has no
    credentials to write metrics with."""
    if backend != "dynamodb":
        return ()
    dimensions = {"Environment": environment}
    return (
        Alarm(
            name="purge-lag",
            tier="registry",
            region=region,
            fault="Readers see old documents: what was published minutes ago has not been brought to them",
            namespace=NAMESPACE,
            metric=PURGE_LAG,
            dimensions=dimensions,
            threshold=LAG_SECONDS,
            missing="breaching",  # nobody drains the outbox, then
            periods=5,
            runbook="docs/operations.md#a-purge-lags",
        ),
        Alarm(
            name="purges-given-up",
            tier="registry",
            region=region,
            fault="Readers see old documents, and nobody tries any more to bring them what was published",
            namespace=NAMESPACE,
            metric=GIVEN_UP,
            dimensions=dimensions,
            threshold=0,
            periods=1,
            runbook="docs/operations.md#purges-were-given-up",
        ),
        Alarm(
            name="publish-to-visible",
            tier="registry",
            region=region,
            fault=f"What was published was not seen everywhere within {OBJECTIVE_SECONDS:.0f} s",
            namespace=NAMESPACE,
            metric=PUBLISH_TO_VISIBLE,
            dimensions=dimensions,
            threshold=OBJECTIVE_SECONDS,
            periods=1,
            runbook="docs/operations.md#publishing-is-slow-to-be-seen",
        ),
    )
