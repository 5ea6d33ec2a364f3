"""Probes of Amazon DynamoDB. They check the maximum sizes of items, batches and transactions. They also check which
values of `ExclusiveStartKey` a query accepts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from probes.aws import AwsAccount, refusal
from probes.fact import Fact, Probe

_ITEM_BYTES = 400 * 1024
_INVALID = "ValidationException"


def create_table(account: AwsAccount, kind: str, *, sort_key: bool = False) -> str:
    """Creates an empty table with the partition key `pk`, and the sort key `sk` if `sort_key` is true. Returns the
    table's name. The table is deleted when the probe ends.
    """
    dynamodb, table = account.client("dynamodb"), account.name(kind)
    keys = {"pk": "HASH", **({"sk": "RANGE"} if sort_key else {})}
    dynamodb.create_table(
        TableName=table,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in keys],
        KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys.items()],
    )
    account.later(dynamodb.delete_table, TableName=table)
    dynamodb.get_waiter("table_exists").wait(TableName=table)
    return table


def _limits(account: AwsAccount) -> Iterator[Fact]:
    dynamodb, table = account.client("dynamodb"), create_table(account, "items")
    yield from _items(dynamodb, table)
    yield from _batches(dynamodb, table)
    yield from _transactions(dynamodb, table)


def _items(dynamodb: Any, table: str) -> Iterator[Fact]:
    code = refusal(dynamodb.put_item, TableName=table, Item=_item("a", _ITEM_BYTES))
    yield Fact("DynamoDB accepts an item of 400 KB, with the names of its attributes", code == "accepted", code)
    code = refusal(dynamodb.put_item, TableName=table, Item=_item("b", _ITEM_BYTES + 1))
    yield Fact("DynamoDB refuses an item of 400 KB and one byte", code == _INVALID, code)
    code = refusal(
        dynamodb.update_item,
        TableName=table,
        Key={"pk": {"S": "a"}},
        UpdateExpression="SET w = :w",
        ExpressionAttributeValues={":w": {"S": "more"}},
    )
    yield Fact("DynamoDB refuses an update after which an item has more than 400 KB", code == _INVALID, code)


def _batches(dynamodb: Any, table: str) -> Iterator[Fact]:
    for count, expected in ((25, "accepted"), (26, _INVALID)):
        writes = [{"PutRequest": {"Item": _item(f"batch-{number:03}", 100)}} for number in range(count)]
        code = refusal(dynamodb.batch_write_item, RequestItems={table: writes})
        yield Fact(f"A batch of {count} writes is {_verdict(expected)}", code == expected, code)
    for count, expected in ((100, "accepted"), (101, _INVALID)):
        keys = [{"pk": {"S": f"batch-{number:03}"}} for number in range(count)]
        code = refusal(dynamodb.batch_get_item, RequestItems={table: {"Keys": keys}})
        yield Fact(f"A batch of {count} reads is {_verdict(expected)}", code == expected, code)


def _transactions(dynamodb: Any, table: str) -> Iterator[Fact]:
    for count, size, expected in ((100, 100, "accepted"), (101, 100, _INVALID), (11, _ITEM_BYTES, _INVALID)):
        puts = [{"Put": {"TableName": table, "Item": _item(f"put-{number:03}", size)}} for number in range(count)]
        code = refusal(dynamodb.transact_write_items, TransactItems=puts)
        text = f"A transaction that writes {count} items of {size:,} bytes is {_verdict(expected)}"
        yield Fact(text, code == expected, code)


def _queries(account: AwsAccount) -> Iterator[Fact]:
    dynamodb, table = account.client("dynamodb"), create_table(account, "queries", sort_key=True)
    for start, expected in (("b9", "accepted"), ("z", _INVALID)):
        code = refusal(
            dynamodb.query,
            TableName=table,
            KeyConditionExpression="pk = :p AND begins_with(sk, :s)",
            ExpressionAttributeValues={":p": {"S": "a"}, ":s": {"S": "b"}},
            ExclusiveStartKey={"pk": {"S": "a"}, "sk": {"S": start}},
        )
        where = "within" if expected == "accepted" else "outside of"
        yield Fact(f"A query that starts {where} its own condition is {_verdict(expected)}", code == expected, code)


def _item(key: str, size: int) -> dict[str, Any]:
    """Returns a DynamoDB item of `size` bytes. The attribute names `pk` and `v` take three of these bytes."""
    return {"pk": {"S": key}, "v": {"S": "x" * (size - 3 - len(key))}}


def _verdict(expected: str) -> str:
    return expected if expected == "accepted" else "refused"


PROBES = (
    Probe("dynamodb-limits", 'DynamoDB Developer Guide, "Constraints in Amazon DynamoDB"', _limits),
    Probe("dynamodb-queries", "aws/aws-sdk-ruby, issue 2456", _queries),
)
