"""Tests replicas of DynamoDB tables on the emulated AWS. The tests check what is replicated, when a copy arrives, and
which of two conflicting writes wins.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any, cast

import boto3
import httpx
import pytest
from botocore.exceptions import ClientError

from emulation.aws.global_tables import PATH, PROPAGATION, GlobalTables
from tests.support.harness import aws_account

KEY = {"pk": {"S": "p"}, "sk": {"S": "a"}}
HOME, OTHER = "us-east-1", "eu-west-1"


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(PROPAGATION, "lag", 0.0)
    with aws_account():
        yield
        PROPAGATION.running.set()
        PROPAGATION.wait()


def dynamodb(region: str) -> Any:
    return cast(Any, boto3).client("dynamodb", region_name=region)


def create(**more: Any) -> None:
    settings: dict[str, Any] = {
        "BillingMode": "PAY_PER_REQUEST",
        "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        **more,
    }
    dynamodb(HOME).create_table(
        TableName="items",
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in KEY],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        **settings,
    )


def replicate(action: str = "Create", **more: str) -> None:
    updates = [{action: {"RegionName": OTHER, **more}}]
    dynamodb(HOME).update_table(TableName="items", ReplicaUpdates=updates)


def put(region: str, value: str) -> None:
    dynamodb(region).put_item(TableName="items", Item={**KEY, "v": {"S": value}})


def value(region: str) -> str | None:
    item = dynamodb(region).get_item(TableName="items", Key=KEY).get("Item")
    return item["v"]["S"] if item else None


def test_a_replica_has_existing_and_new_items() -> None:
    create()
    put(HOME, "1")
    replicate()
    assert value(OTHER) == "1"
    put(HOME, "2")
    PROPAGATION.wait()
    assert value(OTHER) == "2"
    dynamodb(OTHER).delete_item(TableName="items", Key=KEY)
    PROPAGATION.wait()
    assert value(HOME) is None


def test_a_delayed_write_is_not_in_the_replica_yet() -> None:
    create()
    replicate()
    PROPAGATION.running.clear()
    put(HOME, "1")
    assert value(OTHER) is None
    assert PROPAGATION.pending >= 1
    PROPAGATION.running.set()
    PROPAGATION.wait()
    assert value(OTHER) == "1"


def test_the_last_of_two_writes_in_different_regions_wins() -> None:
    create()
    replicate()
    PROPAGATION.running.clear()
    put(HOME, "first")
    put(OTHER, "last")
    assert (value(HOME), value(OTHER)) == ("first", "last")
    PROPAGATION.running.set()
    PROPAGATION.wait()
    assert (value(HOME), value(OTHER)) == ("last", "last")


def test_transactions_and_replicated_writes_do_not_affect_each_other() -> None:
    create()
    replicate()
    failed = list[BaseException]()

    def write(region: str, thread: int) -> None:
        try:
            for number in range(40):
                item = {"pk": {"S": f"{region}{thread}"}, "sk": {"S": str(number)}}
                dynamodb(region).transact_write_items(TransactItems=[{"Put": {"TableName": "items", "Item": item}}])
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(region, n)) for region in (HOME, OTHER) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    PROPAGATION.wait()
    assert [dynamodb(region).scan(TableName="items")["Count"] for region in (HOME, OTHER)] == [160, 160]


def test_a_failed_transaction_reaches_no_replica() -> None:
    create()
    replicate()
    PROPAGATION.running.clear()
    there = {"TableName": "items", "Key": KEY, "ConditionExpression": "attribute_exists(pk)"}
    with pytest.raises(ClientError, match="TransactionCanceledException"):
        dynamodb(HOME).transact_write_items(
            TransactItems=[
                {"Put": {"TableName": "items", "Item": {**KEY, "sk": {"S": "b"}}}},
                {"Delete": there},
            ]
        )
    put(HOME, "1")
    assert PROPAGATION.pending == 1
    PROPAGATION.running.set()
    PROPAGATION.wait()
    assert dynamodb(OTHER).scan(TableName="items")["Count"] == 1


def test_each_region_streams_a_write_once() -> None:
    create()
    replicate()
    put(HOME, "1")
    PROPAGATION.wait()
    for region in (HOME, OTHER):
        streams = cast(Any, boto3).client("dynamodbstreams", region_name=region)
        arn = dynamodb(region).describe_table(TableName="items")["Table"]["LatestStreamArn"]
        shard = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
        iterator = streams.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
        records = streams.get_records(ShardIterator=iterator["ShardIterator"])["Records"]
        assert [record["eventName"] for record in records] == ["INSERT"]


def test_a_deleted_replica_receives_no_writes() -> None:
    create()
    replicate(KMSMasterKeyId="arn:aws:kms:eu-west-1:123456789012:key/mrk-1")
    (listed,) = dynamodb(HOME).describe_table(TableName="items")["Table"]["Replicas"]
    assert (listed["RegionName"], listed["KMSMasterKeyId"][-5:]) == (OTHER, "mrk-1")
    replicate("Delete")
    assert "Replicas" not in dynamodb(HOME).describe_table(TableName="items")["Table"]
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        value(OTHER)
    put(HOME, "1")
    PROPAGATION.wait()


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"StreamSpecification": {"StreamEnabled": False}}, "must have DynamoDB Streams enabled"),
        (
            {"BillingMode": "PROVISIONED", "ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}},
            "should either be Pay-Per-Request or AutoScaled",
        ),
    ],
)
def test_a_table_that_cannot_be_replicated_is_refused(settings: dict[str, Any], says: str) -> None:
    create(**settings)
    with pytest.raises(ClientError, match=says):
        replicate()


def test_the_lag_is_reported_and_set_over_http() -> None:
    def nothing(environ: Any, start_response: Any) -> Any:
        raise AssertionError("not ours")

    with httpx.Client(transport=httpx.WSGITransport(app=cast(Any, GlobalTables(nothing))), base_url="http://x") as api:
        assert api.put(PATH, json={"lag": 1.5}).json() == {"pending": 0, "lag": 1.5, "paused": False}
        assert api.put(PATH, json={"paused": True}).json()["paused"] is True
        assert not PROPAGATION.running.is_set()
        assert api.put(PATH, json={"paused": False}).json()["paused"] is False
        refused: list[Any] = [{"lag": -1}, {"lag": "1"}, {"lag": 1, "paused": True}, {"paused": 1}, []]
        for wrong in refused:
            assert api.put(PATH, json=wrong).status_code == 400
