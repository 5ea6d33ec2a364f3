"""Names of the metrics that the registry writes, and the objectives that serve as alarm thresholds.

registry/delivery/metrics.py writes the metrics, and infra/publishing/alarms.py watches them.
"""

from __future__ import annotations

NAMESPACE = "ArtifactEdge"
PURGE_LAG = "PurgeLagSeconds"
GIVEN_UP = "PurgesGivenUp"
PUBLISH_TO_VISIBLE = "PublishToVisibleSeconds"
EDGE_CERTIFICATE_DAYS = "EdgeCertificateDays"
# PoP machines of our own write this metric (infra/pop/machine/programs/report-refusals).
REFUSED_REQUESTS = "RefusedRequests"

# Maps the name of each of the registry's own metrics to the metric's type in Cloud Monitoring. The registry writes the
# metrics to Cloud Monitoring if its metadata database is Spanner.
GOOGLE_TYPES = {
    PURGE_LAG: "custom.googleapis.com/artifact_edge/purge_lag",
    GIVEN_UP: "custom.googleapis.com/artifact_edge/purges_given_up",
    PUBLISH_TO_VISIBLE: "custom.googleapis.com/artifact_edge/publish_to_visible",
}
GOOGLE_RESOURCE = "global"

# The longest time in seconds that a publish may take, from the commit in the metadata database until every edge
# location serves the change (docs/publish-to-visible.md). An alarm uses the number as its threshold.
OBJECTIVE_SECONDS = 30.0

# If the edge's client certificate expires in fewer days than this number, an alarm goes off and the command `python -m
# registry keys check` fails. Each deployment renews a certificate that expires within 90 days. Fewer than 30 remaining
# days mean that no deployment ran for 60 days, or that the renewal failed.
CERTIFICATE_WARNING_DAYS = 30

# The longest time in seconds that a change may wait in the outbox before an alarm goes off. The outbox contains
# published changes until the outbox relay delivers them. The relay runs every minute.
LAG_SECONDS = 120.0
