"""Two Cloud Run services for stacks that store their metadata in Spanner: the token sync, which copies tokens to
Workers KV, and the metadata API.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_gcp as gcp

from infra.entitlements import CloudRunMetadataApiArgs, CloudRunTokenSyncArgs
from infra.metadata import SpannerChanges
from infra.observability import CloudMonitoringAlarm
from infra.observability.cloud_run_alarms import dead_letter_alarm, service_alarms
from infra.serverless import ServiceArgs
from infra.serverless.cloud_run import identity, service

_FOLLOWER, _API = "entitlements", "metadata-api"
_DEAD_SECONDS = 31 * 86_400  # the longest time that a Pub/Sub topic keeps a message (Pub/Sub, "Replay messages")
# The maximum number of instances of the metadata API. One instance answers about 100 queries a second, so this number
# limits the cost that unauthorized requests can cause.
_INSTANCES = 10
_AT_ONCE = 40


class CloudRunTokenSync(pulumi.ComponentResource):
    """A Cloud Run service that sends each token change in Spanner's change stream to Workers KV. If the service cannot
    decode a change, it sends the change to a Pub/Sub topic.

    The service has exactly one instance. Operators read the changes that were not decoded from the topic's
    subscription.
    """

    dead_letters: pulumi.Output[str]
    alarms: Sequence[CloudMonitoringAlarm]

    def __init__(self, name: str, args: CloudRunTokenSyncArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("artifact-edge:entitlements:SpannerFollower", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        source, dead_name = args.source, f"{args.prefix}-{_FOLLOWER}-dead"
        topic = gcp.pubsub.Topic(_FOLLOWER, name=dead_name, message_retention_duration=f"{_DEAD_SECONDS}s", opts=child)
        dead = gcp.pubsub.Subscription(
            _FOLLOWER,
            name=dead_name,
            topic=topic.id,
            message_retention_duration=f"{_DEAD_SECONDS}s",
            # the subscription never expires, even if no dead-letter message arrives for a long time
            expiration_policy={"ttl": ""},
            ack_deadline_seconds=60,
            opts=child,
        )
        asked = ServiceArgs(
            prefix=args.prefix,
            account="follow",
            region=source.region,
            description="Carries changes of tokens and grants to the edge",
            code=args.code,
            variables={
                "DATABASE": source.database,
                "CHANGE_STREAM": source.stream,
                "ACCOUNT_ID": args.account_id,
                "NAMESPACE_ID": args.namespace_id,
                "DEAD_LETTERS": topic.id,
            },
            secret_id=args.secret_id,
            secret_region=args.secret_region,
            sources=args.sources,
            instances=(1, 1),
            concurrency=10,
            cpu_always_allocated=True,
        )
        who = identity(_FOLLOWER, asked, self)
        may = [
            # The token sync copies token changes to Workers KV. It reads the database's change stream, and stores its
            # position in a table of the database.
            _grant_database_role(_FOLLOWER, source, "roles/spanner.databaseUser", who.member, self),
            gcp.pubsub.TopicIAMMember(
                _FOLLOWER, topic=topic.name, role="roles/pubsub.publisher", member=who.member, opts=child
            ),
        ]
        made = service(_FOLLOWER, asked, who, self, may)
        self.dead_letters = dead.name
        late, gone = "Grants and revocations reach the edge late", "Changes of tokens never reached the edge"
        runbook = "docs/entitlements.md#changes-are-"
        self.alarms = [
            *service_alarms(_FOLLOWER, "entitlements", made.name, late, f"{runbook}late", always_running=True),
            dead_letter_alarm(_FOLLOWER, "entitlements", dead.name, gone, f"{runbook}dead"),
        ]
        self.register_outputs({"dead_letters": self.dead_letters})


class CloudRunMetadataApi(pulumi.ComponentResource):
    """A Cloud Run service that answers the edge worker's queries for tokens. The service is public and checks a
    signature on each request, because the edge worker has no Google credentials.
    """

    url: pulumi.Output[str]
    alarms: Sequence[CloudMonitoringAlarm]

    def __init__(self, name: str, args: CloudRunMetadataApiArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("artifact-edge:entitlements:SpannerMetadataApi", name, None, opts)
        variables: Mapping[str, pulumi.Input[str]] = {"DATABASE": args.source.database}
        asked = ServiceArgs(
            prefix=args.prefix,
            account="answer",
            region=args.source.region,
            description="Answers the edge about tokens that its store lacks",
            code=args.code,
            variables=variables,
            secret_id=args.secret_id,
            secret_region=args.secret_region,
            sources=args.sources,
            instances=(0, _INSTANCES),
            concurrency=_AT_ONCE,
            open=True,
        )
        who = identity(_API, asked, self)
        may = _grant_database_role(_API, args.source, "roles/spanner.databaseReader", who.member, self)
        made = service(_API, asked, who, self, [may])
        self.url = made.uri
        fault = "Tokens that the edge's store lacks are answered with 503"
        runbook = "docs/entitlements.md#the-metadata-api-fails"
        self.alarms = list(service_alarms(_API, "entitlements", made.name, fault, runbook))
        self.register_outputs({"url": self.url})


def _grant_database_role(
    name: str, source: SpannerChanges, role: str, member: pulumi.Input[str], parent: pulumi.Resource
) -> gcp.spanner.DatabaseIAMMember:
    return gcp.spanner.DatabaseIAMMember(
        name,
        instance=source.instance,
        database=source.name,
        role=role,
        member=member,
        opts=pulumi.ResourceOptions(parent=parent),
    )
