"""Mutations of queues and topics."""

from __future__ import annotations

from tests.policies.mutations import Mutation
from tests.policies.mutations.changes import put, without

QUEUE = "aws:sqs/queue:Queue"
TOPIC = "aws:sns/topic:Topic"

MUTATIONS = [
    Mutation("messages-encrypted", [QUEUE], "in the clear", put("sqsManagedSseEnabled", False)),
    Mutation("messages-encrypted", [TOPIC], "no key", without("kmsMasterKeyId")),
]
