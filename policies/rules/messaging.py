"""Policies for queues and topics, such as dead-letter queues and the topics that alarms notify."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import Policy, PolicyResource, ResourceValidationArgs, Severity, StackValidationArgs

from policies.framework.controls import foundational, nist, well_architected
from policies.framework.declare import each_resource, given, part, setting, whole_stack
from policies.framework.durations import DAY_SECONDS, seconds_of
from policies.framework.kinds import kind
from policies.framework.relations import settings_of

TOPIC = "aws:sns/topic:Topic"
QUEUE = "aws:sqs/queue:Queue"
TOPIC_SUBSCRIPTION = "aws:sns/topicSubscription:TopicSubscription"
GOOGLE_TOPIC = "gcp:pubsub/topic:Topic"
GOOGLE_SUBSCRIPTION = "gcp:pubsub/subscription:Subscription"
CHANNEL = "gcp:monitoring/notificationChannel:NotificationChannel"
_PROTOCOLS = ["email", "email-json", "lambda", "sqs"]


@each_resource(
    "aws-messaging-encrypted-at-rest",
    "Messages in queues and topics are encrypted at rest.",
    of={TOPIC, QUEUE},
    severity=Severity.MEDIUM,
    control=foundational("SNS.1"),
    fix="Set kms_master_key_id; a queue may have sqs_managed_sse_enabled instead",
)
def messages_encrypted(args: ResourceValidationArgs) -> Iterator[str]:
    # By default, SQS encrypts a queue with a key that SQS owns. Only `sqsManagedSseEnabled: false` turns this off.
    managed = kind(args) == QUEUE and args.props.get("sqsManagedSseEnabled") is not False
    if not managed and not given(args.props, "kmsMasterKeyId"):
        yield "no key encrypts its messages"


@each_resource(
    "multi-messaging-messages-kept",
    "Queues and subscriptions keep messages long enough for operators to inspect them.",
    of={QUEUE, GOOGLE_SUBSCRIPTION},
    severity=Severity.HIGH,
    control=well_architected("REL05-BP03"),
    fix="Set message_retention_seconds of a queue, or message_retention_duration of a subscription, to 14 days",
    config={"days": {"type": "integer", "minimum": 1, "maximum": 14, "default": 14}},
)
def messages_kept(args: ResourceValidationArgs) -> Iterator[str]:
    # SQS keeps messages for 4 days by default, and Pub/Sub for 7.
    if kind(args) == QUEUE:
        seconds = float(args.props.get("messageRetentionSeconds") or 4 * DAY_SECONDS)
    else:
        seconds = seconds_of(str(args.props.get("messageRetentionDuration") or f"{7 * DAY_SECONDS}s"))
    wanted = int(setting(args, "days", 14))
    if seconds < wanted * DAY_SECONDS:
        yield f"messages are kept for {seconds:g} s, not for {wanted} days"


@each_resource(
    "gcp-pubsub-subscription-permanent",
    "Subscriptions of Pub/Sub do not expire while nobody reads them.",
    of={GOOGLE_SUBSCRIPTION},
    severity=Severity.HIGH,
    control=well_architected("REL05-BP03"),
    fix='Set expiration_policy to {"ttl": ""}',
)
def subscription_permanent(args: ResourceValidationArgs) -> Iterator[str]:
    # Without an expiration policy, a subscription that nobody uses expires after 31 days (Pub/Sub, "Subscription
    # properties").
    if not given(args.props, "expirationPolicy"):
        yield "it expires after 31 days"
    elif ttl := part(args.props, "expirationPolicy").get("ttl"):
        yield f"it expires after {ttl}"


@whole_stack(
    "gcp-pubsub-topic-subscribed",
    "Every topic of Pub/Sub has a subscription. A message without a subscription is lost.",
    of={GOOGLE_TOPIC},
    severity=Severity.HIGH,
    control=well_architected("REL05-BP03"),
    fix="Give the topic a gcp.pubsub.Subscription",
)
def topic_subscribed(topic: PolicyResource, stack: StackValidationArgs) -> Iterator[str]:
    if not settings_of(topic, GOOGLE_SUBSCRIPTION, stack, "topic", ("id", "name")):
        yield "the topic has no subscription"


@each_resource(
    "multi-messaging-subscription-encrypted",
    "Messages and alarms are delivered over TLS, never over plain HTTP.",
    of={TOPIC_SUBSCRIPTION, GOOGLE_SUBSCRIPTION, CHANNEL},
    severity=Severity.HIGH,
    control=nist("SC-8"),
    fix="Use the protocol https, or an address that begins with https://",
)
def subscription_encrypted(args: ResourceValidationArgs) -> Iterator[str]:
    if kind(args) == TOPIC_SUBSCRIPTION:
        if args.props.get("protocol") == "http" or str(args.props.get("endpoint")).startswith("http:"):
            yield "the protocol is http"
        return
    name = "pushConfig" if kind(args) == GOOGLE_SUBSCRIPTION else "labels"
    address = str(part(args.props, name).get("pushEndpoint" if name == "pushConfig" else "url") or "")
    if address.startswith("http:"):
        yield f"messages are sent to {address}"


@each_resource(
    "multi-messaging-delivered-inside",
    "Messages stay in the environment's own accounts, and no filter drops them.",
    of={TOPIC_SUBSCRIPTION, GOOGLE_SUBSCRIPTION},
    severity=Severity.HIGH,
    control=nist("AC-4"),
    fix="Name an endpoint in the accounts of the setting `accounts`, and leave filter, push_config, bigquery_config "
    "and cloud_storage_config out",
    config={"accounts": {"type": "array", "items": {"type": "string"}, "default": []}},
)
def delivered_inside(args: ResourceValidationArgs) -> Iterator[str]:
    if kind(args) == TOPIC_SUBSCRIPTION:
        fields = str(args.props.get("endpoint")).split(":", 5)
        accounts = setting(args, "accounts", [])
        if fields[0] == "arn" and fields[4:5] and fields[4] not in accounts:
            yield f"messages go to {args.props.get('endpoint')}, which is in no account of the environment"
        return
    if filtered := args.props.get("filter"):
        yield f"the filter {filtered} drops messages"
    for name in ("pushConfig", "bigqueryConfig", "cloudStorageConfig"):
        if args.props.get(name):
            yield f"{name} sends the messages elsewhere"


@each_resource(
    "aws-messaging-subscription-protocol-allowed",
    "Alarms reach their recipients by a protocol that the organization has agreed to, not on a server of others.",
    of={TOPIC_SUBSCRIPTION},
    severity=Severity.MEDIUM,
    control=nist("AC-4"),
    fix="Use email, or add the protocol to the setting protocols",
    config={"protocols": {"type": "array", "items": {"type": "string"}, "default": _PROTOCOLS}},
)
def subscription_protocol_allowed(args: ResourceValidationArgs) -> Iterator[str]:
    protocol = args.props.get("protocol")
    if protocol not in setting(args, "protocols", _PROTOCOLS):
        yield f"{args.props.get('endpoint')} gets messages by {protocol}"


POLICIES: list[Policy] = [
    messages_encrypted,
    messages_kept,
    subscription_permanent,
    topic_subscribed,
    subscription_encrypted,
    delivered_inside,
    subscription_protocol_allowed,
]
