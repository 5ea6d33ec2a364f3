"""The metadata API as a Lambda function with a function URL (protocol.py). The function reads DynamoDB."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from contract.tokens import PARTITION, Record, decode_image
from workers.cloud import client, read_secret, setting
from workers.entitlements.endpoint import Endpoint
from workers.entitlements.protocol import SIGNATURE_HEADER, DatabaseUnavailable


class DynamoDb:
    """Reads the metadata table on DynamoDB for the metadata API: tokens, and the items of feeds."""

    def token(self, digest: str) -> Record | None:
        key = {"pk": {"S": PARTITION}, "sk": {"S": digest}}
        try:
            found = _client().get_item(TableName=setting("TABLE"), Key=key, ConsistentRead=True)
        except (BotoCoreError, ClientError) as error:
            raise DatabaseUnavailable(type(error).__name__) from error
        return decode_image(found["Item"]) if "Item" in found else None

    def documents(self, partition: str, after: str) -> Iterator[str]:
        query: dict[str, Any] = {
            "TableName": setting("TABLE"),
            "KeyConditionExpression": "pk = :partition AND sk > :after",
            "ExpressionAttributeValues": {":partition": {"S": partition}, ":after": {"S": after}},
            "ConsistentRead": True,
        }
        while True:
            try:
                page = _client().query(**query)
            except (BotoCoreError, ClientError) as error:
                raise DatabaseUnavailable(type(error).__name__) from error
            yield from (item.get("document", {}).get("S", "") for item in page["Items"])
            if "LastEvaluatedKey" not in page:
                return
            query["ExclusiveStartKey"] = page["LastEvaluatedKey"]


# Lambda keeps this object between the invocations of one instance. The object holds the counts of the rate limit and
# the cached feed documents.
endpoint = Endpoint()
_database = DynamoDb()


def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """Answers an HTTP request that invokes the Lambda function, in payload format 2.0 (AWS Lambda, "Invoking Lambda
    function URLs")."""
    text = event.get("body") or ""
    body = base64.b64decode(text).decode(errors="replace") if event.get("isBase64Encoded") else text
    answer = endpoint.answer(event["headers"].get(SIGNATURE_HEADER, ""), body, _key(), _database, time.time())
    return {"statusCode": answer.status, "headers": dict(answer.headers), "body": answer.body}


@cache
def _key() -> str:
    return read_secret("key")


@cache
def _client() -> Any:
    return client("dynamodb")
