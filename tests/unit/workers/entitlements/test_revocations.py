"""Tests the metadata API's feed of revocations. The tests check which changed tokens and withdrawn objects the feed's
document lists, and how often the metadata API reads the database for the document.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from contract import revocations as contract
from registry import publish, unpublish
from registry.catalog.audit import By
from registry.delivery import quarantine
from registry.delivery.deliver import Delivery
from registry.ecosystems.packages import parse
from registry.metadata import Put
from registry.tokens import tokens
from tests.support.packages import tarball
from tests.support.registry import Network, network
from workers.entitlements import api
from workers.entitlements.endpoint import Endpoint
from workers.entitlements.feed import REUSED_SECONDS
from workers.entitlements.protocol import SIGNATURE_HEADER, DatabaseUnavailable
from workers.entitlements.revocations import revocations_feed

__all__ = ["network"]

KEY = "a key that the edge shares"
BY = By("carol", "arn:aws:iam::123456789012:user/carol", "tokens")


@pytest.fixture(autouse=True)
def function(network: Network, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Gives each test a new instance of the Lambda function that serves the metadata API. The function reads the
    metadata table that the test's registry commands write.
    """
    monkeypatch.setenv("TABLE", network.target.metadata.table)
    monkeypatch.setenv("AWS_DEFAULT_REGION", network.target.metadata.region)
    monkeypatch.setattr(api, "endpoint", Endpoint())
    monkeypatch.setattr(api, "_key", lambda: KEY)
    api._client.cache_clear()  # pyright: ignore[reportPrivateUsage]
    yield
    api._client.cache_clear()  # pyright: ignore[reportPrivateUsage]


def request(*, key: str = KEY, body: str = '{"feed":"revocations"}') -> Any:
    now = int(time.time())
    mac = hmac.new(key.encode(), f"{now}.{body}".encode(), hashlib.sha256).hexdigest()
    return api.handler({"headers": {SIGNATURE_HEADER: f"t={now},v1={mac}"}, "body": body}, None)


def document() -> Any:
    """Requests the revocation feed from a new instance of the metadata API."""
    api.endpoint = Endpoint()
    return json.loads(request()["body"])


def version(network: Network, digest: str) -> int:
    item = network.target.repository.item("tokens", digest)
    assert item is not None
    return item.version


def test_the_feed_names_a_revoked_token_by_its_digest(network: Network) -> None:
    issued = tokens.create(network.target, BY, "alice", ["npm:*:pull"], 3600)
    assert document()["tokens"] == {}
    tokens.revoke(network.target, BY, issued.token.digest)
    found = document()
    digest = issued.token.digest
    assert found["tokens"] == {digest: {"revision": version(network, digest), "revoked": True}}
    assert issued.text not in json.dumps(found) and "alice" not in json.dumps(found)


def test_the_feed_has_the_version_of_a_token_with_changed_grants(network: Network) -> None:
    digest = tokens.create(network.target, BY, "alice", ["npm:*:pull"], 3600).token.digest
    tokens.change_grants(network.target, BY, digest, add=["npm:x:pull"], remove=["npm:*:pull"])
    assert document()["tokens"] == {digest: {"revision": version(network, digest)}}


def test_the_feed_has_the_version_of_a_rotated_token_and_not_its_successor(network: Network) -> None:
    digest = tokens.create(network.target, BY, "alice", ["npm:*:pull"], 3600).token.digest
    tokens.rotate(network.target, BY, digest, 3600, 0)
    assert document()["tokens"] == {digest: {"revision": version(network, digest)}}


def _deliver_nothing(*_: object) -> list[str]:
    return []


