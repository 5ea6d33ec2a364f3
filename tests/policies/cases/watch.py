"""Cases of what is watched and written down."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pulumi_policy import PolicyResource
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE

from tests.policies.cases.parts import GCS_BUCKET, PRIMARY, REPLICA, Case, beside, bucket
from tests.policies.resources import resource

ALARM, TOPIC, QUEUE = "aws:cloudwatch/metricAlarm:MetricAlarm", "aws:sns/topic:Topic", "aws:sqs/queue:Queue"
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
TIERS = [resource(f"artifact-edge:{tier}:Any", {}, tier) for tier in ("dns", "shield", "keys")]
HEARD = resource(TOPIC, {"name": "alarms"})


def alarm(tier: str, **changes: Any) -> PolicyResource:
    return resource(ALARM, {"tags": {"tier": tier}, "alarmActions": [UNKNOWN_STRING_VALUE], **changes}, tier)


def dashboard(**rows: list[str]) -> PolicyResource:
    """With a row for each tier that shows those alarms, between widgets of other kinds."""
    widgets: list[Mapping[str, Any]] = [{"type": "text", "properties": {"markdown": "## shield"}}]
    widgets += [{"type": "alarm", "properties": {"title": f"{tier}: alarms", "alarms": a}} for tier, a in rows.items()]
    return resource("aws:cloudwatch/dashboard:Dashboard", {"dashboardBody": json.dumps({"widgets": widgets})})


def policy(tier: str, **changes: Any) -> PolicyResource:
    """An alarm on Google Cloud."""
    return resource("gcp:monitoring/alertPolicy:AlertPolicy", {"userLabels": {"tier": tier}, **changes}, tier)


def tiles(**rows: list[str]) -> PolicyResource:
    """The dashboard there, as above."""
    shown: list[Mapping[str, Any]] = [{"widget": {"text": {"content": "## shield"}}}]
    for tier, policies in rows.items():
        shown.append({"widget": {"title": f"{tier}: alarms", "incidentList": {"policyNames": policies}}})
    body = {"displayName": "x", "mosaicLayout": {"columns": 12, "tiles": shown}}
    return resource("gcp:monitoring/dashboard:Dashboard", {"dashboardJson": json.dumps(body)})


def subscription(to: PolicyResource) -> PolicyResource:
    token = "aws:sns/topicSubscription:TopicSubscription"
    return resource(token, {"topic": UNKNOWN_STRING_VALUE}, on={"topic": [to]})


def lock(**retention: Any) -> PolicyResource:
    rule = {"defaultRetention": {"mode": "GOVERNANCE", **retention}}
    return beside(PRIMARY, "BucketObjectLockConfiguration", {"objectLockEnabled": "Enabled", "rule": rule})


CASES = [
    Case(
        "tiers-watched",
        [*TIERS, alarm("dns"), dashboard(dns=["arn:a"], shield=["arn:b"])],
        "the tier shield has no alarm",
    ),
    Case(
        "tiers-watched",
        [*TIERS, alarm("dns"), alarm("shield"), dashboard(dns=["arn:a"])],
        "the tier shield has no row on a dashboard",
    ),
    Case(
        "tiers-watched",
        [*TIERS, alarm("dns"), alarm("shield"), dashboard(dns=["arn:a"], shield=[])],
        "the tier shield has no row on a dashboard",
    ),
    Case("tiers-watched", [*TIERS, alarm("dns"), alarm("shield")], "has no row on a dashboard", count=2),
    Case("tiers-watched", [*TIERS, alarm("dns"), alarm("shield"), dashboard(dns=["arn:a"], shield=["arn:b"])]),
    Case("tiers-watched", TIERS, config={"unwatched": ["dns", "shield", "keys"]}),
    Case("alarms-tell-somebody", [alarm("dns", actionsEnabled=False)], "its actions are off"),
    Case("alarms-tell-somebody", [resource(ALARM, {})], "it tells nobody"),
    Case("alarms-tell-somebody", [alarm("dns", alarmActions=[])], "it tells nobody"),
    Case("alarms-tell-somebody", [alarm("dns"), alarm("dns", alarmActions=["arn:x"])]),
    Case("tiers-watched", [*TIERS, alarm("dns"), policy("shield"), dashboard(dns=["arn:a"]), tiles(shield=["p"])]),
    Case(
        "tiers-watched",
        [*TIERS, alarm("dns"), policy("shield"), dashboard(dns=["arn:a"]), tiles(shield=[])],
        "the tier shield has no row on a dashboard",
    ),
    Case("alarms-tell-somebody", [policy("shield", enabled=False)], "it is off"),
    Case("alarms-tell-somebody", [policy("shield")]),
    Case("topics-heard", [policy("shield")], "it tells nobody"),
    Case("topics-heard", [policy("shield", notificationChannels=["projects/p/notificationChannels/1"])]),
    Case("topics-heard", [policy("shield")], config={"required": False}),
    Case("topics-heard", [HEARD], "nobody subscribes to it"),
    Case("topics-heard", [HEARD, subscription(resource(TOPIC, {}, "other"))], "nobody subscribes to it"),
    Case("topics-heard", [HEARD, subscription(HEARD)]),
    Case("topics-heard", [HEARD], config={"required": False}),
    Case("messages-encrypted", [HEARD], "no key encrypts its messages"),
    Case("messages-encrypted", [resource(QUEUE, {"sqsManagedSseEnabled": False})], "no key encrypts its messages"),
    Case(
        "messages-encrypted",
        [
            resource(TOPIC, {"kmsMasterKeyId": UNKNOWN_STRING_VALUE}),
            resource(QUEUE, {}),
            resource(QUEUE, {"sqsManagedSseEnabled": False, "kmsMasterKeyId": "alias/x"}),
        ],
    ),
    Case("bucket-access-logged", [PRIMARY], "its access is not logged"),
    Case(
        "bucket-access-logged",
        [PRIMARY, beside(PRIMARY, "BucketLogging", {"targetBucket": "of-another-account"})],
        "writes to no other bucket of the stack",
    ),
    Case(
        "bucket-access-logged",
        [PRIMARY, bucket("logs"), beside(PRIMARY, "BucketLogging", {"targetBucket": "logs"})],
    ),
    Case("bucket-locks-objects", [PRIMARY], "its objects can be erased at once"),
    Case("bucket-locks-objects", [PRIMARY, lock(days=6)], "locks them for 6 days"),
    Case("bucket-locks-objects", [PRIMARY, lock(days=7)], "locks them for 7 days", config={"days": 30}),
    Case("bucket-locks-objects", [PRIMARY, lock(days=7)]),
    Case("bucket-locks-objects", [PRIMARY, lock(years=1)]),
    Case("bucket-locks-objects", [PRIMARY, beside(REPLICA, "BucketLogging", {"targetBucket": "primary"})]),
    Case("bucket-locks-objects", [PRIMARY], config={"required": False}),
    Case("logs-kept-and-ended", [resource(LOG_GROUP, {})], "it keeps everything forever"),
    Case("logs-kept-and-ended", [resource(LOG_GROUP, {"retentionInDays": 1})], "it forgets after 1 days"),
    Case("logs-kept-and-ended", [resource(LOG_GROUP, {"retentionInDays": 30})]),
    Case("bucket-access-logged", [resource(GCS_BUCKET, {"name": "objects"})], "its access is not logged"),
    Case(
        "bucket-access-logged",
        [
            resource(GCS_BUCKET, {"name": "objects", "logging": {"logBucket": "logs"}}),
            resource(GCS_BUCKET, {"name": "logs"}),
        ],
    ),
]
