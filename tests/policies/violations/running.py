"""Harmful changes that switch off DNS names, workers, functions, machines or messages of a stack. Tests make each
change, and a policy must report it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tests.policies.mutations import Change
from tests.policies.mutations.changes import add_resource, put, put_only, remove, without
from tests.policies.violations import GOOGLE, Violation
from tests.support.harness import Registered

RECORD = "cloudflare:index/dnsRecord:DnsRecord"
ROUTE53 = "aws:route53/record:Record"
SCRIPT = "cloudflare:index/workersScript:WorkersScript"
MAPPING = "aws:lambda/eventSourceMapping:EventSourceMapping"
FUNCTION = "aws:lambda/function:Function"
CLOCK = "aws:cloudwatch/eventRule:EventRule"
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
SERVICE = "gcp:cloudrunv2/service:Service"
EC2 = "aws:ec2/instance:Instance"
GCE = "gcp:compute/instance:Instance"
QUEUE = "aws:sqs/queue:Queue"
TOPIC = "aws:sns/topic:Topic"
SUBSCRIPTION = "gcp:pubsub/subscription:Subscription"
TABLE = "aws:dynamodb/table:Table"


def _bindings(edit: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> Change:
    def change(script: Registered) -> Sequence[Registered]:
        return put("bindings", edit(script.inputs["bindings"]))(script)

    return change


def edge() -> list[Violation]:
    proxied, current = "cloudflare-dns-client-hostname-proxied", "cloudflare-workers-compatibility-date-current"
    bound = "cloudflare-workers-revocations-bound"
    return [
        Violation("edge: the clients' name is not proxied", proxied, "packages", RECORD, put("proxied", False)),
        Violation(
            "edge: whether the clients' name is proxied is left out", proxied, "packages", RECORD, without("proxied")
        ),
        Violation("edge: the clients' name has no record", proxied, "packages", RECORD, remove),
        Violation(
            "edge: the clients' name is not proxied, on Google",
            proxied,
            "packages",
            RECORD,
            put("proxied", False),
            stack=GOOGLE,
        ),
        Violation(
            "edge: the clients' name leads past the edge",
            "aws-route53-client-hostname-leads-to-edge",
            "198.51.100.1",
            ROUTE53,
            _to_another_address,
            lambda record: record.inputs["name"].startswith("packages."),
        ),
        *[
            Violation(f"edge: compatibility date {date}", current, date, SCRIPT, put("compatibilityDate", date))
            for date in ("2021-11-01", "2024-02-30", "yesterday")
        ],
        Violation(
            "edge: no compatibility date", current, "no compatibility date", SCRIPT, without("compatibilityDate")
        ),
        Violation(
            "edge: no KV binding",
            bound,
            "ENTITLEMENTS",
            SCRIPT,
            _bindings(lambda those: [each for each in those if each["type"] != "kv_namespace"]),
        ),
        Violation(
            "edge: the KV binding has another name",
            bound,
            "ENTITLEMENTS",
            SCRIPT,
            _bindings(
                lambda those: [{**each, "name": each["name"].replace("ENTITLEMENTS", "STORE")} for each in those]
            ),
        ),
        Violation(
            "edge: the KV binding leads to another namespace",
            bound,
            "namespace",
            SCRIPT,
            _bindings(
                lambda those: [{**each, "namespaceId": "0" * 32} if "namespaceId" in each else each for each in those]
            ),
        ),
        Violation(
            "edge: the store is a plain text",
            bound,
            "ENTITLEMENTS",
            SCRIPT,
            _bindings(
                lambda those: [
                    {"name": "ENTITLEMENTS", "type": "plain_text", "text": "{}"} if "namespaceId" in each else each
                    for each in those
                ]
            ),
        ),
    ]


def _to_another_address(record: Registered) -> Sequence[Registered]:
    record.inputs.update(type="A", records=["198.51.100.1"])
    return [record]


def functions() -> list[Violation]:
    enabled, followed = "aws-lambda-triggers-enabled", "aws-dynamodb-table-changes-followed"
    url, text = "multi-function-environment-without-secrets", "password"

    def function_variable(how: str, name: str, value: str, says: str = text) -> Violation:
        return Violation(f"function: knows {how}", url, says, FUNCTION, put(f"environment.variables.{name}", value))

    def service_variable(how: str, name: str, value: str) -> Violation:
        def change(service: Registered) -> Sequence[Registered]:
            service.inputs["template"]["containers"][0]["envs"].append({"name": name, "value": value})
            return [service]

        return Violation(f"service: knows {how}", url, text, SERVICE, change, stack=GOOGLE)

    return [
        Violation("function: the stream's mapping is disabled", enabled, "disabled", MAPPING, put("enabled", False)),
        Violation("function: the stream has no mapping", followed, "no enabled", MAPPING, remove),
        Violation(
            "function: the stream's mapping is disabled, seen from the table",
            followed,
            "no enabled",
            MAPPING,
            put("enabled", False),
        ),
        Violation(
            "function: the mapping reads another stream",
            followed,
            "no enabled",
            MAPPING,
            put_only("eventSourceArn", "arn:aws:dynamodb:us-east-1:123456789012:table/x/stream/1"),
        ),
        Violation(
            "function: the mapping filters revocations out",
            followed,
            "tokens",
            MAPPING,
            put("filterCriteria.filters.0.pattern", '{"dynamodb": {"Keys": {"pk": {"S": ["nothing"]}}}}'),
        ),
        Violation(
            "function: no instance may run", enabled, "concurren", FUNCTION, put("reservedConcurrentExecutions", 0)
        ),
        Violation("function: the clock is stopped", enabled, "DISABLED", CLOCK, put("state", "DISABLED")),
        Violation(
            "function: the clock is stopped by its old switch", enabled, "isEnabled", CLOCK, put("isEnabled", False)
        ),
        Violation("function: has no log group", "aws-lambda-log-group-declared", "log group", LOG_GROUP, remove),
        Violation(
            "function: logs to a group that is not of the stack",
            "aws-lambda-log-group-declared",
            "elsewhere",
            FUNCTION,
            put("loggingConfig", {"logFormat": "Text", "logGroup": "elsewhere"}),
        ),
        function_variable("a database's URL", "STORE", "postgres://admin:hunter2@db.example/x"),
        function_variable("a cache's URL without a user", "CACHE", "redis://:hunter2@cache.example:6379/0"),
        function_variable("a queue's URL with an encoded password", "QUEUE", "amqps://u:p%40ss@mq.example"),
        function_variable("a connection's parameters", "DSN", "host=db user=app password=hunter2"),
        function_variable("a password in a query", "JDBC", "jdbc:postgresql://db/x?user=app&password=hunter2"),
        function_variable("a short secret by its name", "API_TOKEN", "hunter2", "API_TOKEN"),
        service_variable("a database's URL", "DATABASE_URL", "postgresql://admin:hunter2@db.example/x"),
        Violation(
            "service: the follower may stop",
            "gcp-run-follower-always-on",
            "minInstanceCount",
            SERVICE,
            put("template.scaling.minInstanceCount", 0),
            lambda service: service.name == "entitlements",
            GOOGLE,
        ),
    ]


def machines() -> list[Violation]:
    identity, interrupted = "multi-machine-identity-dedicated", "multi-machine-not-interruptible"
    script = "gcp-compute-instance-startup-scripts-off"
    return [
        Violation(
            "service: runs as the default account",
            identity,
            "default",
            SERVICE,
            without("template.serviceAccount"),
            stack=GOOGLE,
        ),
        Violation(
            "service: runs as the default account by name",
            identity,
            "default",
            SERVICE,
            put("template.serviceAccount", "123-compute@developer.gserviceaccount.com"),
            stack=GOOGLE,
        ),
        Violation(
            "service: runs as App Engine's account",
            identity,
            "default",
            SERVICE,
            put("template.serviceAccount", "artifact-edge-prod@appspot.gserviceaccount.com"),
            stack=GOOGLE,
        ),
        *[
            Violation(
                f"machine: {name} in metadata", script, name, GCE, put(f"metadata.{name}", "http://a.example/x.sh")
            )
            for name in ("startup-script-url", "startup-script", "shutdown-script-url", "windows-startup-script-url")
        ],
        Violation(
            "machine: a startup script", script, "metadataStartupScript", GCE, put("metadataStartupScript", "true")
        ),
        Violation(
            "machine: a startup script by URL, on Google",
            script,
            "startup-script-url",
            GCE,
            put("metadata.startup-script-url", "gs://a/b"),
            stack=GOOGLE,
        ),
        Violation("machine: spot", interrupted, "spot", EC2, put("instanceMarketOptions", {"marketType": "spot"})),
        Violation(
            "machine: preemptible",
            interrupted,
            "preempt",
            GCE,
            put("scheduling", {"preemptible": True, "automaticRestart": False}),
        ),
        Violation(
            "machine: provisioned as spot", interrupted, "SPOT", GCE, put("scheduling", {"provisioningModel": "SPOT"})
        ),
        Violation(
            "machine: ends by itself",
            interrupted,
            "maxRunDuration",
            GCE,
            put("scheduling", {"maxRunDuration": {"seconds": 3600}}),
        ),
        Violation(
            "machine: not restarted",
            interrupted,
            "automaticRestart",
            GCE,
            put("scheduling", {"automaticRestart": False}),
            stack=GOOGLE,
        ),
    ]


def messages() -> list[Violation]:
    kept, https = "multi-messaging-messages-kept", "multi-messaging-subscription-encrypted"
    email = "aws:sns/topicSubscription:TopicSubscription"
    return [
        *[
            Violation(
                f"messages: dead letters are kept for {seconds} s",
                kept,
                "kept",
                QUEUE,
                put("messageRetentionSeconds", seconds),
            )
            for seconds in (60, 345_600)
        ],
        Violation(
            "messages: dead letters are kept for the default time",
            kept,
            "kept",
            QUEUE,
            without("messageRetentionSeconds"),
        ),
        Violation(
            "messages: a subscription keeps minutes",
            kept,
            "kept",
            SUBSCRIPTION,
            put("messageRetentionDuration", "600s"),
            stack=GOOGLE,
        ),
        Violation(
            "messages: a subscription keeps its default",
            kept,
            "kept",
            SUBSCRIPTION,
            without("messageRetentionDuration"),
            stack=GOOGLE,
        ),
        Violation(
            "messages: a subscription expires",
            "gcp-pubsub-subscription-permanent",
            "expires",
            SUBSCRIPTION,
            put("expirationPolicy", {"ttl": "86400s"}),
            stack=GOOGLE,
        ),
        Violation(
            "messages: a subscription expires by default",
            "gcp-pubsub-subscription-permanent",
            "expires",
            SUBSCRIPTION,
            without("expirationPolicy"),
            stack=GOOGLE,
        ),
        Violation(
            "messages: a topic has no subscription",
            "gcp-pubsub-topic-subscribed",
            "no subscription",
            SUBSCRIPTION,
            remove,
            stack=GOOGLE,
        ),
        Violation("messages: alarms go to a plain URL", https, "http", email, put("protocol", "http")),
        Violation(
            "messages: another subscriber takes plain http",
            https,
            "http",
            TOPIC,
            add_resource(email, depends="topic", topic="x", protocol="http", endpoint="http://hook.example/"),
        ),
        Violation(
            "messages: are pushed by plain http",
            https,
            "http:",
            SUBSCRIPTION,
            put("pushConfig", {"pushEndpoint": "http://hook.example/"}),
            stack=GOOGLE,
        ),
        Violation(
            "messages: alarms on Google go to a plain URL",
            https,
            "http:",
            "gcp:monitoring/notificationChannel:NotificationChannel",
            put("labels", {"url": "http://hook.example/"}),
            stack=GOOGLE,
        ),
    ]


VIOLATIONS = [*edge(), *functions(), *machines(), *messages()]
