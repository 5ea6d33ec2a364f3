"""Tests the records of client tokens in the database, and the entries of these tokens at the edge. No failure and no
late update may make a revoked token valid again.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable
from typing import Any, cast

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from typer.testing import CliRunner, Result

from registry import RegistryError
from registry.__main__ import app
from registry.catalog.audit import By, entries
from registry.metadata import Conflict, Put
from registry.target import Target
from registry.tokens import resync, tokens
from tests.support.registry import ACCOUNT, Network, commands_use, network, on_s3_only

__all__ = ["network"]

GRANTS = ["npm:@acme/*:pull", "oci:acme/*:pull"]
BY = By("carol", "arn:aws:iam::123456789012:user/carol", "tokens")


def create(network: Network, **more: Any) -> str:
    return tokens.create(network.target, BY, "alice", more.get("grants", GRANTS), more.get("seconds", 3600)).text


def digest_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def id_of(token: str) -> str:
    return digest_of(token)[:12]


def put_entry(network: Network, digest: str, value: Any) -> None:
    network.edge.kv.namespaces.values.update(
        f"token:{digest}",
        account_id=ACCOUNT,
        namespace_id=network.target.entitlements.namespace_id,
        value=json.dumps(value).encode(),
        expiration=int(time.time()) + 3600,
    )


def drop_entry(network: Network, digest: str) -> None:
    namespace = network.target.entitlements.namespace_id
    network.edge.kv.namespaces.values.delete(f"token:{digest}", account_id=ACCOUNT, namespace_id=namespace)


def item(network: Network, digest: str) -> Any:
    found = network.target.repository.item("tokens", digest)
    assert found is not None
    return found


def test_a_token_has_256_bits_and_only_its_digest_is_stored(network: Network) -> None:
    token = create(network)
    assert re.fullmatch(r"ae_[A-Za-z0-9_-]{43}", token)
    entry = network.entry(digest_of(token))
    assert {name: entry[name] for name in ("version", "principal", "grants")} == {
        "version": 1,
        "principal": "alice",
        "grants": GRANTS,
    }
    assert entry["revision"] == item(network, digest_of(token)).version
    assert 3500 < entry["expires"] - time.time() < 3700
    kept = cast(Any, boto3).client("dynamodb", region_name="us-east-1").scan(TableName="metadata")["Items"]
    assert token not in str(kept)
    assert digest_of(token) in str(kept)


def test_a_revoked_token_stays_revoked_in_the_database_and_at_the_edge(network: Network) -> None:
    first, second = create(network), create(network)
    granted = item(network, digest_of(first))
    tokens.revoke(network.target, BY, id_of(first))
    revoked = item(network, digest_of(first))
    assert revoked.version > granted.version
    assert revoked.expires == granted.expires
    assert network.entry(digest_of(first)) == {"version": 1, "revision": revoked.version, "revoked": True}
    assert network.entry(digest_of(second))["principal"] == "alice"
    assert [token.digest for token in tokens.tokens(network.target)] == [digest_of(second)]
    assert len(tokens.tokens(network.target, ended=True)) == 2
    with pytest.raises(RegistryError, match="no token has the id"):
        tokens.change_grants(network.target, BY, id_of(first), add=["npm:*:pull"])


def test_grants_are_added_and_removed(network: Network) -> None:
    token = create(network)
    tokens.change_grants(network.target, BY, id_of(token), add=["pypi:acme-*:pull"], remove=["oci:acme/*:pull"])
    assert network.entry(digest_of(token))["grants"] == ["npm:@acme/*:pull", "pypi:acme-*:pull"]
    assert tokens.tokens(network.target)[0].grants == ("npm:@acme/*:pull", "pypi:acme-*:pull")
    with pytest.raises(RegistryError, match=r"has no grant 'npm:left-pad:pull'"):
        tokens.change_grants(network.target, BY, id_of(token), remove=["npm:left-pad:pull"])


def test_a_rotated_token_has_a_successor_and_expires_after_the_overlap(network: Network) -> None:
    old = create(network)
    before = item(network, digest_of(old))
    new = tokens.rotate(network.target, BY, id_of(old), 7200, 300).text
    assert new != old
    assert network.entry(digest_of(new))["grants"] == GRANTS
    assert 7100 < network.entry(digest_of(new))["expires"] - time.time() < 7300
    assert 200 < network.entry(digest_of(old))["expires"] - time.time() < 400
    # A rotation replaces a token by a new one. It shortens the old token's validity at the edge, and does not change
    # how long the database keeps the token's record.
    assert item(network, digest_of(old)).expires == before.expires
    again = tokens.rotate(network.target, BY, id_of(new), 7200, 0).text
    assert network.entry(digest_of(new))["expires"] <= time.time()
    assert {token.digest for token in tokens.tokens(network.target)} == {digest_of(old), digest_of(again)}


def test_a_rotation_does_not_extend_a_tokens_expiry(network: Network) -> None:
    old = create(network, seconds=60)
    tokens.rotate(network.target, BY, id_of(old), 7200, 3600)
    assert network.entry(digest_of(old))["expires"] < time.time() + 61


def test_each_change_is_in_the_audit_log_and_no_secret_is(network: Network) -> None:
    token = create(network)
    tokens.change_grants(network.target, BY, id_of(token), add=["npm:web:pull"])
    tokens.revoke(network.target, BY, id_of(token))
    messages = [entry.what for entry in entries(network.target.repository)]
    assert messages == [f"token {id_of(token)} of alice"] * 3
    assert token not in str(list(entries(network.target.repository)))


def test_a_change_the_edge_missed_is_recorded_and_reported(network: Network) -> None:
    first = create(network)
    network.cloudflare.away = True
    created = tokens.create(network.target, BY, "bob", GRANTS, 3600)
    revoked = tokens.revoke(network.target, BY, id_of(first))
    assert created.text and created.edge_error and revoked.edge_error
    assert [token.principal for token in tokens.tokens(network.target)] == ["bob"]


@on_s3_only
def test_an_issued_token_is_not_lost_when_the_database_is_lost(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_: Any) -> None:
        raise EndpointConnectionError(endpoint_url="https://dynamodb.test")

    monkeypatch.setattr(network.target.repository, "item", lost)
    created = tokens.create(network.target, BY, "bob", GRANTS, 3600)
    assert created.text.startswith("ae_")
    assert "Could not connect" in created.edge_error


@pytest.mark.parametrize(("backend", "code", "says"), [("dynamodb", 0, "warning: "), ("spanner", 1, "error: ")])
def test_the_operator_learns_that_the_edge_missed_the_change(
    network: Network, monkeypatch: pytest.MonkeyPatch, backend: str, code: int, says: str
) -> None:
    token = create(network)
    network.cloudflare.away = True
    metadata = network.target.metadata.model_copy(update={"backend": backend})
    target = network.target.model_copy(update={"metadata": metadata})
    monkeypatch.setattr(Target, "repository", network.target.repository)

    commands_use(monkeypatch, target)
    other = create(network)
    arguments = ["tokens", "revoke", id_of(token), id_of(other), "--stack-outputs", "-"]
    result = CliRunner().invoke(app, arguments)
    assert result.stdout == f"revoked {id_of(token)} of alice\nrevoked {id_of(other)} of alice\n"
    assert f"{says}the change is committed, but the edge could not be updated" in result.output
    assert result.exit_code == code


@on_s3_only
def test_a_wrong_id_does_not_keep_other_tokens_valid(network: Network, run: Callable[..., Result]) -> None:
    token = create(network)
    result = run("revoke", "ffff", id_of(token))
    assert tokens.tokens(network.target) == []
    assert (result.exit_code, result.stdout) == (1, f"revoked {id_of(token)} of alice\n")
    assert "error: no token has the id 'ffff'" in result.stderr


def test_a_concurrent_change_is_applied_to_the_other_changes_result(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = create(network)
    transact, interfered = network.target.repository.transact, list[bool]()

    def overtaken(writes: Any) -> None:
        if not interfered:
            interfered.append(True)
            tokens.change_grants(network.target, BY, id_of(token), add=["npm:other:pull"])
        transact(writes)

    monkeypatch.setattr(network.target.repository, "transact", overtaken)
    tokens.change_grants(network.target, BY, id_of(token), remove=["npm:@acme/*:pull"])
    assert network.entry(digest_of(token))["grants"] == ["oci:acme/*:pull", "npm:other:pull"]


def test_a_token_that_others_keep_changing_is_an_error(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    token = create(network)

    def conflict(writes: Any) -> None:
        raise Conflict("tokens", digest_of(token))

    monkeypatch.setattr(network.target.repository, "transact", conflict)
    for change in (
        lambda: tokens.revoke(network.target, BY, id_of(token)),
        lambda: tokens.rotate(network.target, BY, id_of(token), 7200, 0),
    ):
        with pytest.raises(RegistryError, match="other processes keep changing this token; try again"):
            change()


def test_an_older_change_that_arrives_last_leaves_the_edge_as_it_was(network: Network) -> None:
    token = create(network)
    digest = digest_of(token)
    granted = tokens.record_of(item(network, digest))
    tokens.revoke(network.target, BY, id_of(token))
    network.target.token_entries.update([granted])
    assert network.entry(digest)["revoked"] is True


def test_a_resync_repairs_missing_stale_and_orphaned_entries(network: Network) -> None:
    missing, stale, resurrected, right = (create(network) for _ in range(4))
    tokens.revoke(network.target, BY, id_of(resurrected))
    drop_entry(network, digest_of(missing))
    changed = {"version": 1, "revision": 1, "principal": "alice", "expires": 4_000_000_000, "grants": ["npm:*:pull"]}
    for digest in (digest_of(stale), digest_of(resurrected), "f" * 64):
        put_entry(network, digest, changed)
    before = network.entry(digest_of(right))
    assert resync.resync(network.target) == resync.Repaired(4, 1, 2, 1, ())
    assert network.entry(digest_of(missing))["grants"] == GRANTS
    assert network.entry(digest_of(stale))["grants"] == GRANTS
    assert network.entry(digest_of(resurrected))["revoked"] is True
    assert network.entry("f" * 64) == {"version": 1, "revision": 2, "revoked": True}
    assert network.entry(digest_of(right)) == before
    assert resync.resync(network.target) == resync.Repaired(4, 0, 0, 0, ())


def test_a_resync_restores_the_database_state_over_a_later_entry(network: Network) -> None:
    """Checks that a resync, which repairs the token entries at the edge, replaces an entry if the entry has a later
    revision than the token's database record. Entries can have later revisions than records if operators have restored
    the database to an earlier point in time.
    """
    token = create(network)
    put_entry(network, digest_of(token), {**network.entry(digest_of(token)), "revision": 2**52, "grants": []})
    assert resync.resync(network.target).stale == 1
    assert network.entry(digest_of(token))["grants"] == GRANTS


def test_a_resync_reports_unreadable_records_and_repairs_the_rest(network: Network) -> None:
    good = create(network)
    drop_entry(network, digest_of(good))
    broken = Put("tokens", "e" * 64, {"principal": 1}, expires=int(time.time()) + 3600)
    network.target.repository.transact([broken])
    done = resync.resync(network.target)
    assert (done.missing, done.extra) == (1, 0)
    (messages,) = done.unreadable
    assert messages.startswith("token eeeeeeeeeeee: its record cannot be read: the document lacks principal")
    assert [token.digest for token in tokens.tokens(network.target)] == [digest_of(good)]
    assert network.entry("e" * 64) is None


@pytest.mark.parametrize(
    ("grant", "says"),
    [
        ("npm", "write <ecosystem>"),
        ("maven:x:pull", "ecosystem 'maven' is not one of npm, pypi, oci"),
        ("npm:@acme/*:read", "action 'read' is not one of pull, push"),
        ("npm::pull", "pattern '' matches no name"),
        ("npm:@Acme/*:pull", "matches no name"),
        ("pypi:acme_greeter:pull", "use - for . and _"),
    ],
)
def test_a_bad_grant_is_refused_before_anything_is_written(network: Network, grant: str, says: str) -> None:
    with pytest.raises(RegistryError, match=re.escape(says)):
        create(network, grants=["npm:@acme/*:pull", grant])
    assert tokens.tokens(network.target) == []


@pytest.mark.parametrize("text", ["", "30", "d", "0d", "59s", "400d", "-1d", "1e3d"])
def test_a_bad_duration_is_refused(text: str) -> None:
    with pytest.raises(RegistryError, match="--expires"):
        tokens.duration(text)


def test_an_overlap_may_be_zero() -> None:
    assert tokens.duration("0m", "--overlap", shortest=0) == 0
    with pytest.raises(RegistryError, match="--overlap '1': write a duration in m, h or d between 0m and 366d"):
        tokens.duration("1", "--overlap", shortest=0)


def test_an_unknown_id_is_an_error(network: Network) -> None:
    with pytest.raises(RegistryError, match="no token has the id 'abc'"):
        tokens.revoke(network.target, BY, "abc")
    with pytest.raises(RegistryError, match="no token has the id ''"):
        tokens.revoke(network.target, BY, "")


# --- tests of the commands of `python -m registry tokens`


@pytest.fixture
def run(network: Network, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs a command of `python -m registry tokens` on the tests' stack."""
    commands_use(monkeypatch, network.target)
    return lambda *arguments: CliRunner().invoke(app, ["tokens", *arguments, "--stack-outputs", "-"])


