"""Tests that a changed token takes effect at the edge. The edge learns of the change through the database's change
stream, or by a query of the metadata API.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from cloudflare import Cloudflare

from emulation.layout import CLIENT_LOCATIONS
from registry.catalog.audit import By
from registry.cloudflare.api import CloudflareUnavailable
from registry.cloudflare.token_entries import TokenEntries
from registry.target import Target
from registry.tokens import resync, tokens
from tests.support.sandbox.commands import registry
from tests.support.sandbox.edge import access, target_of
from tests.support.sandbox.up import Up
from tests.support.waiting import eventually

US_EAST, EU_WEST, _ = CLIENT_LOCATIONS
PATH = "/npm/@acme/greeting"
# Seconds that a test waits until a token's change reaches the edge. The project promises that this takes at most 5 s,
# but a busy machine can take longer.
WITHIN = 120.0
BY = By("sandbox test", "", "tokens")


@pytest.fixture
def target(up: Up, monkeypatch: pytest.MonkeyPatch) -> Target:
    return target_of(up, monkeypatch)


@pytest.fixture
def no_direct_write(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the registry's direct writes to the edge fail, so that only the change stream of the metadata database
    updates the edge.
    """

    def do_nothing(edge: TokenEntries, records: object) -> None:
        raise CloudflareUnavailable("out of reach, for the test")

    monkeypatch.setattr(TokenEntries, "update", do_nothing)


@pytest.fixture
def clients(up: Up) -> Iterator[list[httpx.Client]]:
    """Yields HTTP clients at two PoPs. The clients send no token unless a test adds one."""
    opened = [httpx.Client(**access(up, client_location, "anonymous")) for client_location in (US_EAST, EU_WEST)]
    yield opened
    for client in opened:
        client.close()


def status(client: httpx.Client, token: str) -> int:
    return client.get(PATH, headers={"Authorization": f"Bearer {token}"}).status_code


def seconds_until(client: httpx.Client, token: str, wanted: int) -> float:
    """Returns the number of seconds until the edge answers with status `wanted`. Fails if that takes longer than
    `WITHIN` seconds.
    """
    start = time.monotonic()
    while (found := status(client, token)) != wanted:
        assert time.monotonic() - start < WITHIN, f"still {found} after {WITHIN} s, and not {wanted}"
        time.sleep(0.05)
    return time.monotonic() - start


def create(target: Target, grants: list[str]) -> tuple[str, str]:
    """Creates a token, and returns its secret value and its digest."""
    made = tokens.create(target, BY, "sandbox-test", grants, 3600)
    return made.text, made.token.digest


def edge_values(target: Target) -> Any:
    return Cloudflare().kv.namespaces.values


def where(target: Target) -> dict[str, str]:
    return {"account_id": target.entitlements.account_id, "namespace_id": target.entitlements.namespace_id}


def entry(target: Target, digest: str) -> Any:
    """Returns the token's entry in the edge's key-value store, or None if the store has no such entry."""
    found = target.token_entries.read([f"token:{digest}"])
    return json.loads(found[f"token:{digest}"]) if found else None


def until_entry(target: Target, digest: str, version: int) -> float:
    """Waits until the edge's key-value store has this version of the token's entry or a later one. Returns how many
    seconds this took. Fails after `WITHIN` seconds.
    """
    start = time.monotonic()
    while (entry(target, digest) or {"revision": -1})["revision"] < version:
        assert time.monotonic() - start < WITHIN
        time.sleep(0.02)
    return time.monotonic() - start


def version(target: Target, digest: str) -> int:
    item = target.repository.item("tokens", digest)
    assert item is not None
    return item.version


def until_delivered(target: Target) -> None:
    """Waits until the change stream of the metadata database has delivered all earlier changes to the edge.

    The change stream delivers changes in the order in which they were made. The function therefore creates one more
    token, whose entry only the change stream writes to the edge, and waits for this entry.
    """

    def fail(*_: object) -> None:
        raise CloudflareUnavailable("out of reach, for the test")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(TokenEntries, "update", fail)
        _text, digest = create(target, ["npm:other:pull"])
    until_entry(target, digest, version(target, digest))


def print_time(what: str, seconds: float) -> None:
    """Prints a measured time. `pytest -rP` shows the output, and docs/entitlements.md contains some of these times."""
    print(f"{what}: {seconds:.2f} s")


def test_grants_and_revocations_take_effect_in_time(target: Target, clients: list[httpx.Client]) -> None:
    text, digest = create(target, ["npm:other:pull"])
    for client in clients:
        # If the key-value store or the metadata API is busy and exceeds the edge's time limit, the edge answers 503.
        # The test then repeats the request.
        seconds_until(client, text, 403)
    tokens.change_grants(target, BY, digest, add=["npm:@acme/*:pull"])
    for client in clients:
        print_time("a grant, written directly", seconds_until(client, text, 200))
    tokens.revoke(target, BY, digest)
    for client in clients:
        print_time("a revocation, written directly", seconds_until(client, text, 401))


