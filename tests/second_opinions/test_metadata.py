"""Tests the contract of the metadata repository (its required behaviour) on dynalite, a third-party implementation of
DynamoDB.

dynalite does not support transactions. This module therefore sends each write of a transaction as a separate request.
dynalite implements the conditions, expressions, reads and limits itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, cast

import boto3
import pytest
from botocore.exceptions import ClientError

from registry.metadata import Repository
from registry.metadata.dynamodb import DynamoDbRepository
from tests.second_opinions.servers import dynalite, expect_differences
from tests.support.metadata import Clock, repository
from tests.support.metadata_contract import MetadataContract

__all__ = ["repository"]

TABLE = "unit-metadata"
# The tests that fail on dynalite, an emulator of DynamoDB, each with the reason of the failure.
DIFFERENCES = {
    "test_absent_refuses_what_is_there": "dynalite has no transactions",
    "test_no_write_of_many_writers_is_lost": "dynalite has no transactions",
}


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Repository, Clock]]:
    clock = Clock()
    with dynalite() as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
        client: Any = cast(Any, boto3).client("dynamodb")
        keys = [("pk", "HASH"), ("sk", "RANGE")]
        client.create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name, _ in keys],
            KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys],
        )
        client.get_waiter("table_exists").wait(TableName=TABLE, WaiterConfig={"Delay": 1})
        repository = DynamoDbRepository(TABLE, "us-east-1", clock=clock)
        cast(Any, repository)._client.transact_write_items = partial(one_by_one, client)
        yield repository, clock


def one_by_one(client: Any, TransactItems: list[dict[str, Any]]) -> None:
    """Sends the writes of a transaction as separate requests, one after the other.

    Stops at the first write whose condition does not hold. Raises the same error as DynamoDB does for a cancelled
    transaction.
    """
    for number, item in enumerate(TransactItems):
        ((kind, given),) = item.items()
        write = {"Delete": client.delete_item, "Put": client.put_item, "Update": client.update_item}[kind]
        try:
            write(**given)
        except client.exceptions.ConditionalCheckFailedException:
            reasons = [{"Code": "None"} for _ in TransactItems]
            reasons[number] = {"Code": "ConditionalCheckFailed"}
            error: Any = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}
            raise ClientError(error, "TransactWriteItems") from None


@pytest.fixture(autouse=True)
def differences(request: pytest.FixtureRequest) -> None:
    expect_differences(request, DIFFERENCES)


class TestMetadataOnDynalite(MetadataContract):
    pass
