"""Emulates DynamoDB global tables, whose replicas moto 5.2 does not support.

Source: DynamoDB Developer Guide, "Global tables" (version 2019.11.21, eventual consistency). UpdateTable creates and
deletes replicas one at a time, and DescribeTable lists the replicas. A write in one region reaches the other regions
after a delay. If an item is written several times, the last write wins. Each replica has its own encryption, recovery,
stream and deletion protection.
"""

from __future__ import annotations

import copy
import json
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, cast

from moto.dynamodb.exceptions import MockValidationException
from moto.dynamodb.models import DynamoDBBackend, dynamodb_backends
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.table import Table
from moto.dynamodb.responses import DynamoHandler

from emulation.aws import tables
from emulation.origin_requests import Application

# The path at which tests control the replication of DynamoDB global tables. GET answers `{"pending": 0, "lag": 0.0,
# "paused": false}`. PUT `{"lag": 30}` delays each later write by 30 seconds. PUT `{"paused": true}` holds back all
# writes until PUT `{"paused": false}`.
PATH = "/_artifact-edge/global-tables"

_Key = tuple[DynamoType, DynamoType | None]


@dataclass
class _GlobalTable:
    """A DynamoDB global table. `regions` lists the regions with a replica. Each region has its own copy of each item,
    and the copy in one region may be older than the copy in another region. `written` maps a region and an item's key
    to the time at which a client wrote the version of the item that the region has.
    """

    regions: list[str]
    written: dict[tuple[str, _Key], float] = field(default_factory=dict[tuple[str, _Key], float])

    def __deepcopy__(self, memo: dict[int, Any]) -> _GlobalTable:
        """Returns the global table itself instead of a copy. moto copies a DynamoDB table for each transaction, and all
        copies of the table must share one state of replication.
        """
        return self


@dataclass(frozen=True)
class _Change:
    """A write in one region of a DynamoDB global table that must still be copied to all other regions. `item` is the
    item after the write, or None if the write deleted it. `due` is the time at which the copies are made.
    """

    table: Table
    key: _Key
    item: Item | None
    written: float
    due: float


class Propagation:
    """Copies each write in a DynamoDB global table to the table's other regions, in the order of the writes, in a
    separate thread. `lag` is the delay between a write and its copies, in seconds.
    """

    def __init__(self) -> None:
        self.lag = 0.0
        self.running = threading.Event()
        self.running.set()
        self._queue: queue.Queue[_Change] = queue.Queue()
        self._thread: threading.Thread | None = None

    def note(self, table: Table, partition: DynamoType, name: DynamoType | None, item: Item | None) -> None:
        group = _global_table_of(table)
        if group is None:
            return
        now, key = time.time(), (partition, name)
        group.written[table.region_name, key] = now
        self._queue.put(_Change(table, key, copy.deepcopy(item), now, time.monotonic() + self.lag))
        if self._thread is None:
            self._thread = threading.Thread(target=self._apply_forever, daemon=True)
            self._thread.start()

    def wait(self) -> None:
        """Waits until all regions have every write that was made to a DynamoDB global table before this call."""
        self._queue.join()

    @property
    def pending(self) -> int:
        return self._queue.unfinished_tasks

    def _apply_forever(self) -> None:
        while True:
            change = self._queue.get()
            time.sleep(max(0.0, change.due - time.monotonic()))
            self.running.wait()
            _apply(change)
            self._queue.task_done()


PROPAGATION = Propagation()


def _apply(change: _Change) -> None:
    for region, replica in list(_other_replicas(change.table)):
        group = cast(_GlobalTable, _global_table_of(change.table))
        if group.written.get((region, change.key), 0.0) <= change.written:
            group.written[region, change.key] = change.written
            tables.write_item(replica, *change.key, copy.deepcopy(change.item), notify=_ignore)


def _ignore(table: Table, partition: DynamoType, name: DynamoType | None, item: Item | None) -> None:
    """Ignores the notification of a write. Usually, `tables.write_item` notifies the function that copies the write to
    the other replicas. If the write is itself such a copy, it calls this function instead, because the replicas would
    otherwise copy the write to each other endlessly.
    """


def patches() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yields the name of each method of moto's `DynamoHandler` that the emulation replaces, and the new method."""
    yield from (("update_table", _update_table), ("describe_table", _describe_table))


def patch_global_tables() -> None:
    """Makes moto support replicas of DynamoDB tables."""
    for name, method in patches():
        setattr(DynamoHandler, name, method)


_ORIGINAL: dict[str, Any] = {name: getattr(DynamoHandler, name) for name in ("update_table", "describe_table")}


