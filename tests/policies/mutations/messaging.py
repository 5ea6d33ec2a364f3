"""Harmful changes to the queues and topics of a stack. Tests make each change, and a policy must report it."""

from __future__ import annotations

from tests.policies.mutations import Mutation
from tests.policies.mutations.changes import put, without

QUEUE = "aws:sqs/queue:Queue"
TOPIC = "aws:sns/topic:Topic"

MUTATIONS = [
    Mutation(
        "aws-messaging-encrypted-at-rest", [QUEUE], "a queue is not encrypted", put("sqsManagedSseEnabled", False)
    ),
    Mutation(
        "aws-messaging-encrypted-at-rest", [TOPIC], "an SNS topic has no encryption key", without("kmsMasterKeyId")
    ),
    Mutation(
        "aws-messaging-subscription-protocol-allowed",
        ["aws:sns/topicSubscription:TopicSubscription"],
        "a text message",
        put("protocol", "sms"),
    ),
]
