"""The metadata table: who published what, one partition a package (docs/metadata.md)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from registry import RegistryError
from registry.artifact import Change, Fact, Known
from registry.target import Target

_REVISION = "revision"
_TRIES = 5


class MetadataTable:
    """Reads are consistent: what was committed is seen."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._table = target.table()
        self._client: Any = self._table.meta.client

    def commit(self, title: str, changes: Sequence[Change]) -> bool:
        """Adds all facts of all changes or none, and counts up the revision of each package that changes.

        False where every fact is there already. Raises RegistryError where an immutable one is there with another
        content.
        """
        for _ in range(_TRIES):
            actions = [action for change in changes for action in self._actions(title, change)]
            if not actions:
                return False
            try:
                self._client.transact_write_items(TransactItems=actions)
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") != "TransactionCanceledException":
                    raise
            else:
                return True
        raise RegistryError(f"{title}: others kept publishing to the same package; publish again")

    def read(self, partition: str) -> tuple[int, Known]:
        """The revision, and facts that are at least as new."""
        found = self._table.get_item(Key={"pk": partition, "sk": _REVISION}, ConsistentRead=True)
        revision = int(found.get("Item", {}).get("number", 0))
        items = [item for item in self._target.items(partition) if item["sk"] != _REVISION]
        facts: dict[str, Mapping[str, Any]] = {item["sk"]: json.loads(item["content"]) for item in items}
        return revision, Known(facts, {item["sk"]: item["written"] for item in items})

    def _actions(self, title: str, change: Change) -> list[dict[str, Any]]:
        partition = change.package.partition
        puts = [put for fact in change.facts for put in self._put(title, partition, fact)]
        if not puts:
            return []
        count = {
            "TableName": self._table.name,
            "Key": {"pk": partition, "sk": _REVISION},
            "UpdateExpression": "ADD #number :one",
            "ExpressionAttributeNames": {"#number": "number"},
            "ExpressionAttributeValues": {":one": 1},
        }
        return [*puts, {"Update": count}]

    def _put(self, title: str, partition: str, fact: Fact) -> list[dict[str, Any]]:
        """Nothing where the fact is there already; else a write that fails where it has changed since this look."""
        content = json.dumps(fact.content, sort_keys=True)
        key = {"pk": partition, "sk": fact.name}
        there = self._table.get_item(Key=key, ConsistentRead=True).get("Item")
        if there is not None and there["content"] == content:
            return []
        if there is not None and fact.immutable:
            raise RegistryError(f"{title}: this version exists with another content; publish a new version")
        put: dict[str, Any] = {
            "TableName": self._table.name,
            "Item": {**key, "content": content, "written": _now()},
            "ConditionExpression": "attribute_not_exists(sk)" if there is None else "content = :seen",
        }
        if there is not None:
            put["ExpressionAttributeValues"] = {":seen": there["content"]}
        return [{"Put": put}]


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
