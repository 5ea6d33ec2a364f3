"""What is watched of publishing: the metrics that the registry writes (registry/metrics.py), and when they are bad."""

from __future__ import annotations

from collections.abc import Sequence

from infra.observability import Alarm

NAMESPACE = "ArtifactEdge"
PURGE_LAG = "PurgeLagSeconds"
PUBLISH_TO_VISIBLE = "PublishToVisibleSeconds"
OBJECTIVE_SECONDS = 30.0
"""From the commit to the last edge: what a publish is held to (docs/publish-to-visible.md)."""
LAG_SECONDS = 120.0
"""How old a change may get in the outbox; a drain runs every minute."""


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