@pytest.mark.usefixtures("no_direct_write")
def test_grants_and_revocations_take_effect_in_time_through_the_stream_alone(
    target: Target, clients: list[httpx.Client]
) -> None:
    text, digest = create(target, ["npm:other:pull"])
    print_time("the store has a token", until_entry(target, digest, version(target, digest)))
    for client in clients:
        # If the key-value store or the metadata API is busy and exceeds the edge's time limit, the edge answers 503.
        # The test then repeats the request.
        seconds_until(client, text, 403)
    changed = tokens.change_grants(target, BY, digest, add=["npm:@acme/*:pull"])
    assert changed.edge_error
    print_time("the store has a grant", until_entry(target, digest, version(target, digest)))
    for client in clients:
        print_time("a grant, by the stream", seconds_until(client, text, 200))
    tokens.revoke(target, BY, digest)
    for client in clients:
        print_time("a revocation, by the stream", seconds_until(client, text, 401))
    # The edge also reads revocations from a feed. The status 401 therefore does not mean that the change stream has
    # already written the revocation to the key-value store, so the test waits until the store has it.
    revoked = {"version": 1, "revision": version(target, digest), "revoked": True}
    assert eventually(lambda: entry(target, digest) == revoked), entry(target, digest)


@pytest.mark.usefixtures("no_direct_write")
def test_a_rotated_token_works_at_once_and_the_old_one_expires(target: Target, clients: list[httpx.Client]) -> None:
    old, digest = create(target, ["npm:@acme/*:pull"])
    for client in clients:
        seconds_until(client, old, 200)
    new = tokens.rotate(target, BY, digest, 3600, 0).text
    for client in clients:
        seconds_until(client, new, 200)
        seconds_until(client, old, 401)


def test_a_token_without_an_entry_is_looked_up(target: Target, clients: list[httpx.Client]) -> None:
    good, kept = create(target, ["npm:@acme/*:pull"])
    gone, revoked = create(target, ["npm:@acme/*:pull"])
    tokens.revoke(target, BY, revoked)
    # The change stream must have delivered all earlier changes before the test deletes the entries of the tokens. A
    # later delivery would write the deleted entries again.
    until_delivered(target)
    for digest in (kept, revoked):
        edge_values(target).delete(f"token:{digest}", **where(target))
        assert entry(target, digest) is None
    for client in clients:
        # The edge answers 503 if the busy metadata API exceeds the edge's time limit. The test then repeats the
        # request.
        seconds_until(client, good, 200)
        seconds_until(client, gone, 401)
        seconds_until(client, "ae_made-up", 401)
    # The edge worker's key-value store still has no entry for the token, so the edge must have read the token from the
    # metadata API.
    assert entry(target, kept) is None


def dead_letters(up: Up) -> tuple[Any, str]:
    sqs = up.aws("sqs")
    return sqs, sqs.get_queue_url(QueueName="artifact-edge-local-entitlements-dead")["QueueUrl"]


@pytest.mark.usefixtures("no_direct_write")
def test_an_unreadable_change_is_dead_lettered_and_the_others_are_delivered(
    up: Up, target: Target, clients: list[httpx.Client]
) -> None:
    sqs, queue = dead_letters(up)
    poison = {
        "pk": {"S": "tokens"},
        "sk": {"S": "not-a-digest"},
        "document": {"S": "{"},
        "version": {"N": "1"},
        "expires": {"N": str(int(time.time()) + 3600)},
    }
    table = {"TableName": target.metadata.table}
    up.aws("dynamodb").put_item(**table, Item=poison)
    try:
        text, _digest = create(target, ["npm:@acme/*:pull"])
        for client in clients:
            seconds_until(client, text, 200)
        deadline = time.monotonic() + 120
        waiting: dict[str, str] = {}
        while waiting.get("ApproximateNumberOfMessages") != "1":
            assert time.monotonic() < deadline, waiting
            time.sleep(0.1)
            waiting = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
        (message,) = sqs.receive_message(QueueUrl=queue)["Messages"]
        assert json.loads(message["Body"])["reason"].startswith("the item lacks sk, document")
    finally:
        up.aws("dynamodb").delete_item(**table, Key={name: poison[name] for name in ("pk", "sk")})
        sqs.purge_queue(QueueUrl=queue)


def test_a_resync_repairs_the_edge(up: Up, target: Target, clients: list[httpx.Client]) -> None:
    resync.resync(target)
    missing, lost = create(target, ["npm:@acme/*:pull"])
    stale, spoilt = create(target, ["npm:@acme/*:pull"])
    # The change stream must have delivered all changes to the edge before the entry is deleted below. A later delivery
    # would write the deleted entry again.
    until_delivered(target)
    edge_values(target).delete(f"token:{lost}", **where(target))
    wrong = json.dumps({**entry(target, spoilt), "grants": ["npm:nothing:pull"]}).encode()
    edge_values(target).update(f"token:{spoilt}", value=wrong, **where(target))
    result = registry(up, "entitlements", "resync")
    assert result.returncode == 0, result.stderr
    assert "repaired at the edge: 1 missing, 1 stale, 0 without a record" in result.stdout
    assert entry(target, lost)["grants"] == entry(target, spoilt)["grants"] == ["npm:@acme/*:pull"]
    for client in clients:
        seconds_until(client, missing, 200)
        seconds_until(client, stale, 200)
