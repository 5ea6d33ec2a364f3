"""Creates, reads, changes and deletes SQS queues for the emulated AWS provider. As in Pulumi's real AWS provider, the
Pulumi id of a queue is the queue's URL.
"""

from __future__ import annotations

import pulumi_aws as aws

from emulation.providers.aws.clients import tags_output
from emulation.providers.aws.described import Api, Described
from emulation.providers.handler import Handler, Properties

_SECONDS = {
    "messageRetentionSeconds": "MessageRetentionPeriod",
    "visibilityTimeoutSeconds": "VisibilityTimeout",
    "delaySeconds": "DelaySeconds",
    "receiveWaitTimeSeconds": "ReceiveMessageWaitTimeSeconds",
    "maxMessageSize": "MaximumMessageSize",
}
_TEXTS = {"policy": "Policy", "redrivePolicy": "RedrivePolicy", "kmsMasterKeyId": "KmsMasterKeyId"}
_SWITCHES = {"sqsManagedSseEnabled": "SqsManagedSseEnabled"}
_FIFO = {"fifoQueue": "FifoQueue", "contentBasedDeduplication": "ContentBasedDeduplication"}


def handlers() -> list[Handler]:
    """Returns the handlers with which the emulated Pulumi provider serves SQS queues."""
    return [
        Described(
            aws.sqs.Queue,
            "sqs",
            make=_make,
            describe=_describe,
            remove=_remove,
            change=_change,
            replace_on=frozenset({"name", "region", *_FIFO}),
        )
    ]


def _make(sqs: Api, inputs: Properties) -> str:
    fifo = {_FIFO[name]: str(inputs[name]).lower() for name in _FIFO if inputs.get(name)}
    made = sqs.create_queue(
        QueueName=inputs["name"], Attributes={**_attributes(inputs), **fifo}, tags=inputs.get("tags", {})
    )
    return made["QueueUrl"]


def _describe(sqs: Api, id: str, state: Properties) -> Properties | None:
    known = sqs.get_queue_attributes(QueueUrl=id, AttributeNames=["All"])["Attributes"]
    found: Properties = {"url": id, "arn": known["QueueArn"], "name": known["QueueArn"].rsplit(":", 1)[1]}
    found |= {name: int(known[key]) for name, key in _SECONDS.items() if name in state and key in known}
    found |= {name: known[key] for name, key in _TEXTS.items() if name in state and key in known}
    found |= {name: known.get(key) == "true" for name, key in _SWITCHES.items() if name in state}
    tags = sqs.list_queue_tags(QueueUrl=id).get("Tags", {})
    return {**found, **tags_output(tags, state)}


def _change(sqs: Api, id: str, old: Properties, new: Properties) -> None:
    sqs.set_queue_attributes(QueueUrl=id, Attributes=_attributes(new))
    gone = sorted(old.get("tags", {}).keys() - new.get("tags", {}).keys())
    if gone:
        sqs.untag_queue(QueueUrl=id, TagKeys=gone)
    if new.get("tags"):
        sqs.tag_queue(QueueUrl=id, Tags=new["tags"])


def _remove(sqs: Api, id: str, state: Properties) -> None:
    sqs.delete_queue(QueueUrl=id)


def _attributes(inputs: Properties) -> dict[str, str]:
    named = {**_SECONDS, **_TEXTS, **_SWITCHES}
    return {key: _text(inputs[name]) for name, key in named.items() if name in inputs}


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
