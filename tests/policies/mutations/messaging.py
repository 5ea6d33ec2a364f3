"""Changes that break queues and topics, each of which a policy must report."""

from __future__ import annotations

from tests.policies.mutations import Mutation
from tests.policies.mutations.changes import put, without

QUEUE = "aws:sqs/queue:Queue"
TOPIC = "aws:sns/topic:Topic"

MUTATIONS = [
    Mutation("aws-messaging-encrypted-at-rest", [QUEUE], "in the clear", put("sqsManagedSseEnabled", False)),
    Mutation("aws-messaging-encrypted-at-rest", [TOPIC], "no key", without("kmsMasterKeyId")),
]
