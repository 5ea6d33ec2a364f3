"""Harmful changes to event sources, schedules, message delivery and the worker's resources. Tests make each change, and
a policy must report it.
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
        "an event source mapping does not retry failed changes",
        put("maximumRetryAttempts", 0),
    ),
    Mutation(
        "aws-cloudwatch-schedule-invokes-function",
        ["aws:cloudwatch/eventRule:EventRule"],
        "a schedule invokes its function once a year",
        put("scheduleExpression", "rate(365 days)"),
    ),
    Mutation("aws-cloudwatch-schedule-invokes-function", [TARGET], "a schedule has no target", remove),
    Mutation(
        "multi-messaging-delivered-inside",
        ["aws:sns/topicSubscription:TopicSubscription"],
        "an SNS topic sends its messages to another account",
        put("endpoint", "arn:aws:sqs:us-east-1:210987654321:x"),
    ),
    Mutation(
        "multi-messaging-delivered-inside",
        ["gcp:pubsub/subscription:Subscription"],
        "a Pub/Sub subscription filters messages out",
        put("filter", "x"),
    ),
    Mutation(
        "multi-database-expired-items-removed",
        ["aws:dynamodb/table:Table"],
        "the table removes items by the wrong TTL attribute",
        put("ttl", CHANGED_TTL),
    ),
    Mutation(
        "multi-database-expired-items-removed",
        ["gcp:spanner/database:Database"],
        "the Spanner database does not remove expired rows",
        put("ddls", []),
    ),
    Mutation(
        "aws-cloudwatch-alarm-in-region",
        ["aws:cloudwatch/metricAlarm:MetricAlarm"],
        "an alarm expects a unit that its metric does not have",
        put("unit", "Gigabytes"),
    ),
    Mutation(
        "aws-sns-topic-lets-alarms-publish",
        ["aws:sns/topicPolicy:TopicPolicy"],
        "a topic policy contains only deny statements",
        statements("policy", lambda those: [each for each in those if each["Effect"] == "Deny"]),
        lambda policy: policy.name == "us-east-1",
    ),
    Mutation(
        "aws-sns-topic-lets-alarms-publish",
        ["aws:sns/topic:Topic"],
        "a topic's inline policy allows no one to publish",
        put("policy", '{"Statement": []}'),
    ),
    Mutation(
        "gcp-monitoring-condition-effective",
        ["gcp:monitoring/alertPolicy:AlertPolicy"],
        "an alert policy needs 1,000 bad time series to open an incident",
        put("conditions.0.conditionThreshold.trigger", {"count": 1000}),
    ),
    Mutation(
        "cloudflare-workers-authorization-not-cached",
        [SCRIPT],
        "Workers Cache stores responses of the entrypoint that authorizes clients",
        put("exports.default.cache", {"enabled": True}),
    ),
    Mutation(
        "cloudflare-workers-api-of-stack",
        [SCRIPT],
        "the edge worker queries a metadata API outside of the stack",
        put_only("bindings", [{"name": "METADATA_API", "type": "plain_text", "text": "https://other.example/"}]),
    ),
    Mutation(
        "cloudflare-workers-route-has-worker",
        ["cloudflare:index/workersRoute:WorkersRoute"],
        "a worker route leads to another worker",
        put_only("script", "other"),
    ),
    Mutation(
        "cloudflare-zone-hostname-unchanged",
        ["cloudflare:index/customHostname:CustomHostname"],
        "the clients' custom hostname has an origin server of its own",
        put("customOriginServer", "other.example"),
    ),
    Mutation(
        "cloudflare-zone-settings-known",
        ["cloudflare:index/zoneSetting:ZoneSetting"],
        "the zone has the setting 0rtt, which the project does not use",
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
        "a resource policy allows all principals of another VPC endpoint",
        statements("policy", lambda those: [*those, *EVERYBODY_FROM]),
    ),
    Mutation(
        "aws-iam-networks-of-stack",
        ["aws:s3/bucket:Bucket", "aws:sqs/queue:Queue", "aws:sns/topic:Topic"],
        "an inline resource policy allows all principals of another VPC endpoint",
        put("policy", json.dumps({"Statement": EVERYBODY_FROM})),
    ),
]
