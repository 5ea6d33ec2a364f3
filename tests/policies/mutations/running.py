"""Changes that switch off DNS names, workers, functions, machines or messages, each of which a policy must report."""

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
    Mutation("cloudflare-dns-client-hostname-proxied", [DNS_RECORD], "not proxied", put("proxied", False)),
    Mutation("cloudflare-dns-client-hostname-proxied", [ROUTE], "without a record", put("pattern", "packages.x/*")),
    Mutation(
        "aws-route53-client-hostname-leads-to-edge",
        [ROUTE53],
        "a machine",
        put("records", ["198.51.100.1"]),
        lambda record: record.inputs["name"].startswith("packages."),
    ),
    Mutation("cloudflare-workers-compatibility-date-current", [SCRIPT], "none", without("compatibilityDate")),
    Mutation("cloudflare-workers-revocations-bound", [SCRIPT], "no bindings", put("bindings", [])),
    Mutation("aws-lambda-triggers-enabled", [FUNCTION], "off", put("reservedConcurrentExecutions", 0)),
    Mutation("aws-lambda-triggers-enabled", [MAPPING], "off", put("enabled", False)),
    Mutation("aws-lambda-triggers-enabled", [CLOCK], "off", put("state", "DISABLED")),
    Mutation("aws-dynamodb-table-changes-followed", [MAPPING], "gone", remove),
    Mutation(
        "aws-dynamodb-table-changes-followed",
        [TABLE],
        "one more table",
        add_resource(TABLE, name="x", streamEnabled=True),
    ),
    Mutation("aws-lambda-log-group-declared", [LOG_GROUP], "gone", remove),
    Mutation("aws-lambda-log-group-declared", [FUNCTION], "another name", put("name", "another")),
    Mutation(
        "gcp-run-follower-always-on",
        [SERVICE],
        "may stop",
        put("template.scaling.minInstanceCount", 0),
        lambda service: service.name == "entitlements",
    ),
    Mutation("multi-machine-identity-dedicated", [SERVICE], "the default", without("template.serviceAccount")),
    Mutation("gcp-compute-instance-startup-scripts-off", [GCE], "a script", put("metadataStartupScript", "true")),
    Mutation("multi-machine-not-interruptible", [EC2], "spot", put("instanceMarketOptions", {"marketType": "spot"})),
    Mutation("multi-machine-not-interruptible", [GCE], "preemptible", put("scheduling", {"preemptible": True})),
    Mutation("multi-messaging-messages-kept", [QUEUE], "a minute", put("messageRetentionSeconds", 60)),
    Mutation("multi-messaging-messages-kept", [SUBSCRIPTION], "minutes", put("messageRetentionDuration", "600s")),
    Mutation("gcp-pubsub-subscription-permanent", [SUBSCRIPTION], "expires", without("expirationPolicy")),
    Mutation("gcp-pubsub-topic-subscribed", [SUBSCRIPTION], "gone", remove),
    Mutation("gcp-pubsub-topic-subscribed", [TOPIC], "one more topic", add_resource(TOPIC, name="added")),
    Mutation(
        "multi-messaging-subscription-encrypted",
        ["aws:sns/topicSubscription:TopicSubscription"],
        "plain HTTP",
        put("protocol", "http"),
    ),
    Mutation(
        "multi-messaging-subscription-encrypted",
        [SUBSCRIPTION],
        "plain HTTP",
        put("pushConfig", {"pushEndpoint": "http://a.example"}),
    ),
    Mutation(
        "multi-messaging-subscription-encrypted",
        ["gcp:monitoring/notificationChannel:NotificationChannel"],
        "plain HTTP",
        put("labels", {"url": "http://a.example"}),
    ),
]
