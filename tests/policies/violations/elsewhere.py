"""Harmful changes to a stack. Examples are keys of other accounts, weaker WAF rules, weaker health checks, and new
receivers of alarms. A test makes each change, and asserts that a policy reports the change.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tests.policies.mutations import Change
from tests.policies.mutations.changes import add_resource, put, put_only
from tests.policies.violations import GOOGLE, Violation
from tests.support.harness import Registered

_OWN = "multi-resource-references-in-own-accounts"
_CODE = "multi-function-code-from-program"
_RULES = "cloudflare-rulesets-rules-effective"
_CHECKED = "aws-route53-health-check-as-clients-connect"
_INLINE = "multi-bucket-without-inline-settings"
_IPV4 = "multi-network-ipv4-only"
_PROTOCOL = "aws-messaging-subscription-protocol-allowed"

_STRANGER = "999999999999"
_KEY = f"arn:aws:kms:us-east-1:{_STRANGER}:key/mrk-1"
_GOOGLE_KEY = "projects/stranger/locations/us/keyRings/r/cryptoKeys/k"
_BUCKET, _GCS = "aws:s3/bucket:Bucket", "gcp:storage/bucket:Bucket"
_FUNCTION, _SERVICE = "aws:lambda/function:Function", "gcp:cloudrunv2/service:Service"
_CHECK = "aws:route53/healthCheck:HealthCheck"
_RULESET = "cloudflare:index/ruleset:Ruleset"
_RECORD = "aws:route53/record:Record"
_ROUTE = "aws:ec2/route:Route"
_ENCRYPTION = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
_SUBSCRIPTION = "aws:sns/topicSubscription:TopicSubscription"
_REPLICA_KEY = "rules.0.destination.encryptionConfiguration.replicaKmsKeyId"
_CERTIFICATE = f"arn:aws:acm:us-east-1:{_STRANGER}:certificate/x"
_DEAD = {"onFailure": {"destinationArn": f"arn:aws:sqs:us-east-1:{_STRANGER}:q"}}
_SKIP = {"action": "skip", "enabled": True, "description": "added"}
_DEBUG = 'http.request.headers["x-debug"][0] eq "1"'


def _named(name: str) -> Callable[[Registered], bool]:
    return lambda resource: resource.name == name


def _added_rule(**rule: Any) -> Change:
    """Returns a change to a ruleset. The change adds the given rule before the ruleset's own rules."""

    def change(ruleset: Registered) -> Sequence[Registered]:
        return put("rules", [rule, *ruleset.inputs["rules"]])(ruleset)

    return change


def _set(**inputs: Any) -> Change:
    """Returns a change that sets several properties of a resource."""

    def change(broken: Registered) -> Sequence[Registered]:
        broken.inputs.update(inputs)
        return [broken]

    return change


def owners() -> list[Violation]:
    aws: list[tuple[str, str, Change]] = [
        (
            "replicas under a key of another account",
            "aws:s3/bucketReplicationConfig:BucketReplicationConfig",
            put(_REPLICA_KEY, _KEY),
        ),
        (
            "objects under a key of another account",
            _ENCRYPTION,
            put_only("rules", [{"applyServerSideEncryptionByDefault": {"kmsMasterKeyId": _KEY}}]),
        ),
        ("a copy of another account's key", "aws:kms/replicaKey:ReplicaKey", put_only("primaryKeyArn", _KEY)),
        ("the key's alias leads to another account's key", "aws:kms/alias:Alias", put_only("targetKeyId", _KEY)),
        (
            "a replica of the table under another account's key",
            "aws:dynamodb/table:Table",
            put("replicas.0.kmsKeyArn", _KEY),
        ),
        ("a root disk under another account's key", "aws:ec2/instance:Instance", put("rootBlockDevice.kmsKeyId", _KEY)),
        (
            "failed events go to another account",
            "aws:lambda/eventSourceMapping:EventSourceMapping",
            put_only("destinationConfig", _DEAD),
        ),
        ("a certificate of another account", "aws:ssm/parameter:Parameter", put_only("value", _CERTIFICATE)),
    ]
    google: list[tuple[str, str, Change]] = [
        ("objects under another project's key", _GCS, put("encryption", {"defaultKmsKeyName": _GOOGLE_KEY})),
        (
            "a database under another project's key",
            "gcp:spanner/database:Database",
            put("encryptionConfig", {"kmsKeyName": _GOOGLE_KEY}),
        ),
        (
            "a machine from another project's image",
            "gcp:compute/instance:Instance",
            put("bootDisk.initializeParams.image", "projects/stranger/global/images/x"),
        ),
        (
            "a service as another project's account",
            _SERVICE,
            put("template.serviceAccount", "x@stranger.iam.gserviceaccount.com"),
        ),
    ]
    return [
        *(Violation(how, _OWN, f"belongs to {_STRANGER}", of, change) for how, of, change in aws),
        *(Violation(how, _OWN, "belongs to stranger", of, change, stack=GOOGLE) for how, of, change in google),
    ]


