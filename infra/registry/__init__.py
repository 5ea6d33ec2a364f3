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


def alarms(environment: str, region: str) -> Sequence[Alarm]:
    """`region` is the metadata's home region, where the registry writes its metrics."""
    dimensions = {"Environment": environment}
    return (
        Alarm(
            name="purge-lag",
            tier="registry",
            region=region,
            fault="A change was committed minutes ago and has not been brought to the readers: they see old documents.",
            namespace=NAMESPACE,
            metric=PURGE_LAG,
            dimensions=dimensions,
            threshold=LAG_SECONDS,
            missing="breaching",  # nobody drains, then
            periods=5,
            runbook="docs/publish-to-visible.md",
        ),
        Alarm(
            name="publish-to-visible",
            tier="registry",
            region=region,
            fault=f"What was published took more than {OBJECTIVE_SECONDS:.0f} s to be seen at every edge.",
            namespace=NAMESPACE,
            metric=PUBLISH_TO_VISIBLE,
            dimensions=dimensions,
            threshold=OBJECTIVE_SECONDS,
            periods=1,
            runbook="docs/publish-to-visible.md",
        ),
    )
