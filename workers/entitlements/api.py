"""Lambda function behind a function URL: the metadata API, which looks up a token in DynamoDB if the edge has no entry
(lookup.py).
"""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping
from functools import cache
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from contract.tokens import PARTITION, Record, decode_image
from workers.cloud import client, read_secret, setting
from workers.entitlements.lookup import SIGNATURE_HEADER, DatabaseUnavailable, Lookups

# The rate limit and the negative cache of this instance of the function.
lookups = Lookups()


def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """Answers an HTTP request that invokes the Lambda function, in payload format 2.0 (AWS Lambda, "Invoking Lambda
    function URLs")."""
    text = event.get("body") or ""
    body = base64.b64decode(text).decode(errors="replace") if event.get("isBase64Encoded") else text
    answer = lookups.answer(event["headers"].get(SIGNATURE_HEADER, ""), body, _key(), _find, time.time())
    return {"statusCode": answer.status, "headers": dict(answer.headers), "body": answer.body}


def _find(digest: str) -> Record | None:
    key = {"pk": {"S": PARTITION}, "sk": {"S": digest}}
    try:
        found = _table().get_item(TableName=setting("TABLE"), Key=key, ConsistentRead=True)
    except (BotoCoreError, ClientError) as error:
        raise DatabaseUnavailable(type(error).__name__) from error
    return decode_image(found["Item"]) if "Item" in found else None


@cache
def _key() -> str:
    return read_secret("key")


@cache
def _table() -> Any:
    return client("dynamodb")
