"""Test cases for the policies that report resources which are switched off, such as disabled functions."""

from __future__ import annotations

from typing import Any

from pulumi_policy import PolicyResource
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE

from tests.policies.cases.parts import GCE, INSTANCE, RECORD, SCRIPT, TABLE, Case
from tests.policies.resources import resource

DNS_RECORD = "cloudflare:index/dnsRecord:DnsRecord"
FUNCTION = "aws:lambda/function:Function"
SERVICE = "gcp:cloudrunv2/service:Service"
MAPPING = "aws:lambda/eventSourceMapping:EventSourceMapping"
CLOCK = "aws:cloudwatch/eventRule:EventRule"
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
QUEUE = "aws:sqs/queue:Queue"
TOPIC = "gcp:pubsub/topic:Topic"
SUBSCRIPTION = "gcp:pubsub/subscription:Subscription"
SNS_SUBSCRIPTION = "aws:sns/topicSubscription:TopicSubscription"
CHANNEL = "gcp:monitoring/notificationChannel:NotificationChannel"
ROUTE = resource("cloudflare:index/workersRoute:WorkersRoute", {"pattern": "packages.x.io/*"}, "route")
HEALTH = resource("cloudflare:index/workersRoute:WorkersRoute", {"pattern": "edge.z.io/healthz"}, "health")
STREAMED = resource(TABLE, {"name": "t", "streamEnabled": True, "streamArn": "arn:stream"})
HOST = "packages.x.io"
HOSTNAME = resource("cloudflare:index/customHostname:CustomHostname", {"hostname": HOST}, "hostname")
ORIGIN = resource("cloudflare:index/customHostnameFallbackOrigin:CustomHostnameFallbackOrigin", {"origin": "edge.z.io"})


def record(**props: Any) -> PolicyResource:
    return resource(DNS_RECORD, {"name": "edge.z.io", **props})


def alias(target: str, kind: str = "CNAME") -> PolicyResource:
    return resource(RECORD, {"name": HOST, "type": kind, "records": [target]})


def own_pops(component: str) -> list[PolicyResource]:
    """Returns the DNS records of one machine in a PoP of our own: an alias record, and the record with the machine's
    address that the alias points to.

    The address is an Elastic IP address in a component of the type `component`. Policies recognize our own PoPs by this
    component type.
    """
    address = resource("aws:ec2/eip:Eip", {}, within=component)
    target = {"name": "eu.pops.x.io", "type": "A"}
    return [
        resource(RECORD, {"name": "pops.x.io", "type": "A", "aliases": [{"name": "eu.pops.x.io"}]}, "alias"),
        resource(RECORD, {**target, "records": ["198.51.100.1"]}, "machine", on={"records": [address]}),
    ]


def behind_accelerator(component: str) -> list[PolicyResource]:
    """Returns a DNS alias record that points to an accelerator. The accelerator's DNS name is unknown, as in a preview.
    The accelerator is a child of a component of the type `component`.
    """
    accelerator = resource("aws:globalaccelerator/accelerator:Accelerator", {}, within=component)
    props = {"name": "anycast.x.io", "type": "A", "aliases": [{"name": UNKNOWN_STRING_VALUE}]}
    return [resource(RECORD, props, on={"aliases": [accelerator]})]


def script(**binding: Any) -> PolicyResource:
    return resource(SCRIPT, {"bindings": [{"name": "ENTITLEMENTS", "type": "kv_namespace", **binding}]})


def mapping(pattern: str = '{"pk": ["tokens"]}', **props: Any) -> PolicyResource:
    filters = {"filters": [{"pattern": pattern}]}
    return resource(MAPPING, {"eventSourceArn": "arn:stream", "filterCriteria": filters, **props})


def follower(least: int) -> PolicyResource:
    props = {"template": {"scaling": {"minInstanceCount": least}}}
    return resource(SERVICE, props, within="artifact-edge:entitlements:SpannerFollower")


def function_with_variables(**variables: str) -> PolicyResource:
    return resource(FUNCTION, {"environment": {"variables": variables}})