def code() -> list[Violation]:
    layer = f"arn:aws:lambda:us-east-1:{_STRANGER}:layer:x:1"
    image = f"{_STRANGER}.dkr.ecr.us-east-1.amazonaws.com/x:latest"
    return [
        Violation("function: a layer of another account", _CODE, "layers", _FUNCTION, put("layers", [layer])),
        Violation("function: code from a bucket", _CODE, "s3Bucket", _FUNCTION, put("s3Bucket", "stranger")),
        Violation("function: an image", _CODE, "imageUri", _FUNCTION, put("imageUri", image)),
        Violation(
            "function: calls go to another endpoint",
            _CODE,
            "AWS_ENDPOINT_URL",
            _FUNCTION,
            put("environment.variables.AWS_ENDPOINT_URL", "http://stranger.example"),
        ),
        Violation(
            "service: the newest image of a public registry",
            _CODE,
            "docker.io/stranger/x:latest",
            _SERVICE,
            put("template.containers.0.image", "docker.io/stranger/x:latest"),
            stack=GOOGLE,
        ),
        Violation(
            "service: calls go to another endpoint",
            _CODE,
            "AWS_ENDPOINT_URL",
            _SERVICE,
            put("template.containers.0.envs.0.name", "AWS_ENDPOINT_URL"),
            stack=GOOGLE,
        ),
    ]


def rules() -> list[Violation]:
    custom, limits = _named("http_request_firewall_custom"), _named("http_ratelimit")
    current = {"ruleset": "current"}
    phases = {"phases": ["http_ratelimit", "http_request_firewall_managed"]}
    in_custom: list[tuple[str, str, Change]] = [
        ("skipped for all", "skips ruleset", _added_rule(**_SKIP, expression="true", actionParameters=current)),
        ("skipped for a header", "skips ruleset", _added_rule(**_SKIP, expression=_DEBUG, actionParameters=current)),
        ("no rate limit", "skips http_ratelimit", _added_rule(**_SKIP, expression=_DEBUG, actionParameters=phases)),
        ("the exemption from challenges for all", "for all requests", put("rules.0.expression", "true")),
        ("everyone blocked", "for all requests", _added_rule(action="block", enabled=True, expression="true")),
        ("a rule disabled", "is disabled", put("rules.1.enabled", False)),
    ]
    in_limits: list[tuple[str, str, Change]] = [
        ("a rate limit of a billion", "requests a second pass", put("rules.0.ratelimit.requestsPerPeriod", 1e9)),
        ("a rate limit for no request", "for none", put("rules.0.expression", "false")),
        (
            "a rate limit for all addresses together",
            "all addresses together",
            put("rules.0.ratelimit.characteristics", ["cf.colo.id"]),
        ),
    ]
    return [
        *(Violation(f"WAF: {how}", _RULES, says, _RULESET, change, custom) for how, says, change in in_custom),
        *(Violation(f"WAF: {how}", _RULES, says, _RULESET, change, limits) for how, says, change in in_limits),
    ]


