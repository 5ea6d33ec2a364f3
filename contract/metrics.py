"""Names of the metrics that the registry writes, and the objectives that alarms hold them to.

registry/delivery/metrics.py writes the metrics, and infra/publishing/alarms.py watches them.
"""

from __future__ import annotations

NAMESPACE = "ArtifactEdge"
PURGE_LAG = "PurgeLagSeconds"
GIVEN_UP = "PurgesGivenUp"
PUBLISH_TO_VISIBLE = "PublishToVisibleSeconds"

# The metrics' types in Cloud Monitoring, which receives them where the metadata store is Spanner.
GOOGLE_TYPES = {
    PURGE_LAG: "custom.googleapis.com/artifact_edge/purge_lag",
    GIVEN_UP: "custom.googleapis.com/artifact_edge/purges_given_up",
    PUBLISH_TO_VISIBLE: "custom.googleapis.com/artifact_edge/publish_to_visible",
}
GOOGLE_RESOURCE = "global"

# The most that a publish may take, from the commit to the last edge (docs/publish-to-visible.md).
OBJECTIVE_SECONDS = 30.0

# The most that a change may wait in the outbox; a pass over the outbox runs every minute.
LAG_SECONDS = 120.0
