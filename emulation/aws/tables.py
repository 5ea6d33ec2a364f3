"""Corrects moto 5.2 where its writes and queries of DynamoDB tables differ from the real service.

moto copies the whole table for each transaction and never frees the copy. If a transaction fails, moto restores the
copy and thereby overwrites concurrent writes. During a transaction, readers see some of its writes before the others.
When an update creates an item, moto's stream reports the item twice, first without its attributes. A query in moto
sorts all items of the table, and may start at a key that the query's condition excludes.
"""

from __future__ import annotations

import copy
import inspect
import threading
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, cast

from moto.dynamodb.exceptions import MockValidationException
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.table import Table

from emulation.aws.serialized import serialized
from emulation.aws.table_limits import check_item, check_transaction

_Key = dict[str, Any]
_Follower = Callable[[Table, DynamoType, DynamoType | None, Item | None], None]

# Functions that the emulated DynamoDB calls after each change of an item. The arguments are the table, the item's
# partition key and sort key, and the changed item, or None after a deletion.
followers: list[_Follower] = []

_LOCK = threading.RLock()
# The emulation tries each write on a temporary copy of the table first. It marks the copy with an attribute of this
# name. A write to the copy does not call the functions in `followers`, which are told of each change of an item.
_IS_COPY = "is_apart"
_PATCHED = ("get_item", "put_item", "delete_item", "scan", "query", "update_item", "transact_write_items")
_ORIGINAL: dict[str, Any] = {name: getattr(DynamoDBBackend, name) for name in _PATCHED}
_QUERY = inspect.signature(DynamoDBBackend.query)


def patches() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yields the name of each method of moto's `DynamoDBBackend` that the emulation replaces, and the new method."""
    yield from ((name, serialized(_ORIGINAL[name], _LOCK)) for name in ("get_item", "scan"))
    yield from (("put_item", _put_item), ("delete_item", _change_item("delete_item")), ("query", _query))
    yield from (("update_item", _change_item("update_item")), ("transact_write_items", _transact_write_items))


def patch_tables() -> None:
    """Makes moto write to DynamoDB tables and query them as the real service does."""
    for name, method in patches():
        setattr(DynamoDBBackend, name, method)


def _query(backend: DynamoDBBackend, *arguments: Any, **more: Any) -> Any:
    """Replaces `DynamoDBBackend.query`. The new method searches only the items of the requested partition, because
    moto's method sorts all items of the table.
    """
    asked = _QUERY.bind(backend, *arguments, **more).arguments
    _check_start(backend, asked)
    with _LOCK:
        if asked.get("index_name") or not asked["hash_key_dict"]:
            return _ORIGINAL["query"](backend, *arguments, **more)
        table = backend.get_table(asked["table_name"])
        partition = DynamoType(asked["hash_key_dict"])
        copied = _without_items(table)
        _items(copied)[partition] = _items(table).get(partition, {})
        found = _ORIGINAL["query"](_with_tables(backend, [copied]), *arguments, **more)
        _clear_tracking()
        return found


def _check_start(backend: DynamoDBBackend, asked: Mapping[str, Any]) -> None:
    """Raises DynamoDB's error for a query with an invalid start key: the query's own condition excludes the key. moto
    5.2 accepts such keys.
    """
    start = asked["exclusive_start_key"]
    if start and asked["range_comparison"] == "BEGINS_WITH":
        name: Any = backend.get_table(asked["table_name"]).range_key_attr
        (prefix,) = asked["range_value_dicts"]
        if not start[name]["S"].startswith(prefix["S"]):
            raise MockValidationException("The provided starting key does not match the range key predicate")


def _change_item(kind: str) -> Callable[..., Any]:
    def changed(backend: DynamoDBBackend, table_name: str, key: _Key, *arguments: Any, **more: Any) -> Any:
        def change(copied: DynamoDBBackend) -> Any:
            return _ORIGINAL[kind](copied, table_name, key, *arguments, **more)

        return _atomically(backend, [(table_name, key)], change, updated=kind == "update_item")

    return changed


def _put_item(backend: DynamoDBBackend, table_name: str, item_attrs: _Key, *arguments: Any, **more: Any) -> Any:
    def put(copied: DynamoDBBackend) -> Any:
        return _ORIGINAL["put_item"](copied, table_name, item_attrs, *arguments, **more)

    return _atomically(backend, [_table_and_key(backend, {"TableName": table_name, "Item": item_attrs})], put)