def ways_in() -> list[Violation]:
    edge = _named("edge")
    route = add_resource(_ROUTE, routeTableId="rtb-1", destinationIpv6CidrBlock="::/0", gatewayId="igw-1")
    interface = "networkInterfaces.0.ipv6AccessConfigs"
    mirror = {"role": "x", "rules": [{"status": "Enabled", "destination": {"bucket": "arn:aws:s3:::stranger"}}]}
    return [
        Violation("health check: plain text", _CHECKED, "over TLS", _CHECK, _set(type="HTTP", port=80), edge),
        Violation("health check: no hostname in TLS", _CHECKED, "over TLS", _CHECK, put("enableSni", False), edge),
        Violation("health check: any answer", _CHECKED, "over TLS", _CHECK, put("type", "HTTPS_STR_MATCH"), edge),
        Violation("health check: another host", _CHECKED, "no hostname", _CHECK, put("fqdn", "example.com"), edge),
        Violation("health check: one region", _CHECKED, "only us-east-1", _CHECK, put("regions", ["us-east-1"]), edge),
        Violation(
            "DNS: the shields' names are delegated",
            "aws-route53-record-not-delegated",
            "shield.artifact-edge.example is delegated",
            _RECORD,
            add_resource(
                _RECORD, name="shield.artifact-edge.example", type="NS", ttl=60, records=["ns.stranger.example"]
            ),
        ),
        Violation(
            "service: anyone may send it changes",
            "multi-function-callers-named",
            "not ask IAM",
            _SERVICE,
            put("invokerIamDisabled", True),
            _named("entitlements"),
            GOOGLE,
        ),
        Violation("machine: an IPv6 address", _IPV4, "ipv6", "aws:ec2/instance:Instance", put("ipv6AddressCount", 1)),
        Violation("network: a route of IPv6", _IPV4, "destinationIpv6CidrBlock", _ROUTE, route),
        Violation(
            "machine: an IPv6 address",
            _IPV4,
            "IPv6",
            "gcp:compute/instance:Instance",
            put(interface, [{"networkTier": "PREMIUM"}]),
            stack=GOOGLE,
        ),
        Violation(
            "network: IPv6 addresses",
            _IPV4,
            "IPv6",
            "gcp:compute/subnetwork:Subnetwork",
            put("stackType", "IPV4_IPV6"),
            stack=GOOGLE,
        ),
        Violation("bucket: any web page", _INLINE, "corsRules", _BUCKET, put("corsRules", [{"allowedOrigins": ["*"]}])),
        Violation("bucket: readers pay", _INLINE, "requestPayer", _BUCKET, put("requestPayer", "Requester")),
        Violation("bucket: no versions", _INLINE, "versioning", _BUCKET, put("versioning", {"enabled": False})),
        Violation(
            "bucket: a copy for others",
            _INLINE,
            "replicationConfiguration",
            _BUCKET,
            put("replicationConfiguration", mirror),
        ),
        Violation("bucket: any web page", _INLINE, "cors", _GCS, put("cors", [{"origins": ["*"]}]), stack=GOOGLE),
        Violation("bucket: readers pay", _INLINE, "requesterPays", _GCS, put("requesterPays", True), stack=GOOGLE),
        Violation("bucket: a website", _INLINE, "website", _GCS, put("website", {"notFoundPage": "x"}), stack=GOOGLE),
        Violation(
            "alarms: to a server of others",
            _PROTOCOL,
            "by https",
            _SUBSCRIPTION,
            _set(protocol="https", endpoint="https://stranger.example"),
        ),
        Violation("alarms: to a telephone", _PROTOCOL, "by sms", _SUBSCRIPTION, _set(protocol="sms", endpoint="+1555")),
    ]


VIOLATIONS: list[Violation] = [*owners(), *code(), *rules(), *ways_in()]
