"""Harmful changes to the DNS names, worker, functions, machines and messaging of a stack, such as a disabled schedule.
Tests make each change, and a policy must report it.
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
        Violation(
            "DNS: Cloudflare does not proxy the clients' hostname", proxied, "packages", RECORD, put("proxied", False)
        ),
        Violation(
            "DNS: the record does not say whether Cloudflare proxies the clients' hostname",
            proxied,
            "packages",
            RECORD,
            without("proxied"),
        ),
        Violation("DNS: the clients' hostname has no record", proxied, "packages", RECORD, remove),
        Violation(
            "DNS of a stack on Google Cloud: Cloudflare does not proxy the clients' hostname",
            proxied,
            "packages",
            RECORD,
            put("proxied", False),
            stack=GOOGLE,
        ),
        Violation(
            "DNS: the clients' hostname leads to an address outside the edge",
            "aws-route53-client-hostname-leads-to-edge",
            "198.51.100.1",
            ROUTE53,
            _to_another_address,
            lambda record: record.inputs["name"].startswith("packages."),
        ),
        *[
            Violation(
                f"worker: its compatibility date is {date}", current, date, SCRIPT, put("compatibilityDate", date)
            )
            for date in ("2021-11-01", "2024-02-30", "yesterday")
        ],
        Violation(
            "worker: it has no compatibility date",
            current,
            "no compatibility date",
            SCRIPT,
            without("compatibilityDate"),
        ),
        Violation(
            "worker: it has no binding of Workers KV",
            bound,
            "ENTITLEMENTS",
            SCRIPT,
            _bindings(lambda those: [each for each in those if each["type"] != "kv_namespace"]),
        ),
        Violation(
            "worker: its binding of Workers KV has another name",
            bound,
            "ENTITLEMENTS",
            SCRIPT,
            _bindings(
                lambda those: [{**each, "name": each["name"].replace("ENTITLEMENTS", "STORE")} for each in those]
            ),
        ),
        Violation(
            "worker: its binding of Workers KV leads to another namespace",
            bound,
            "namespace",
            SCRIPT,
            _bindings(
                lambda those: [{**each, "namespaceId": "0" * 32} if "namespaceId" in each else each for each in those]
            ),
        ),
        Violation(
            "worker: its binding ENTITLEMENTS is a plain text",
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
        return Violation(
            f"function: an environment variable holds {how}",
            url,
            says,
            FUNCTION,
            put(f"environment.variables.{name}", value),
        )

    def service_variable(how: str, name: str, value: str) -> Violation:
        def change(service: Registered) -> Sequence[Registered]:
            service.inputs["template"]["containers"][0]["envs"].append({"name": name, "value": value})
            return [service]

        return Violation(
            f"Cloud Run service: an environment variable holds {how}", url, text, SERVICE, change, stack=GOOGLE
        )

    return [
        Violation(
            "function: the event source mapping of the table's stream is disabled",
            enabled,
            "disabled",
            MAPPING,
            put("enabled", False),
        ),
        Violation("table: its stream has no event source mapping", followed, "no enabled", MAPPING, remove),
        Violation(
            "table: the event source mapping of its stream is disabled",
            followed,
            "no enabled",
            MAPPING,
            put("enabled", False),
        ),
        Violation(
            "table: the event source mapping reads the stream of another table",
            followed,
            "no enabled",
            MAPPING,
            put_only("eventSourceArn", "arn:aws:dynamodb:us-east-1:123456789012:table/x/stream/1"),
        ),
        Violation(
            "table: the event source mapping filters out changes of tokens",
            followed,
            "tokens",
            MAPPING,
            put("filterCriteria.filters.0.pattern", '{"dynamodb": {"Keys": {"pk": {"S": ["nothing"]}}}}'),
        ),
        Violation(
            "function: it may run no instance", enabled, "concurren", FUNCTION, put("reservedConcurrentExecutions", 0)
        ),
        Violation(
            "schedule: it is disabled by its property state", enabled, "DISABLED", CLOCK, put("state", "DISABLED")
        ),
        Violation(
            "schedule: it is disabled by its deprecated property isEnabled",
            enabled,
            "isEnabled",
            CLOCK,
            put("isEnabled", False),
        ),
        Violation("function: it has no log group", "aws-lambda-log-group-declared", "log group", LOG_GROUP, remove),
        Violation(
            "function: it logs to a log group outside the stack",
            "aws-lambda-log-group-declared",
            "elsewhere",
            FUNCTION,
            put("loggingConfig", {"logFormat": "Text", "logGroup": "elsewhere"}),
        ),
        function_variable("a database URL with a password", "STORE", "postgres://admin:hunter2@db.example/x"),
        function_variable("a cache URL with a password and no user", "CACHE", "redis://:hunter2@cache.example:6379/0"),
        function_variable("a queue URL with an encoded password", "QUEUE", "amqps://u:p%40ss@mq.example"),
        function_variable("connection parameters with a password", "DSN", "host=db user=app password=hunter2"),
        function_variable(
            "a URL with a password in the query", "JDBC", "jdbc:postgresql://db/x?user=app&password=hunter2"
        ),
        function_variable("a short secret, which only the variable's name shows", "API_TOKEN", "hunter2", "API_TOKEN"),
        service_variable("a database URL with a password", "DATABASE_URL", "postgresql://admin:hunter2@db.example/x"),
        Violation(
            "Cloud Run service: the follower may have no instance",
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
            "Cloud Run service: it names no service account",
            identity,
            "default",
            SERVICE,
            without("template.serviceAccount"),
            stack=GOOGLE,
        ),
        Violation(
            "Cloud Run service: it names the default service account of Compute Engine",
            identity,
            "default",
            SERVICE,
            put("template.serviceAccount", "123-compute@developer.gserviceaccount.com"),
            stack=GOOGLE,
        ),
        Violation(
            "Cloud Run service: it names the default service account of App Engine",
            identity,
            "default",
            SERVICE,
            put("template.serviceAccount", "artifact-edge-prod@appspot.gserviceaccount.com"),
            stack=GOOGLE,
        ),
        *[
            Violation(
                f"Google machine: its metadata has a {name}",
                script,
                name,
                GCE,
                put(f"metadata.{name}", "http://a.example/x.sh"),
            )
            for name in ("startup-script-url", "startup-script", "shutdown-script-url", "windows-startup-script-url")
        ],
        Violation(
            "Google machine: its property metadataStartupScript is set",
            script,
            "metadataStartupScript",
            GCE,
            put("metadataStartupScript", "true"),
        ),
        Violation(
            "Google machine of a stack on Google Cloud: its metadata has a startup-script-url",
            script,
            "startup-script-url",
            GCE,
            put("metadata.startup-script-url", "gs://a/b"),
            stack=GOOGLE,
        ),
        Violation(
            "EC2 machine: it is a spot instance",
            interrupted,
            "spot",
            EC2,
            put("instanceMarketOptions", {"marketType": "spot"}),
        ),
        Violation(
            "Google machine: it is preemptible",
            interrupted,
            "preempt",
            GCE,
            put("scheduling", {"preemptible": True, "automaticRestart": False}),
        ),
        Violation(
            "Google machine: it is provisioned as a Spot VM",
            interrupted,
            "SPOT",
            GCE,
            put("scheduling", {"provisioningModel": "SPOT"}),
        ),
        Violation(
            "Google machine: it ends after an hour",
            interrupted,
            "maxRunDuration",
            GCE,
            put("scheduling", {"maxRunDuration": {"seconds": 3600}}),
        ),
        Violation(
            "Google machine: Google does not restart it after a failure",
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
                f"messages: a dead-letter queue keeps messages for {seconds} s",
                kept,
                "kept",
                QUEUE,
                put("messageRetentionSeconds", seconds),
            )
            for seconds in (60, 345_600)
        ],
        Violation(
            "messages: a dead-letter queue keeps messages for the default time",
            kept,
            "kept",
            QUEUE,
            without("messageRetentionSeconds"),
        ),
        Violation(
            "messages: a subscription keeps messages for ten minutes",
            kept,
            "kept",
            SUBSCRIPTION,
            put("messageRetentionDuration", "600s"),
            stack=GOOGLE,
        ),
        Violation(
            "messages: a subscription keeps messages for the default time",
            kept,
            "kept",
            SUBSCRIPTION,
            without("messageRetentionDuration"),
            stack=GOOGLE,
        ),
        Violation(
            "messages: an unused subscription expires after a day",
            "gcp-pubsub-subscription-permanent",
            "expires",
            SUBSCRIPTION,
            put("expirationPolicy", {"ttl": "86400s"}),
            stack=GOOGLE,
        ),
        Violation(
            "messages: an unused subscription expires after the default time",
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
        Violation("messages: alarms go to a subscriber over plain HTTP", https, "http", email, put("protocol", "http")),
        Violation(
            "messages: a second subscriber gets alarms over plain HTTP",
            https,
            "http",
            TOPIC,
            add_resource(email, depends="topic", topic="x", protocol="http", endpoint="http://hook.example/"),
        ),
        Violation(
            "messages: a subscription pushes messages over plain HTTP",
            https,
            "http:",
            SUBSCRIPTION,
            put("pushConfig", {"pushEndpoint": "http://hook.example/"}),
            stack=GOOGLE,
        ),
        Violation(
            "messages: a notification channel gets alarms over plain HTTP",
            https,
            "http:",
            "gcp:monitoring/notificationChannel:NotificationChannel",
            put("labels", {"url": "http://hook.example/"}),
            stack=GOOGLE,
        ),
    ]


VIOLATIONS = [*edge(), *functions(), *machines(), *messages()]
