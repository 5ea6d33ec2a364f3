"""Publishing, as far as it is provisioned: what brings changes to the readers, and what is watched of that.

The names here are shared with those who write the metrics (registry/metrics.py), where there is no Pulumi.
"""

from __future__ import annotations

NAMESPACE = "ArtifactEdge"
PURGE_LAG = "PurgeLagSeconds"
GIVEN_UP = "PurgesGivenUp"
PUBLISH_TO_VISIBLE = "PublishToVisibleSeconds"
OBJECTIVE_SECONDS = 30.0
"""From the commit to the last edge: what a publish is held to (docs/publish-to-visible.md)."""
LAG_SECONDS = 120.0
"""How old a change may get in the outbox; a drain runs every minute."""