def _update_table(handler: DynamoHandler) -> Any:
    body = cast("dict[str, Any]", handler.body)
    table = handler.dynamodb_backend.get_table(body["TableName"])
    if "SSESpecification" in body:
        table.sse_specification = body["SSESpecification"]
    for update in body.get("ReplicaUpdates", []):
        for action, replica_update in update.items():
            {"Create": _create, "Delete": _delete}[action](handler.dynamodb_backend, table, replica_update)
    return _with_replicas(table, _ORIGINAL["update_table"](handler))


def _describe_table(handler: DynamoHandler) -> Any:
    table = handler.dynamodb_backend.get_table(cast("dict[str, Any]", handler.body)["TableName"])
    return _with_replicas(table, _ORIGINAL["describe_table"](handler))


def _with_replicas(table: Table, answer: Any) -> Any:
    """Adds the list of replicas to the description of a DynamoDB table in an API response."""
    for described in cast("dict[str, Any]", answer.result).values():
        replicas = [
            {"RegionName": region, "ReplicaStatus": "ACTIVE", **_key_of(replica)}
            for region, replica in _other_replicas(table)
        ]
        if replicas:
            described |= {"Replicas": replicas, "GlobalTableVersion": "2019.11.21"}
    return answer


def _create(backend: DynamoDBBackend, table: Table, replica_update: dict[str, Any]) -> None:
    region, group = replica_update["RegionName"], _global_table_of(table) or _GlobalTable([table.region_name])
    existing = dynamodb_backends[backend.account_id][region].tables
    if table.name in existing:
        raise MockValidationException(f"Failed to create a replica: {table.name} exists in {region}")
    if not cast(Any, table).stream_specification.get("StreamEnabled"):
        raise MockValidationException("Table must have DynamoDB Streams enabled with NEW_AND_OLD_IMAGES")
    if table.billing_mode != "PAY_PER_REQUEST" and not _scales_writes(backend, table):
        raise MockValidationException("Table write capacity should either be Pay-Per-Request or AutoScaled")
    key = {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": replica_update.get("KMSMasterKeyId")}
    replica: Any = Table(
        table.name,
        backend.account_id,
        region,
        schema=table.schema,
        attr=table.attr,
        throughput=dict(table.throughput),
        billing_mode=table.billing_mode,
        streams=table.stream_specification,
        sse_specification=key if key["KMSMasterKeyId"] else None,
    )
    replica.items = copy.deepcopy(cast(Any, table).items)
    existing[table.name] = replica
    group.regions.append(region)
    for each in (table, replica):
        cast(Any, each).global_table = group


def _delete(backend: DynamoDBBackend, table: Table, replica_update: dict[str, Any]) -> None:
    region = replica_update["RegionName"]
    if region not in dict(_other_replicas(table)):
        raise MockValidationException(f"Failed to delete the replica: {table.name} has none in {region}")
    dynamodb_backends[backend.account_id][region].delete_table(table.name)


def _scales_writes(backend: DynamoDBBackend, table: Table) -> bool:
    from moto.applicationautoscaling.models import applicationautoscaling_backends

    targets = applicationautoscaling_backends[backend.account_id][table.region_name].targets
    return f"table/{table.name}" in cast(Any, targets).get("dynamodb:table:WriteCapacityUnits", {})


def _global_table_of(table: Table) -> _GlobalTable | None:
    return getattr(table, "global_table", None)


def _other_replicas(table: Table) -> Iterator[tuple[str, Table]]:
    """Yields the replicas of a DynamoDB table in all other regions, each with its region."""
    group = _global_table_of(table)
    for region in group.regions if group else []:
        replica = dynamodb_backends[table.account_id][region].tables.get(table.name)
        if region != table.region_name and replica is not None and _global_table_of(replica) is group:
            yield region, replica


def _key_of(table: Table) -> dict[str, str]:
    key = (table.sse_specification or {}).get("KMSMasterKeyId")
    return {"KMSMasterKeyId": key} if key else {}


class GlobalTables:
    """WSGI middleware over the emulated AWS API that lets tests control DynamoDB replication: read how many writes are
    pending, delay replication and pause it.
    """

    def __init__(self, application: Application) -> None:
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] != PATH:
            return self._application(environ, start_response)
        if environ["REQUEST_METHOD"] == "PUT":
            match json.loads(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))):
                case {"lag": int() | float() as lag, **more} if lag >= 0 and not more:
                    PROPAGATION.lag = float(lag)
                case {"paused": bool() as paused, **more} if not more:
                    (PROPAGATION.running.clear if paused else PROPAGATION.running.set)()
                case _:
                    start_response("400 Bad Request", [("Content-Type", "text/plain")])
                    return [b'only {"lag": <seconds>} and {"paused": <true or false>} are accepted\n']
        start_response("200 OK", [("Content-Type", "application/json")])
        paused = not PROPAGATION.running.is_set()
        return [json.dumps({"pending": PROPAGATION.pending, "lag": PROPAGATION.lag, "paused": paused}).encode()]


tables.followers.append(PROPAGATION.note)
