"""Harmful changes after which DNS names, workers, functions, machines or queues of a stack no longer work. Tests make
each change, and a policy must report it.
"""

from __future__ import annotations

from tests.policies.mutations import Mutation
from tests.policies.mutations.changes import add_resource, put, remove, without

SCRIPT = "cloudflare:index/workersScript:WorkersScript"
DNS_RECORD = "cloudflare:index/dnsRecord:DnsRecord"
ROUTE = "cloudflare:index/workersRoute:WorkersRoute"
ROUTE53 = "aws:route53/record:Record"
FUNCTION = "aws:lambda/function:Function"
SERVICE = "gcp:cloudrunv2/service:Service"
MAPPING = "aws:lambda/eventSourceMapping:EventSourceMapping"
CLOCK = "aws:cloudwatch/eventRule:EventRule"
TABLE = "aws:dynamodb/table:Table"
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
EC2 = "aws:ec2/instance:Instance"
GCE = "gcp:compute/instance:Instance"
QUEUE = "aws:sqs/queue:Queue"
TOPIC = "gcp:pubsub/topic:Topic"
SUBSCRIPTION = "gcp:pubsub/subscription:Subscription"

MUTATIONS = [
    Mutation(
        "cloudflare-dns-client-hostname-proxied",
        [DNS_RECORD],
        "the DNS record of the clients' hostname is not proxied",
        put("proxied", False),
    ),
    Mutation(
        "cloudflare-dns-client-hostname-proxied",
        [ROUTE],
        "the clients' hostname has no DNS record",
        put("pattern", "packages.x/*"),
    ),
    Mutation(
        "aws-route53-client-hostname-leads-to-edge",
        [ROUTE53],
        "the clients' hostname resolves to a machine instead of the edge",
        put("records", ["198.51.100.1"]),
        lambda record: record.inputs["name"].startswith("packages."),
    ),
    Mutation(
        "cloudflare-workers-compatibility-date-current",
        [SCRIPT],
        "the edge worker has no compatibility date",
        without("compatibilityDate"),
    ),
    Mutation(
        "cloudflare-workers-compatibility-flags-reviewed",
        [SCRIPT],
        "the edge worker has a compatibility flag",
        put("compatibilityFlags", ["no_cots_on_external_fetch"]),
    ),
    Mutation(
        "cloudflare-workers-revocations-bound",
        [SCRIPT],
        "the edge worker has no binding of its key-value store",
        put("bindings", []),
    ),
    Mutation(
        "aws-lambda-triggers-enabled",
        [FUNCTION],
        "a Lambda function may have no instance",
        put("reservedConcurrentExecutions", 0),
    ),
    Mutation("aws-lambda-triggers-enabled", [MAPPING], "an event source mapping is disabled", put("enabled", False)),
    Mutation("aws-lambda-triggers-enabled", [CLOCK], "a schedule is disabled", put("state", "DISABLED")),
    Mutation(
        "aws-dynamodb-table-changes-followed", [MAPPING], "the table's stream has no event source mapping", remove
    ),
    Mutation(
        "aws-dynamodb-table-changes-followed",
        [TABLE],
        "a new table's stream has no event source mapping",
        add_resource(TABLE, name="x", streamEnabled=True),
    ),
    Mutation("aws-lambda-log-group-declared", [LOG_GROUP], "a Lambda function has no log group", remove),
    Mutation(
        "aws-lambda-log-group-declared",
        [FUNCTION],
        "a Lambda function has another name than its log group",
        put("name", "another"),
    ),
    Mutation(
        "gcp-run-follower-always-on",
        [SERVICE],
        "the Cloud Run service that follows changes may stop",
        put("template.scaling.minInstanceCount", 0),
        lambda service: service.name == "entitlements",
    ),
    Mutation(
        "multi-machine-identity-dedicated",
        [SERVICE],
        "a Cloud Run service runs as the default service account",
        without("template.serviceAccount"),
    ),
    Mutation(
        "gcp-compute-instance-startup-scripts-off",
        [GCE],
        "a Compute Engine machine has a startup script",
        put("metadataStartupScript", "true"),
    ),
    Mutation(
        "multi-machine-not-interruptible",
        [EC2],
        "an EC2 instance is a spot instance",
        put("instanceMarketOptions", {"marketType": "spot"}),
    ),
    Mutation(
        "multi-machine-not-interruptible",
        [GCE],
        "a Compute Engine machine is preemptible",
        put("scheduling", {"preemptible": True}),
    ),
    Mutation(
        "multi-messaging-messages-kept",
        [QUEUE],
        "a queue keeps messages for one minute",
        put("messageRetentionSeconds", 60),
    ),
    Mutation(
        "multi-messaging-messages-kept",
        [SUBSCRIPTION],
        "a Pub/Sub subscription keeps messages for ten minutes",
        put("messageRetentionDuration", "600s"),
    ),
    Mutation(
        "gcp-pubsub-subscription-permanent",
        [SUBSCRIPTION],
        "a Pub/Sub subscription expires when unused",
        without("expirationPolicy"),
    ),
    Mutation("gcp-pubsub-topic-subscribed", [SUBSCRIPTION], "a Pub/Sub topic has no subscription", remove),
    Mutation(
        "gcp-pubsub-topic-subscribed",
        [TOPIC],
        "a new Pub/Sub topic has no subscription",
        add_resource(TOPIC, name="added"),
    ),
    Mutation(
        "multi-messaging-subscription-encrypted",
        ["aws:sns/topicSubscription:TopicSubscription"],
        "an SNS subscription delivers over plain HTTP",
        put("protocol", "http"),
    ),
    Mutation(
        "multi-messaging-subscription-encrypted",
        [SUBSCRIPTION],
        "a Pub/Sub subscription pushes over plain HTTP",
        put("pushConfig", {"pushEndpoint": "http://a.example"}),
    ),
    Mutation(
        "multi-messaging-subscription-encrypted",
        ["gcp:monitoring/notificationChannel:NotificationChannel"],
        "a notification channel posts over plain HTTP",
        put("labels", {"url": "http://a.example"}),
    ),
]
