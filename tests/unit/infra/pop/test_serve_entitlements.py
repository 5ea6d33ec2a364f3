"""Tests the service on a PoP machine that reads token entitlements from the metadata table. The edge worker sends its
requests to this service. On Cloudflare, the worker sends the same requests to Workers KV.
"""

from __future__ import annotations

import json
import threading
import time
import types
from collections.abc import Generator
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from contract import advisories
from contract.edge_policies import CURRENT, PARTITION
from contract.edge_policies import encode_entry as encode_policies
from contract.tokens import KEY_PREFIX, Record, Token, encode_document, encode_entry
from emulation.providers.aws.clients import client
from registry.delivery.purge import withdrawn_entry
from registry.metadata import Put
from registry.metadata.dynamodb import DynamoDbRepository
from tests.support.machine_program import load

pytestmark = pytest.mark.usefixtures("aws_cloud")

PROGRAM = Path(__file__).parents[4] / "infra/pop/machine/programs/serve-entitlements"
TABLE, NEAREST, HOME = "artifact-edge-test-metadata", "eu-west-1", "us-east-1"
DIGEST = "ab" * 32


def program() -> Any:
    return load(PROGRAM)


def create_table(region: str) -> DynamoDbRepository:
    client("dynamodb", {"region": region}).create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    return DynamoDbRepository(TABLE, region)


@pytest.fixture
def store() -> Generator[str]:
    """Yields the URL of a PoP machine's entitlement service. The service reads the metadata table's replicas in two
    regions. The table does not exist until a test creates it.
    """
    module = program()
    server = ThreadingHTTPServer(("127.0.0.1", 0), module.handler(module.Replicas(TABLE, [NEAREST, HOME])))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def read(store: str, key: str) -> tuple[int, str]:
    answer = httpx.get(f"{store}/{quote(key, safe='')}?cache_ttl=30", timeout=60, trust_env=False)
    return answer.status_code, answer.text


def put_token(repository: DynamoDbRepository, revoked: str = "", lifetime: int = 3600) -> Record:
    """Writes a token to the metadata table in the same form as `registry tokens`. Returns the token's record."""
    until = int(time.time()) + lifetime
    token = Token(DIGEST, "alice", ("npm:@acme/*:pull",), until, until, revoked)
    repository.transact([Put("tokens", DIGEST, encode_document(token), expires=until)])
    item = repository.item("tokens", DIGEST)
    return Record(DIGEST, item.version if item else 0, until, None if revoked else token.entitlement)


@pytest.mark.parametrize("revoked", ["", "2026-01-01T00:00:00Z"])
def test_entry_of_a_token_is_the_same_as_in_workers_kv(store: str, revoked: str) -> None:
    record = put_token(create_table(NEAREST), revoked)
    assert read(store, f"{KEY_PREFIX}{DIGEST}") == (200, encode_entry(record))


def test_unknown_and_expired_tokens_have_no_entry(store: str) -> None:
    repository = create_table(NEAREST)
    assert read(store, f"{KEY_PREFIX}{DIGEST}") == (404, "")
    put_token(repository, lifetime=-1)
    assert read(store, f"{KEY_PREFIX}{DIGEST}") == (404, "")
    assert read(store, "token:../quarantine") == (404, "")
    assert read(store, "npm-keys") == (404, "")


def test_withdrawn_objects_and_the_edge_policy_come_from_the_table(store: str) -> None:
    repository = create_table(NEAREST)
    assert read(store, "edge-policy") == (200, encode_policies([], []).decode())
    assert json.loads(read(store, "quarantine")[1]) == json.loads(withdrawn_entry([]))
    repository.transact([Put("quarantine", "npm/a/-/a-1.0.0.tgz", {}), Put("quarantine", "pypi/files/b/b.whl", {})])
    repository.transact([Put(PARTITION, CURRENT, {"version": 2, "policies": ["new", "old"]})])
    repository.transact([Put(PARTITION, advisories.CURRENT, {"advisories": ["osv"]})])
    expected = json.loads(withdrawn_entry(["npm/a/-/a-1.0.0.tgz", "pypi/files/b/b.whl"]))
    assert json.loads(read(store, "quarantine")[1]) == expected
    assert read(store, "edge-policy") == (200, encode_policies(["new", "old"], ["osv"]).decode())


def test_another_replica_answers_for_one_that_does_not(store: str) -> None:
    record = put_token(create_table(HOME))
    assert read(store, f"{KEY_PREFIX}{DIGEST}") == (200, encode_entry(record))


def test_for_a_day_without_the_nearest_replica_another_one_answers_until_each_token_expires() -> None:
    repository, module, now = create_table(HOME), program(), time.time()
    put_token(repository, lifetime=12 * 3600)
    repository.transact([Put("quarantine", "npm/a/-/a-1.0.0.tgz", {})])
    replicas = module.Replicas(TABLE, [NEAREST, HOME])
    module.time = types.SimpleNamespace(time=lambda: now, monotonic=lambda: now)
    for halves in range(50):
        entry = module.entry(replicas, f"{KEY_PREFIX}{DIGEST}")
        assert (entry is not None) is (halves < 24), f"after {halves} half-hours"
        assert "npm/a/-/a-1.0.0.tgz" in module.entry(replicas, "quarantine")
        now += 1800


def test_without_a_table_the_status_is_503_so_that_the_worker_refuses_clients(store: str) -> None:
    for key in (f"{KEY_PREFIX}{DIGEST}", "quarantine", "edge-policy"):
        assert read(store, key) == (503, "")