def _transact_write_items(backend: DynamoDBBackend, transact_items: list[dict[str, Any]]) -> None:
    def transact(copied: DynamoDBBackend) -> None:
        _ORIGINAL["transact_write_items"](copied, transact_items)

    _atomically(
        backend, [_table_and_key(backend, action) for item in transact_items for action in item.values()], transact
    )


def _table_and_key(backend: DynamoDBBackend, action: dict[str, Any]) -> tuple[str, _Key]:
    name = action["TableName"]
    return name, action["Key"] if "Key" in action else {
        attribute: action["Item"][attribute] for attribute in backend.get_table(name).table_key_attrs
    }


def _atomically(
    backend: DynamoDBBackend,
    keys: Iterable[tuple[str, _Key]],
    change: Callable[[DynamoDBBackend], Any],
    *,
    updated: bool = False,
) -> Any:
    """Applies a write to DynamoDB items completely or not at all.

    `change` runs on copies of the items. If `change` succeeds and no changed copy is too large, the copies replace the
    items in the tables. The stream of a table then gets one record for each changed item. `updated` states whether the
    write is an update, because DynamoDB has a separate error message for updates.
    """
    with _LOCK:
        copies: dict[str, Table] = {}
        touched: list[tuple[Table, DynamoType, DynamoType | None]] = []
        for name, key in keys:
            table = backend.get_table(name)
            copied = copies.setdefault(table.name, _without_items(table))
            touched.append((table, *backend.get_keys_value(table, key)))
            existing = table.get_item(*touched[-1][1:])
            if existing is not None:
                _set(copied, *touched[-1][1:], copy.deepcopy(existing))
        changed = _with_tables(backend, copies.values())
        result = change(changed)
        written = [changed.tables[table.name].get_item(partition, name) for table, partition, name in touched]
        for item in written:
            check_item(item, updated=updated)
        if len(written) > 1:
            check_transaction(written)
        for (table, partition, name), item in zip(touched, written, strict=True):
            write_item(table, partition, name, item)
        _clear_tracking()
        return result


def _notify_followers(table: Table, partition: DynamoType, name: DynamoType | None, new: Item | None) -> None:
    for follower in followers:
        follower(table, partition, name, new)


def write_item(
    table: Table,
    partition: DynamoType,
    name: DynamoType | None,
    new: Item | None,
    notify: _Follower = _notify_followers,
) -> None:
    """Writes the item `new` to a DynamoDB table. If `new` is None, deletes the item with the partition key `partition`
    and the sort key `name`. Does nothing if the table already has this state.

    Reports a change to the table's stream, and calls `notify` with the table, both keys and `new`. Does not call
    `notify` for a temporary copy of the table, on which moto first tries a write.
    """
    with _LOCK:
        old = table.get_item(partition, name)
        if (new is None and old is None) or (new is not None and old is not None and old == new):
            return
        if new is None:
            table.delete_item(partition, name)
        else:
            _set(table, partition, name, new)
            if table.stream_shard is not None:
                table.stream_shard.add(old, new)
        if not getattr(table, _IS_COPY, False):
            notify(table, partition, name, new)


def _set(table: Table, partition: DynamoType, name: DynamoType | None, item: Item) -> None:
    if name is None:
        _items(table)[partition] = item
    else:
        _items(table)[partition][name] = item


def _items(table: Table) -> Any:
    """Returns the mapping in which moto stores the items of a DynamoDB table. Its keys are partition keys. In a table
    with a sort key, each value is a mapping from sort key to item.
    """
    return cast(Any, table).items


def _without_items(table: Table) -> Table:
    copied = copy.copy(table)
    setattr(copied, _IS_COPY, True)
    copied.items, copied.stream_shard = cast(Any, defaultdict(dict[Any, Any])), None
    return copied


def _with_tables(backend: DynamoDBBackend, tables: Iterable[Table]) -> DynamoDBBackend:
    copied = copy.copy(backend)
    copied.tables = OrderedDict(backend.tables) | {table.name: table for table in tables}
    return copied


def _clear_tracking() -> None:
    """Clears the lists in which moto stores every DynamoDB table and item that it ever created. Only moto's dashboard
    reads these lists, and they would grow until the memory is full.
    """
    for kind in (Table, Item):
        cast(Any, kind).instances_tracked.clear()
