"""Lambda function that copies changes of token records from the stream of a DynamoDB table to the edge.

A malformed record goes to the dead-letter queue at once, because a retry cannot help, and the other records continue.
If the edge does not answer, Lambda retries all records in order, until they are too old.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from contract.entitlements import read_change
from contract.tokens import MalformedRecord, Record
from registry.cloudflare.api import CloudflareApi, CloudflareError
from registry.cloudflare.token_entries import TokenEntries
from workers.cloud import client, read_secret, setting

_log = logging.getLogger(__name__)
_log.setLevel(logging.INFO)

Change = Mapping[str, Any]


def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """Writes a batch of changed token records to the edge. After a failure, the response names the first change that
    Lambda must retry (AWS Lambda, "Implementing partial batch responses")."""
    changes: Sequence[Change] = event["Records"]
    records: list[Record] = []
    for change in changes:
        try:
            records.append(read_change(change))
        except MalformedRecord as error:
            _send_to_dead_letters(change, str(error))
    if not records:
        return {"batchItemFailures": []}
    try:
        written = _edge().update(records)
    except CloudflareError as error:
        # the next invocation reads the Cloudflare API token again, because the token may have been replaced
        _edge.cache_clear()
        _log.warning("%s; %d changes will be retried", error, len(changes))
        return {"batchItemFailures": [{"itemIdentifier": changes[0]["dynamodb"]["SequenceNumber"]}]}
    _log.info("%d changes, %d tokens written", len(changes), len(written))
    return {"batchItemFailures": []}


def _send_to_dead_letters(change: Change, reason: str) -> None:
    """Sends a message about a token change to the dead-letter queue. The message contains the reason and the change's
    position in the stream, but not the change itself.
    """
    sequence_number = str(change.get("dynamodb", {}).get("SequenceNumber", ""))
    client("sqs").send_message(
        QueueUrl=setting("DEAD_LETTERS"),
        MessageBody=json.dumps({"reason": reason, "sequenceNumber": sequence_number}),
    )
    _log.error("change %s went to the dead-letter queue: %s", sequence_number, reason)


@cache
def _edge() -> TokenEntries:
    # The variable CLOUDFLARE_BASE_URL overrides the address of Cloudflare's API. Cloudflare's own tools read it, too.
    base = os.environ.get("CLOUDFLARE_BASE_URL", "")
    return TokenEntries(CloudflareApi(read_secret("api_token"), base), setting("ACCOUNT_ID"), setting("NAMESPACE_ID"))
