"""Enforces DynamoDB's limits on the sizes of items, batches and transactions where moto 5.2 differs from the real
service.

Source: DynamoDB Developer Guide, "Constraints in Amazon DynamoDB"; DynamoDB API Reference, "BatchWriteItem",
"TransactGetItems" and "TransactWriteItems". moto refuses only items of 405,000 bytes or more, and never refuses an
update that makes an item too large. moto has no limit for the number of writes in a batch or for the size of a
transaction.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast

from moto.dynamodb.exceptions import ItemSizeTooLarge, ItemSizeToUpdateTooLarge, MockValidationException
from moto.dynamodb.models.dynamo_type import Item, LimitedSizeDict
from moto.dynamodb.responses import DynamoHandler

_ITEM_BYTES = 400 * 1024
_BATCH_WRITES = 25
_BATCH_BYTES = 16 * 1024 * 1024
_TRANSACTION_BYTES = 4 * 1024 * 1024
_ORIGINAL: dict[str, Any] = {name: getattr(DynamoHandler, name) for name in ("batch_write_item", "transact_get_items")}


def check_item(item: Item | None, *, updated: bool) -> None:
    """Checks the size of an item after a write. Raises DynamoDB's error if the item, including the names of its
    attributes, is larger than 400 KB.
    """
    if item is not None and item.size() > _ITEM_BYTES:
        raise ItemSizeToUpdateTooLarge() if updated else ItemSizeTooLarge()


def check_transaction(items: Iterable[Item | None]) -> None:
    """Raises the error of DynamoDB for a transaction whose items together are larger than 4 MB."""
    if sum(item.size() for item in items if item is not None) > _TRANSACTION_BYTES:
        raise MockValidationException("The aggregate size of the items in the transaction exceeds 4 MB")


def patches() -> Iterator[tuple[type, str, Callable[..., Any]]]:
    """Yields each method of moto that the emulation replaces: the class, the method's name, and the new method."""
    # The method `LimitedSizeDict.__setitem__` of moto refuses items that DynamoDB accepts. The method of `dict`, which
    # has no size limit, takes its place. The function `check_item` checks the sizes of items.
    yield LimitedSizeDict, "__setitem__", cast(Any, dict[str, Any].__setitem__)
    yield DynamoHandler, "batch_write_item", _batch_write_item
    yield DynamoHandler, "transact_get_items", _transact_get_items


def patch_table_limits() -> None:
    for owner, name, method in patches():
        setattr(owner, name, method)


def _batch_write_item(handler: DynamoHandler) -> Any:
    requests = handler.body["RequestItems"]
    if sum(len(writes) for writes in requests.values()) > _BATCH_WRITES:
        raise MockValidationException(
            "1 validation error detected: Value at 'requestItems' failed to satisfy constraint: Member must have "
            f"length less than or equal to {_BATCH_WRITES}"
        )
    if len(json.dumps(requests, ensure_ascii=False).encode()) > _BATCH_BYTES:
        raise MockValidationException("The request exceeds 16 MB")
    return _ORIGINAL["batch_write_item"](handler)


def _transact_get_items(handler: DynamoHandler) -> Any:
    gets = [each["Get"] for each in handler.body["TransactItems"]]
    backend = handler.dynamodb_backend
    # moto's own method refuses a transaction with more than 100 reads, so the function need not check its size.
    if len(gets) <= 100:
        check_transaction(backend.get_item(each["TableName"], each["Key"]) for each in gets)
    return _ORIGINAL["transact_get_items"](handler)