CASES = [
    Case(
        "cloudflare-dns-client-hostname-proxied",
        [ROUTE, HOSTNAME, ORIGIN],
        f"no fallback origin with a proxied record leads {HOST} to the edge",
    ),
    Case(
        "cloudflare-dns-client-hostname-proxied",
        [ROUTE, HOSTNAME, record(proxied=True)],
        f"no fallback origin with a proxied record leads {HOST} to the edge",
    ),
    Case(
        "cloudflare-dns-client-hostname-proxied",
        [ROUTE, ORIGIN, record(proxied=True)],
        f"{HOST} is not a custom hostname",
    ),
    Case("cloudflare-dns-client-hostname-proxied", [record(proxied=False), ORIGIN], "edge.z.io is not proxied"),
    Case("cloudflare-dns-client-hostname-proxied", [HEALTH, record(proxied=True), ORIGIN]),
    Case(
        "cloudflare-dns-client-hostname-proxied",
        [record(proxied=True), ROUTE, HOSTNAME, ORIGIN, record(name="mail.z.io")],
    ),
    Case("aws-route53-client-hostname-leads-to-edge", [alias("198.51.100.1", "A")], f"{HOST} leads to 198.51.100.1"),
    Case("aws-route53-client-hostname-leads-to-edge", [alias("other.z.io"), ORIGIN], f"{HOST} leads to other.z.io"),
    Case("aws-route53-client-hostname-leads-to-edge", [alias("edge.z.io"), ORIGIN, alias("x", "TXT")]),
    Case(
        "aws-route53-client-hostname-leads-to-edge", [alias("pops.x.io"), *own_pops("artifact-edge:pop:PopAddresses")]
    ),
    Case(
        "aws-route53-client-hostname-leads-to-edge",
        [alias("pops.x.io"), *own_pops("artifact-edge:shield:Ec2Shield")],
        f"{HOST} leads to pops.x.io",
    ),
    *[
        Case(
            "aws-route53-client-hostname-leads-to-edge",
            [alias("anycast.x.io"), *behind_accelerator(component)],
            says,
        )
        for component, says in (
            ("artifact-edge:pop:Accelerator", ""),
            ("artifact-edge:shield:Ec2Shield", f"{HOST} leads to anycast.x.io"),
        )
    ],
    Case(
        "aws-route53-client-hostname-leads-to-edge",
        [alias("pops.x.io"), resource(RECORD, {"name": "pops.x.io", "type": "A", "records": ["198.51.100.1"]})],
        f"{HOST} leads to pops.x.io",
    ),
    *[
        Case("cloudflare-workers-compatibility-date-current", [resource(SCRIPT, {"compatibilityDate": date})], says)
        for date, says in (
            ("", "it has no compatibility date"),
            ("2021-11-01", "2021-11-01 is before 2026-01-01"),
            ("2026-13-01", "2026-13-01 is no date"),
        )
    ],
    Case("cloudflare-workers-compatibility-date-current", [resource(SCRIPT, {"compatibilityDate": "2026-11-01"})]),
    Case(
        "cloudflare-workers-compatibility-date-current",
        [resource(SCRIPT, {"compatibilityDate": "2025-11-01"})],
        config={"earliest": "2025-01-01"},
    ),
    Case(
        "cloudflare-workers-compatibility-flags-reviewed",
        [resource(SCRIPT, {"compatibilityFlags": ["nodejs_compat", "unsafe_module"]})],
        "the compatibility flag unsafe_module is not reviewed",
        config={"flags": ["nodejs_compat"]},
    ),
    Case("cloudflare-workers-compatibility-flags-reviewed", [resource(SCRIPT, {"compatibilityFlags": []})]),
    Case(
        "cloudflare-workers-compatibility-flags-reviewed",
        [resource(SCRIPT, {"compatibilityFlags": ["nodejs_compat"]})],
        config={"flags": ["nodejs_compat"]},
    ),
    Case("cloudflare-workers-revocations-bound", [script(name="OTHER")], "no KV namespace is bound as ENTITLEMENTS"),
    Case("cloudflare-workers-revocations-bound", [script(type="json")], "no KV namespace is bound as ENTITLEMENTS"),
    Case(
        "cloudflare-workers-revocations-bound",
        [script(namespaceId="a"), function_with_variables(NAMESPACE_ID="b")],
        "the namespace a, which no function of the stack writes to",
    ),
    Case("cloudflare-workers-revocations-bound", [script(namespaceId="a"), function_with_variables(NAMESPACE_ID="a")]),
    *[
        Case("aws-lambda-triggers-enabled", [resource(token, {name: value})], says)
        for token, name, value, says in (
            (FUNCTION, "reservedConcurrentExecutions", 0, "no concurrent execution"),
            (MAPPING, "enabled", False, "is disabled"),
            (CLOCK, "state", "DISABLED", "state is DISABLED"),
            (CLOCK, "isEnabled", False, "isEnabled is false"),
        )
    ],
    Case(
        "aws-lambda-triggers-enabled",
        [resource(FUNCTION, {"reservedConcurrentExecutions": -1}), resource(MAPPING, {}), resource(CLOCK, {})],
    ),
    Case("aws-dynamodb-table-changes-followed", [STREAMED, mapping(enabled=False)], "no enabled event source mapping"),
    Case("aws-dynamodb-table-changes-followed", [STREAMED, mapping('{"pk": ["x"]}')], "leaves out changes of tokens"),
    Case("aws-dynamodb-table-changes-followed", [STREAMED, mapping(), resource(TABLE, {"streamEnabled": False})]),
    Case("aws-lambda-log-group-declared", [resource(FUNCTION, {"name": "f"})], "has no log group /aws/lambda/f"),
    Case(
        "aws-lambda-log-group-declared",
        [resource(FUNCTION, {"name": "f"}), resource(LOG_GROUP, {"name": "/aws/lambda/f"})],
    ),
    Case("gcp-run-follower-always-on", [follower(0)], "minInstanceCount is 0"),
    Case("gcp-run-follower-always-on", [follower(1), resource(SERVICE, {})]),
    *[
        Case("multi-function-environment-without-secrets", [function_with_variables(**{name: value})], says)
        for name, value, says in (
            ("STORE", "postgres://admin:x@db.example/a", "variable STORE seems to hold a URL with a password"),
            ("DSN", "host=db password=x", "variable DSN seems to hold a password"),
            ("API_TOKEN", "x", "variable API_TOKEN has the name of a secret"),
        )
    ],
    Case(
        "multi-function-environment-without-secrets",
        [function_with_variables(SECRET_ID="a/b", URL="https://a.example:80/@x")],
    ),
    *[
        Case(
            "multi-machine-identity-dedicated", [resource(SERVICE, {"template": template})], "a default service account"
        )
        for template in ({}, {"serviceAccount": "x@appspot.gserviceaccount.com"})
    ],
    Case("multi-machine-identity-dedicated", [resource(SERVICE, {"template": {"serviceAccount": "a@b"}})]),
    *[
        Case("gcp-compute-instance-startup-scripts-off", [resource(GCE, props)], says)
        for props, says in (
            ({"metadataStartupScript": "true"}, "metadataStartupScript is set"),
            ({"metadata": {"startup-script-url": "gs://a/b"}}, "the metadata has startup-script-url"),
        )
    ],
    Case("gcp-compute-instance-startup-scripts-off", [resource(GCE, {"metadata": {"user-data": "#cloud-config"}})]),
    Case(
        "multi-machine-not-interruptible",
        [resource(INSTANCE, {"instanceMarketOptions": {"marketType": "spot"}})],
        "its market type is spot",
    ),
    *[
        Case("multi-machine-not-interruptible", [resource(GCE, {"scheduling": scheduling})], says)
        for scheduling, says in (
            ({"preemptible": True}, "preemptible is true"),
            ({"provisioningModel": "SPOT"}, "provisioningModel is SPOT"),
            ({"automaticRestart": False}, "automaticRestart is false"),
        )
    ],
    Case("multi-machine-not-interruptible", [resource(INSTANCE, {}), resource(GCE, {})]),
    Case("multi-messaging-messages-kept", [resource(QUEUE, {})], "messages are kept for 345600 s, not for 14 days"),
    Case("multi-messaging-messages-kept", [resource(SUBSCRIPTION, {"messageRetentionDuration": "600s"})], "for 600 s"),
    Case(
        "multi-messaging-messages-kept",
        [
            resource(QUEUE, {"messageRetentionSeconds": 1_209_600}),
            resource(SUBSCRIPTION, {"messageRetentionDuration": "2678400s"}),
        ],
    ),
    Case("multi-messaging-messages-kept", [resource(SUBSCRIPTION, {})], config={"days": 7}),
    Case("gcp-pubsub-subscription-permanent", [resource(SUBSCRIPTION, {})], "it expires after 31 days"),
    Case(
        "gcp-pubsub-subscription-permanent",
        [resource(SUBSCRIPTION, {"expirationPolicy": {"ttl": "86400s"}})],
        "it expires after 86400s",
    ),
    Case("gcp-pubsub-subscription-permanent", [resource(SUBSCRIPTION, {"expirationPolicy": {"ttl": ""}})]),
    Case("gcp-pubsub-topic-subscribed", [resource(TOPIC, {"id": "t"})], "the topic has no subscription"),
    Case("gcp-pubsub-topic-subscribed", [resource(TOPIC, {"id": "t"}), resource(SUBSCRIPTION, {"topic": "t"})]),
    *[
        Case("multi-messaging-subscription-encrypted", [resource(token, props)], "http")
        for token, props in (
            (SNS_SUBSCRIPTION, {"protocol": "http", "endpoint": "http://a.example"}),
            (SUBSCRIPTION, {"pushConfig": {"pushEndpoint": "http://a.example"}}),
            (CHANNEL, {"labels": {"url": "http://a.example"}}),
        )
    ],
    Case(
        "multi-messaging-subscription-encrypted",
        [
            resource(SNS_SUBSCRIPTION, {"protocol": "email", "endpoint": "a@b.example"}),
            resource(SUBSCRIPTION, {"pushConfig": {"pushEndpoint": "https://a.example"}}),
            resource(CHANNEL, {"labels": {"email_address": "a@b.example"}}),
        ],
    ),
]
