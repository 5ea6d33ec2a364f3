"""Publishing, as far as it is provisioned: what brings changes to the readers, and what is watched of that.

The names here are shared with those who write the metrics (registry/delivery/metrics.py), where there is no Pulumi.
"""

from __future__ import annotations

NAMESPACE = "ArtifactEdge"
PURGE_LAG = "PurgeLagSeconds"
GIVEN_UP = "PurgesGivenUp"
PUBLISH_TO_VISIBLE = "PublishToVisibleSeconds"
GOOGLE_TYPES = {
    PURGE_LAG: "custom.googleapis.com/artifact_edge/purge_lag",
    GIVEN_UP: "custom.googleapis.com/artifact_edge/purges_given_up",
    PUBLISH_TO_VISIBLE: "custom.googleapis.com/artifact_edge/publish_to_visible",
}
"""What the metrics are called in Cloud Monitoring, where they are written if the database is Google's."""
GOOGLE_RESOURCE = "global"
OBJECTIVE_SECONDS = 30.0
"""From the commit to the last edge: what a publish is held to (docs/publish-to-visible.md)."""
LAG_SECONDS = 120.0
"""How old a change may get in the outbox; a drain runs every minute."""