def test_the_audit_log_names_the_principal_of_each_command(network: Network, run: Callable[..., Result]) -> None:
    made = run("create", "--for", "ci@acme", "--grant", "npm:*:pull", "--principal", "dora")
    named = id_of(made.stdout.strip())
    run("grant", named, "oci:*:pull", "--principal", "emil")
    run("revoke", named, "--principal", "frida")
    assert [entry.by.principal for entry in entries(network.target.repository)] == ["dora", "emil", "frida"]
    (token,) = tokens.tokens(network.target, ended=True)
    assert token.principal == "ci@acme"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["revoke", "abc", "--by", "dora"], "--principal"),
        (["create", "--for", "ci@acme", "--grant", "npm:*:pull", "--by", "dora"], "--principal"),
        (["create", "--grant", "npm:*:pull"], "--for ci@acme"),
    ],
)
def test_a_former_option_is_refused_with_the_name_of_the_one_to_use(
    network: Network, run: Callable[..., Result], arguments: list[str], says: str
) -> None:
    refused = run(*arguments)
    assert refused.exit_code == 2
    assert says in refused.output
    assert tokens.tokens(network.target, ended=True) == []


def test_create_still_takes_the_holder_from_principal_and_warns(network: Network, run: Callable[..., Result]) -> None:
    made = run("create", "--principal", "ci@acme", "--grant", "npm:*:pull")
    assert made.exit_code == 0
    assert "--for ci@acme" in made.stderr
    assert made.stdout.strip() and "warning" not in made.stdout
    (token,) = tokens.tokens(network.target)
    assert token.principal == "ci@acme"
