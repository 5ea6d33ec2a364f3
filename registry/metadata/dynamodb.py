"""The metadata repository in a DynamoDB table.

All writes go to the table's home region. DynamoDB checks the condition of a write only in the region of the request, so
writes in two regions could contradict each other.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, cast

import boto3
from botocore.exceptions import ClientError

from registry.metadata import Absent, Always, Busy, Condition, Conflict, Delete, Item, Key, Unchanged, Write, checked

# The maximum number of items that one BatchGetItem request reads (Amazon DynamoDB, "BatchGetItem").
_MOST_READS = 100
_TRIES = 10
_LONGEST_PAUSE = 1.0  # the longest pause in seconds between two attempts of a transaction or a read
_NAMES = {"#document": "document", "#version": "version", "#expires": "expires"}
_LIVE = "(attribute_not_exists(#expires) OR #expires > :now)"

_Attributes = dict[str, dict[str, str]]


class DynamoDbRepository:
    """Stores metadata in a DynamoDB table. `clock` returns the time in seconds since 1970 (UTC)."""

    def __init__(self, table: str, region: str, *, clock: Callable[[], float] = time.time) -> None:
        self._client: Any = cast(Any, boto3).client("dynamodb", region_name=region)
        self._table = table
        self._clock = clock

    def item(self, partition: str, name: str) -> Item | None:
        found = self._client.get_item(TableName=self._table, Key=_key(partition, name), ConsistentRead=True)
        item = _item(found["Item"]) if "Item" in found else None
        return item if item is not None and self._is_live(item) else None

    def items_at(self, keys: Collection[Key]) -> Mapping[Key, Item]:
        left = [_key(*key) for key in dict.fromkeys(keys)]
        found: dict[Key, Item] = {}
        tries = 0
        while left:
            asked, left = left[:_MOST_READS], left[_MOST_READS:]
            answer = self._client.batch_get_item(RequestItems={self._table: {"Keys": asked, "ConsistentRead": True}})
            for item in map(_item, cast(list[_Attributes], answer["Responses"].get(self._table, []))):
                if self._is_live(item):
                    found[item.partition, item.name] = item
            # DynamoDB leaves keys unread if the answer would exceed 16 MB, or if the table has reached its throughput
            # limit. The next request of the loop reads these keys.
            unread = answer.get("UnprocessedKeys", {}).get(self._table, {}).get("Keys", [])
            tries = tries + 1 if len(unread) == len(asked) else 0
            if tries == _TRIES:
                raise Busy(f"{unread[0]['pk']['S']}: the metadata table answers no reads; try again")
            if tries:
                _pause(tries)
            left = [*unread, *left]
        return found

    def items(self, partition: str, *, prefix: str = "", after: str = "") -> Iterator[Item]:
        condition, values = "pk = :pk", {":pk": {"S": partition}}
        if prefix and after and not after.startswith(prefix):
            # DynamoDB refuses a query whose start key does not begin with the query's prefix. Here, `after` does not
            # begin with `prefix`, so it sorts either after all names with the prefix or before all of them. In the
            # first case, no items are left. In the second case, the query needs no start key.
            if after.encode(errors="surrogatepass") > prefix.encode(errors="surrogatepass"):
                return
            after = ""
        if prefix:
            condition, values = f"{condition} AND begins_with(sk, :prefix)", {**values, ":prefix": {"S": prefix}}
        start: dict[str, Any] = {"ExclusiveStartKey": _key(partition, after)} if after else {}
        while True:
            page = self._client.query(
                TableName=self._table,
                KeyConditionExpression=condition,
                ExpressionAttributeValues=values,
                ConsistentRead=True,
                **start,
            )
            yield from (item for item in map(_item, cast(list[_Attributes], page["Items"])) if self._is_live(item))
            if "LastEvaluatedKey" not in page:
                return
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def transact(self, writes: Sequence[Write]) -> None:
        actions = [self._action(write, text) for write, text in checked(writes)]
        if not actions:
            return
        for attempt in range(_TRIES):
            try:
                self._client.transact_write_items(TransactItems=actions)
                return
            except ClientError as error:
                reasons = _cancellations(error)
                for write, reason in zip(writes, reasons, strict=False):
                    if reason == "ConditionalCheckFailed":
                        raise Conflict(write.partition, write.name) from None
                if "TransactionConflict" not in reasons:
                    raise
            _pause(attempt)
        raise Busy(f"{writes[0].partition}: other processes kept writing the same metadata; try again")

    def _is_live(self, item: Item) -> bool:
        """Returns True for an item that is still valid, and False for an expired item. DynamoDB may keep expired items
        for a few days ("Time to Live").
        """
        return item.expires is None or item.expires > self._clock()

    def _action(self, write: Write, text: str) -> dict[str, Any]:
        kind, action = self._unconditional(write, text)
        condition, values = self._condition(write.condition)
        expressions = f"{action.get('UpdateExpression', '')} {condition}"
        used = {name: attribute for name, attribute in _NAMES.items() if name in expressions}
        values = {**action.get("ExpressionAttributeValues", {}), **values}
        action |= {"ConditionExpression": condition} if condition else {}
        action |= {"ExpressionAttributeNames": used} if used else {}
        action |= {"ExpressionAttributeValues": values} if values else {}
        return {kind: {"TableName": self._table, **action}}

    def _unconditional(self, write: Write, text: str) -> tuple[str, dict[str, Any]]:
        """Returns the kind and the parameters of the DynamoDB action for a write. The parameters do not include the
        write's condition.

        A Put with a condition becomes a PutItem, because the condition determines the item's next version. For a Put
        without a condition, the registry does not know the next version. Such a Put becomes an UpdateItem, and DynamoDB
        increments the current version.
        """
        key = _key(write.partition, write.name)
        if isinstance(write, Delete):
            return "Delete", {"Key": key}
        start = int(self._clock() * 1_000_000)
        document, expires = {"S": text}, {"N": str(write.expires)}
        if isinstance(write.condition, Always):
            values = {":document": document, ":one": {"N": "1"}, ":start": {"N": str(start)}}
            values |= {":expires": expires} if write.expires is not None else {}
            expiry = "REMOVE #expires SET" if write.expires is None else "SET #expires = :expires,"
            update = f"{expiry} #document = :document, #version = if_not_exists(#version, :start) + :one"
            return "Update", {"Key": key, "UpdateExpression": update, "ExpressionAttributeValues": values}
        seen = write.condition.version if isinstance(write.condition, Unchanged) else start
        item = {**key, "document": document, "version": {"N": str(seen + 1)}}
        return "Put", {"Item": item if write.expires is None else {**item, "expires": expires}}

    def _condition(self, condition: Condition) -> tuple[str, _Attributes]:
        now = {":now": {"N": str(int(self._clock()))}}
        if isinstance(condition, Absent):
            return "attribute_not_exists(pk) OR #expires <= :now", now
        if isinstance(condition, Unchanged):
            return f"#version = :seen AND {_LIVE}", {**now, ":seen": {"N": str(condition.version)}}
        return "", {}


def _pause(attempt: int) -> None:
    time.sleep(random.uniform(0, min(_LONGEST_PAUSE, 0.02 * 2**attempt)))  # noqa: S311 (spreads load, hides nothing)


def _key(partition: str, name: str) -> _Attributes:
    return {"pk": {"S": partition}, "sk": {"S": name}}


def _item(attributes: _Attributes) -> Item:
    expires = attributes.get("expires")
    return Item(
        attributes["pk"]["S"],
        attributes["sk"]["S"],
        json.loads(attributes["document"]["S"]),
        int(attributes["version"]["N"]),
        int(expires["N"]) if expires else None,
    )


def _cancellations(error: ClientError) -> Sequence[str]:
    """Returns DynamoDB's reason for each write of a transaction that DynamoDB has refused, such as
    `ConditionalCheckFailed`. Returns an empty list for an error that does not state such reasons.
    """
    if error.response.get("Error", {}).get("Code") == "TransactionInProgressException":
        return ["TransactionConflict"]
    reasons = cast("list[dict[str, Any]]", cast(Any, error.response).get("CancellationReasons", []))
    return [str(reason.get("Code", "")) for reason in reasons]