def test_the_feed_names_an_unpublished_version_before_its_delivery(
    network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish.publish(network.target, [tarball(tmp_path / "x.tgz", {"name": "x", "version": "1.0.0"})], BY)
    assert document()["objects"] == []
    monkeypatch.setattr(Delivery, "deliver", _deliver_nothing)
    publish.apply(network.target, [unpublish.unpublished(network.target, parse("npm:x@1.0.0"), force=False)], BY)
    assert document()["objects"] == ["npm/x/-/x-1.0.0.tgz"]


def test_the_feed_names_quarantined_objects(network: Network) -> None:
    keys = [f"npm/x/-/x-{number}.tgz" for number in range(100)]
    quarantine.withdraw(network.target.repository, network.target.edge, network.target.origin, keys)
    assert document()["objects"] == keys


def test_the_feed_forgets_what_the_edges_store_has_shown_for_long(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = tokens.create(network.target, BY, "alice", ["npm:*:pull"], 3600).token.digest
    tokens.revoke(network.target, BY, digest)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + contract.WINDOW_SECONDS - 60)
    assert digest in document()["tokens"]
    monkeypatch.setattr(time, "time", lambda: now + contract.WINDOW_SECONDS + 60)
    assert document()["tokens"] == {}


def test_a_change_that_cannot_be_read_hides_no_other(network: Network, caplog: pytest.LogCaptureFixture) -> None:
    poison = Put(contract.PARTITION, contract.item_name(time.time(), "00"), {"token": "x"})
    network.target.repository.transact([poison])
    quarantine.withdraw(network.target.repository, network.target.edge, network.target.origin, ["npm/x"])
    assert document()["objects"] == ["npm/x"]
    assert "cannot be read, and reaches the edge late" in caplog.text


def test_many_changes_come_in_several_pages(network: Network) -> None:
    keys = [f"npm/{'x' * 900}/{number}" for number in range(300)]
    for start in range(0, len(keys), 60):
        name = contract.item_name(time.time(), str(start))
        filler = {**contract.withdrawal(keys[start : start + 60]), "filler": "x" * 300_000}
        network.target.repository.transact([Put(contract.PARTITION, name, filler)])
    assert document()["objects"] == keys


def test_the_answer_may_be_cached_for_two_seconds_and_is_better_than_none_afterwards() -> None:
    answer = request()
    assert (answer["statusCode"], answer["headers"]["content-type"]) == (200, "application/json")
    assert answer["headers"]["cache-control"] == "public, max-age=2, stale-if-error=900"


def test_only_a_signed_request_gets_the_feed_and_only_a_known_one_exists() -> None:
    assert request(key="another")["statusCode"] == 403
    assert request(body='{"feed":"another"}')["statusCode"] == 400


class Counted:
    """Emulates a metadata database. Counts the reads, and fails if a test sets `works` to false."""

    def __init__(self) -> None:
        self.reads, self.works = 0, True

    def token(self, digest: str) -> None:
        return None

    def documents(self, partition: str, after: str) -> list[str]:
        self.reads += 1
        if not self.works:
            raise DatabaseUnavailable("for the test")
        return []


def test_an_instance_reads_the_database_once_for_requests_that_come_together() -> None:
    database, feed = Counted(), revocations_feed()
    documents = [feed.answer(database, 1000 + after).body for after in (0, REUSED_SECONDS / 2, REUSED_SECONDS)]
    assert (database.reads, len(set(documents))) == (1, 1)
    later = json.loads(feed.answer(database, 1001).body)
    assert (database.reads, later["read"]) == (2, 1001)


def test_a_feed_is_read_again_after_the_clock_was_set_back() -> None:
    database, feed = Counted(), revocations_feed()
    assert [json.loads(feed.answer(database, now).body)["read"] for now in (1000, 940)] == [1000, 940]
    assert (feed.answer(database, 939).status, database.reads) == (200, 2)


def test_a_feed_that_cannot_be_read_is_unavailable_and_never_an_old_one() -> None:
    database, feed = Counted(), revocations_feed()
    assert feed.answer(database, 1000).status == 200
    database.works = False
    assert feed.answer(database, 1001).status == 503
    database.works = True
    assert feed.answer(database, 1001).status == 200
