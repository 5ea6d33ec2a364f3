"""Tests reads of many items from a DynamoDB table. The table returns only some of the requested items, and lists the
keys of the other items under `UnprocessedKeys`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from registry.metadata import Busy
from registry.metadata import dynamodb as module
from registry.metadata.dynamodb import DynamoDbRepository

KEYS = [("p", f"{number}") for number in range(120)]


class Table:
    """Emulates a DynamoDB table in which every key has an item. A response contains items for at most `most` keys: the
    first keys of the request.

    `asked` lists the number of keys in each request.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.asked: list[int] = []

    def batch_get_item(self, RequestItems: Mapping[str, Any]) -> dict[str, Any]:
        keys = RequestItems["metadata"]["Keys"]
        assert RequestItems["metadata"]["ConsistentRead"] and 1 <= len(keys) <= 100
        self.asked.append(len(keys))
        read, unread = keys[: self.most], keys[self.most :]
        items = [{**key, "document": {"S": "{}"}, "version": {"N": "1"}} for key in read]
        return {
            "Responses": {"metadata": items},
            "UnprocessedKeys": {"metadata": {"Keys": unread}} if unread else {},
        }


def repository(table: Table, monkeypatch: pytest.MonkeyPatch) -> DynamoDbRepository:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setattr(module, "_LONGEST_PAUSE", 0)
    made = DynamoDbRepository("metadata", "us-east-1")
    made._client = table  # pyright: ignore[reportPrivateUsage]
    return made


def test_unprocessed_keys_are_requested_again(monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table(most=70)
    assert set(repository(table, monkeypatch).items_at(KEYS)) == set(KEYS)
    assert table.asked == [100, 50]


def test_a_table_that_reads_nothing_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table(most=0)
    with pytest.raises(Busy, match="p: the metadata table answers no reads; try again"):
        repository(table, monkeypatch).items_at(KEYS)
    assert len(table.asked) == 10
