"""Tests how token records reach the edge. The edge must keep each token's latest record, even if records arrive out of
order.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.serving import make_server

from contract.entitlements import read_change, to_write
from contract.tokens import Entitlement, MalformedRecord, Record, encode_entry, kv_pair, version_of
from emulation.cloudflare.api import PREFIX, create_app
from emulation.state_store import StateStore
from registry.cloudflare.api import CloudflareApi
from registry.cloudflare.token_entries import TokenEntries
from tests.support.harness import aws_account
from workers.entitlements import api, consumer, endpoint, lookup, protocol

ACCOUNT, NAMESPACE = "0" * 32, "n" * 32
KEY = "a key that the edge shares"
SOON = int(time.time()) + 3600


def digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def image(name: str, version: int, **more: Any) -> dict[str, Any]:
    document = {"principal": "alice", "grants": ["npm:*:pull"], "expires": SOON} | more.get("document", {})
    return {
        "pk": {"S": "tokens"},
        "sk": {"S": digest(name)},
        "version": {"N": str(version)},
        "expires": {"N": str(more.get("kept_until", SOON))},
        "document": {"S": json.dumps(document)},
    }


def change(name: str, version: int, *, sequence: int = 1, **more: Any) -> dict[str, Any]:
    images = {"OldImage" if more.pop("removed", False) else "NewImage": image(name, version, **more)}
    return {"eventName": "MODIFY", "dynamodb": {"SequenceNumber": str(sequence), **images}}


# --- tests of the entries of tokens in Workers KV, which the edge reads


def _record(name: str, version: int, revoked: bool) -> Record:
    good = Entitlement("alice", (f"npm:v{version}:pull",), SOON)
    return Record(digest(name), version, SOON, None if revoked else good)


versions = st.lists(
    st.builds(_record, st.sampled_from(["one", "two", "three"]), st.integers(0, 50), st.booleans()),
    unique_by=lambda record: (record.digest, record.version),
    min_size=1,
    max_size=12,
)


@given(versions, st.data())
def test_any_order_and_repetition_of_records_leaves_the_edge_with_the_latest(
    records: list[Record], data: st.DataObject
) -> None:
    repeated = records + data.draw(st.lists(st.sampled_from(records), max_size=10))
    arriving = data.draw(st.permutations(repeated))
    held: dict[str, str] = {}
    while arriving:
        size = data.draw(st.integers(1, len(arriving)))
        batch, arriving = arriving[:size], arriving[size:]
        held |= {record.key: encode_entry(record) for record in to_write(batch, held, time.time())}
    latest = {record.key: record for record in sorted(records, key=lambda record: record.version)}
    assert held == {key: encode_entry(record) for key, record in latest.items()}


def test_a_revoked_entry_outlives_every_version_of_the_token() -> None:
    revoked = Record(digest("x"), 7, SOON, None)
    assert kv_pair(revoked, time.time())["expiration"] == SOON
    assert (
        to_write([Record(digest("x"), 6, SOON, Entitlement("a", (), SOON))], {revoked.key: encode_entry(revoked)}, 0)
        == []
    )


def test_a_deleted_item_is_a_revoked_token() -> None:
    record = read_change(change("x", 7, removed=True))
    assert (record.version, record.entitlement) == (8, None)


def test_expired_entries_are_not_written() -> None:
    assert to_write([Record(digest("x"), 7, 100, None)], {}, now=101) == []


@pytest.mark.parametrize("text", [None, "", "{", "[]", "null", '{"version":1}', '{"revision":"x"}'])
def test_any_version_replaces_an_entry_without_one(text: str | None) -> None:
    assert version_of(text) == -1


@pytest.mark.parametrize(
    "document",
    [{"grants": "npm:*:pull"}, {"grants": [1]}, {"principal": None}, {"expires": "tomorrow"}],
)
def test_an_invalid_document_is_malformed(document: Mapping[str, Any]) -> None:
    with pytest.raises(MalformedRecord):
        read_change(change("x", 1, document=document))


@pytest.mark.parametrize("missing", ["sk", "document", "version", "expires"])
def test_an_item_without_its_attributes_is_malformed(missing: str) -> None:
    whole = image("x", 1)
    del whole[missing]
    with pytest.raises(MalformedRecord):
        read_change({"dynamodb": {"SequenceNumber": "1", "NewImage": whole}})


# --- tests of the function that copies changed tokens to the edge, with the emulated Cloudflare and moto's AWS


class Edge:
    """Serves the emulated Cloudflare's key-value store over real HTTP.

    While `works` is false, each response is an error.
    """

    def __init__(self, directory: Path) -> None:
        self.store = StateStore(directory / "state.sqlite")
        self.store.put("namespace", ACCOUNT, NAMESPACE, {"id": NAMESPACE, "title": "entitlements"})
        self.works = True
        self.requests: list[str] = []
        application: Any = create_app(self.store)

        def answer(environ: Any, start: Any) -> Any:
            self.requests.append(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO'].rsplit('/', 1)[-1]}")
            if not self.works:
                start("500 Internal Server Error", [])
                return [b""]
            return application(environ, start)

        self.server = make_server("127.0.0.1", 0, answer, threaded=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}{PREFIX}"

    def entry(self, name: str) -> Any:
        found = self.store.read(NAMESPACE, f"token:{digest(name)}")
        return json.loads(found.value) if found else None


@pytest.fixture
def edge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Edge]:
    made = Edge(tmp_path)
    with aws_account():
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        secrets = cast(Any, boto3).client("secretsmanager", region_name="eu-west-1")
        secrets.create_secret(Name="test/secret", SecretString=json.dumps({"api_token": "t", "key": KEY}))
        queue = cast(Any, boto3).client("sqs").create_queue(QueueName="dead")["QueueUrl"]
        settings = {
            "ACCOUNT_ID": ACCOUNT,
            "NAMESPACE_ID": NAMESPACE,
            "SECRET_ID": "test/secret",
            "SECRET_REGION": "eu-west-1",
            "DEAD_LETTERS": queue,
            "CLOUDFLARE_BASE_URL": made.url,
            "TABLE": "metadata",
        }
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        _forget()
        yield made
        _forget()
    made.server.shutdown()
    made.store.close()


def _forget() -> None:
    """Clears the caches that an instance of a Lambda function keeps between invocations."""
    for cached in (consumer._edge, api._key, api._client):  # pyright: ignore[reportPrivateUsage]
        cached.cache_clear()
    api.endpoint = endpoint.Endpoint()


def consume(*changes: Mapping[str, Any]) -> Sequence[Mapping[str, str]]:
    return consumer.handler({"Records": list(changes)}, None)["batchItemFailures"]


def dead() -> list[Any]:
    messages = (
        cast(Any, boto3).client("sqs").receive_message(QueueUrl=os.environ["DEAD_LETTERS"], MaxNumberOfMessages=10)
    )
    return [json.loads(message["Body"]) for message in messages.get("Messages", [])]


def test_a_batch_reaches_the_edge_in_two_requests(edge: Edge) -> None:
    changes = [change(str(number), 1, sequence=number) for number in range(80)]
    assert consume(*changes, change("3", 2, document={"revoked": "2026-11-24"})) == []
    assert edge.entry("7") == {
        "version": 1,
        "revision": 1,
        "principal": "alice",
        "expires": SOON,
        "grants": ["npm:*:pull"],
    }
    assert edge.entry("3") == {"version": 1, "revision": 2, "revoked": True}
    assert edge.requests == ["POST get", "PUT bulk"]


def test_a_replayed_older_grant_does_not_restore_a_revoked_token(edge: Edge) -> None:
    grant, revocation = change("x", 5), change("x", 6, document={"revoked": "2026-11-24"})
    for changes in ([grant], [revocation], [grant], [grant, revocation], [revocation, grant]):
        assert consume(*changes) == []
    assert edge.entry("x") == {"version": 1, "revision": 6, "revoked": True}
    kept = edge.store.read(NAMESPACE, f"token:{digest('x')}")
    assert kept is not None and kept.expiration == SOON


def test_an_unreadable_change_is_dead_lettered_and_the_others_are_delivered(edge: Edge) -> None:
    poison = change("bad", 1, sequence=2, document={"grants": "secret-looking"})
    assert consume(change("good", 1, sequence=1), poison, change("better", 1, sequence=3)) == []
    assert edge.entry("good") and edge.entry("better") and edge.entry("bad") is None
    (dead_letter,) = dead()
    assert dead_letter["sequenceNumber"] == "2"
    assert digest("bad") not in json.dumps(dead_letter) and "secret-looking" not in json.dumps(dead_letter)


def test_while_the_edge_does_not_answer_the_batch_is_retried(edge: Edge) -> None:
    edge.works = False
    assert consume(change("x", 1, sequence=41), change("y", 1, sequence=42)) == [{"itemIdentifier": "41"}]
    edge.works = True
    assert consume(change("x", 1, sequence=41), change("y", 1, sequence=42)) == []
    assert edge.entry("x") and edge.entry("y")
    assert dead() == []


def test_logs_contain_no_token(edge: Edge, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    edge.works = False
    consume(change("x", 1))
    edge.works = True
    consume(change("x", 1), change("bad", 1, document={"grants": 1}))
    ours = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("workers."))
    assert "will be retried" in ours and "dead-letter queue" in ours
    assert digest("x") not in caplog.text and digest("bad") not in ours


def test_large_batches_are_read_in_several_bulk_reads(edge: Edge) -> None:
    records = [read_change(change(str(number), 1)) for number in range(150)]
    TokenEntries(CloudflareApi("t", edge.url), ACCOUNT, NAMESPACE).update(records)
    assert edge.requests.count("POST get") == 2
    assert all(edge.entry(str(number)) for number in range(150))


# --- tests of the metadata API


@pytest.fixture
def table(edge: Edge) -> Any:
    dynamodb = cast(Any, boto3).client("dynamodb")
    dynamodb.create_table(
        TableName="metadata",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    )
    return dynamodb


def query(name: str, *, key: str = KEY, at: float | None = None, body: str = "") -> Mapping[str, Any]:
    moment = int(time.time() if at is None else at)
    text = body or json.dumps({"digest": digest(name)})
    mac = hmac.new(key.encode(), f"{moment}.{text}".encode(), hashlib.sha256).hexdigest()
    return api.handler({"headers": {protocol.SIGNATURE_HEADER: f"t={moment},v1={mac}"}, "body": text}, None)


def test_the_api_answers_with_the_edges_entry(table: Any) -> None:
    table.put_item(TableName="metadata", Item=image("x", 4))
    table.put_item(TableName="metadata", Item=image("gone", 5, document={"revoked": "2026-11-24"}))
    answer = query("x")
    assert answer["statusCode"] == 200
    assert json.loads(answer["body"])["grants"] == ["npm:*:pull"]
    assert json.loads(query("gone")["body"]) == {"version": 1, "revision": 5, "revoked": True}
    assert query("unknown")["statusCode"] == 404


def test_the_api_refuses_unsigned_requests(table: Any) -> None:
    table.put_item(TableName="metadata", Item=image("x", 4))
    now = time.time()
    assert query("x", key="another")["statusCode"] == 403
    assert query("x", at=now - 90)["statusCode"] == 403
    assert query("x", at=now + 90)["statusCode"] == 403
    body = json.dumps({"digest": digest("x")})
    assert api.handler({"headers": {}, "body": body}, None)["statusCode"] == 403
    mac = hmac.new(KEY.encode(), f"{int(now)}.{{}}".encode(), hashlib.sha256).hexdigest()
    signature = {protocol.SIGNATURE_HEADER: f"t={int(now)},v1={mac}"}
    assert api.handler({"headers": signature, "body": body}, None)["statusCode"] == 403


def test_the_api_caches_an_absence_for_some_seconds(table: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert query("x")["statusCode"] == 404
    table.put_item(TableName="metadata", Item=image("x", 4))
    assert query("x")["statusCode"] == 404
    later = time.time() + lookup.NEGATIVE_SECONDS + 1
    monkeypatch.setattr(time, "time", lambda: later)
    assert query("x")["statusCode"] == 200


def test_the_api_limits_the_rate_of_lookups(table: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    lookups = lookup.Lookups(lookup.TokenBucket(rate=0, burst=3))
    monkeypatch.setattr(api, "endpoint", endpoint.Endpoint(lookups))
    assert [query(str(number))["statusCode"] for number in range(5)] == [404, 404, 404, 429, 429]


def test_the_api_is_unavailable_when_the_table_does_not_answer(edge: Edge) -> None:
    assert query("x")["statusCode"] == 503


@pytest.mark.parametrize("body", ["x", "[]", "{}", '{"digest":"short"}', '{"digest":1}'])
def test_the_api_refuses_an_invalid_digest(table: Any, body: str) -> None:
    assert query("", body=body)["statusCode"] == 400


def test_an_expired_token_is_absent(table: Any) -> None:
    table.put_item(TableName="metadata", Item=image("x", 4, kept_until=int(time.time()) - 5))
    assert query("x")["statusCode"] == 404
