"""Changes to event sources, schedules, message delivery and the worker's resources, each of which a policy must
report.
"""

from __future__ import annotations

import json

from tests.policies.mutations import Mutation
from tests.policies.mutations.changes import put, put_only, remove, statements

CHANGED_TTL = {"enabled": True, "attributeName": "published"}
TARGET = "aws:cloudwatch/eventTarget:EventTarget"
SCRIPT = "cloudflare:index/workersScript:WorkersScript"
EVERYBODY_FROM = [
    {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "*",
        "Resource": "*",
        "Condition": {"StringEquals": {"aws:SourceVpce": "vpce-0123456789abcdef0"}},
    }
]

MUTATIONS = [
    Mutation(
        "aws-lambda-changes-delivered-promptly",
        ["aws:lambda/eventSourceMapping:EventSourceMapping"],
        "no retries",
        put("maximumRetryAttempts", 0),
    ),
    Mutation(
        "aws-cloudwatch-schedule-invokes-function",
        ["aws:cloudwatch/eventRule:EventRule"],
        "once a year",
        put("scheduleExpression", "rate(365 days)"),
    ),
    Mutation("aws-cloudwatch-schedule-invokes-function", [TARGET], "gone", remove),
    Mutation(
        "multi-messaging-delivered-inside",
        ["aws:sns/topicSubscription:TopicSubscription"],
        "another account",
        put("endpoint", "arn:aws:sqs:us-east-1:210987654321:x"),
    ),
    Mutation(
        "multi-messaging-delivered-inside", ["gcp:pubsub/subscription:Subscription"], "a filter", put("filter", "x")
    ),
    Mutation(
        "multi-database-expired-items-removed",
        ["aws:dynamodb/table:Table"],
        "another attribute",
        put("ttl", CHANGED_TTL),
    ),
    Mutation("multi-database-expired-items-removed", ["gcp:spanner/database:Database"], "no TTL", put("ddls", [])),
    Mutation(
        "aws-cloudwatch-alarm-in-region", ["aws:cloudwatch/metricAlarm:MetricAlarm"], "a unit", put("unit", "Gigabytes")
    ),
    Mutation(
        "aws-sns-topic-lets-alarms-publish",
        ["aws:sns/topicPolicy:TopicPolicy"],
        "denials only",
        statements("policy", lambda those: [each for each in those if each["Effect"] == "Deny"]),
        lambda policy: policy.name == "us-east-1",
    ),
    Mutation(
        "aws-sns-topic-lets-alarms-publish",
        ["aws:sns/topic:Topic"],
        "nobody, inline",
        put("policy", '{"Statement": []}'),
    ),
    Mutation(
        "gcp-monitoring-condition-effective",
        ["gcp:monitoring/alertPolicy:AlertPolicy"],
        "many series",
        put("conditions.0.conditionThreshold.trigger", {"count": 1000}),
    ),
    Mutation(
        "cloudflare-workers-authorization-not-cached",
        [SCRIPT],
        "a cache",
        put("exports.default.cache", {"enabled": True}),
    ),
    Mutation(
        "cloudflare-workers-api-of-stack",
        [SCRIPT],
        "another API",
        put_only("bindings", [{"name": "METADATA_API", "type": "plain_text", "text": "https://other.example/"}]),
    ),
    Mutation(
        "cloudflare-workers-route-has-worker",
        ["cloudflare:index/workersRoute:WorkersRoute"],
        "another worker",
        put_only("script", "other"),
    ),
    Mutation(
        "cloudflare-zone-hostname-unchanged",
        ["cloudflare:index/customHostname:CustomHostname"],
        "an origin",
        put("customOriginServer", "other.example"),
    ),
    Mutation(
        "cloudflare-zone-settings-known",
        ["cloudflare:index/zoneSetting:ZoneSetting"],
        "another setting",
        put("settingId", "0rtt"),
    ),
    Mutation(
        "aws-iam-networks-of-stack",
        [
            "aws:kms/key:Key",
            "aws:kms/replicaKey:ReplicaKey",
            "aws:s3/bucketPolicy:BucketPolicy",
            "aws:sns/topicPolicy:TopicPolicy",
        ],
        "another network",
        statements("policy", lambda those: [*those, *EVERYBODY_FROM]),
    ),
    Mutation(
        "aws-iam-networks-of-stack",
        ["aws:s3/bucket:Bucket", "aws:sqs/queue:Queue", "aws:sns/topic:Topic"],
        "another network, inline",
        put("policy", json.dumps({"Statement": EVERYBODY_FROM})),
    ),
]
