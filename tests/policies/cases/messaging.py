"""Test cases for the policies on queues and topics."""

from __future__ import annotations

from pulumi_policy.proxy import UNKNOWN_STRING_VALUE

from tests.policies.cases.parts import Case
from tests.policies.resources import resource

TOPIC = "aws:sns/topic:Topic"
QUEUE = "aws:sqs/queue:Queue"
SUBSCRIPTION = "aws:sns/topicSubscription:TopicSubscription"
HEARD = resource(TOPIC, {"name": "alarms"})

CASES = [
    Case("aws-messaging-encrypted-at-rest", [HEARD], "no key encrypts its messages"),
    Case(
        "aws-messaging-encrypted-at-rest",
        [resource(QUEUE, {"sqsManagedSseEnabled": False})],
        "no key encrypts its messages",
    ),
    Case(
        "aws-messaging-encrypted-at-rest",
        [
            resource(TOPIC, {"kmsMasterKeyId": UNKNOWN_STRING_VALUE}),
            resource(QUEUE, {}),
            resource(QUEUE, {"sqsManagedSseEnabled": False, "kmsMasterKeyId": "alias/x"}),
        ],
    ),
    *[
        Case(
            "aws-messaging-subscription-protocol-allowed",
            [resource(SUBSCRIPTION, {"protocol": protocol, "endpoint": "x"})],
            f"x gets messages by {protocol}",
        )
        for protocol in ("https", "http", "sms")
    ],
    Case(
        "aws-messaging-subscription-protocol-allowed",
        [resource(SUBSCRIPTION, {"protocol": "https", "endpoint": "x"})],
        config={"protocols": ["https"]},
    ),
    Case(
        "aws-messaging-subscription-protocol-allowed", [resource(SUBSCRIPTION, {"protocol": "email", "endpoint": "x"})]
    ),
]
