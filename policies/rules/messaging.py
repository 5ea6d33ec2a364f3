"""Policies for queues and topics, which carry messages between functions and from alarms."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import Policy, ResourceValidationArgs, Severity

from policies.framework.controls import foundational
from policies.framework.declare import each_resource, given, kind

TOPIC = "aws:sns/topic:Topic"
QUEUE = "aws:sqs/queue:Queue"


@each_resource(
    "aws-messaging-encrypted-at-rest",
    "What waits in a queue or passes a topic is encrypted at rest.",
    of={TOPIC, QUEUE},
    severity=Severity.MEDIUM,
    control=foundational("SNS.1"),
    fix="Set kms_master_key_id; a queue may have sqs_managed_sse_enabled instead",
)
def messages_encrypted(args: ResourceValidationArgs) -> Iterator[str]:
    # SQS encrypts a queue with a managed key by default.
    managed = kind(args) == QUEUE and args.props.get("sqsManagedSseEnabled") is not False
    if not managed and not given(args.props, "kmsMasterKeyId"):
        yield "no key encrypts its messages"


POLICIES: list[Policy] = [messages_encrypted]
