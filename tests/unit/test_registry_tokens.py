"""Tokens: what the database and the edge hold of them, and that failure never leaves the edge knowing more."""

from __future__ import annotations

import hashlib
import re
import time
from typing import Any, cast

import boto3
import httpx
import pytest
from cloudflare import APIConnectionError

from registry import RegistryError, tokens
from tests.unit.registry import Network, network

__all__ = ["network"]

GRANTS = ["npm:@acme/*:pull", "oci:acme/*:pull"]


def create(network: Network, **more: Any) -> str:
    return tokens.create(network.target, "alice", more.get("grants", GRANTS), more.get("seconds", 3600))


def digest_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def break_edge(network: Network, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    def fail(*arguments: Any, **more: Any) -> None:
        raise APIConnectionError(request=httpx.Request("PUT", "http://edge"))

    monkeypatch.setattr(type(network.edge.kv.namespaces.values), method, fail)


def test_a_token_has_256_bits_and_is_kept_as_a_digest_only(network: Network) -> None:
    token = create(network)
    assert re.fullmatch(r"ae_[A-Za-z0-9_-]{43}", token)
    entry = network.entry(digest_of(token))
    assert {name: entry[name] for name in ("version", "principal", "grants")} == {
        "version": 1,
        "principal": "alice",
        "grants": GRANTS,
    }
    assert 3500 < entry["expires"] - time.time() < 3700
    kept = cast(Any, boto3).client("dynamodb", region_name="us-east-1").scan(TableName="metadata")["Items"]
    assert token not in str(kept)
    assert digest_of(token) in str(kept)


def test_a_revoked_token_is_gone_everywhere(network: Network) -> None:
    first, second = create(network), create(network)
    (gone,) = [token for token in tokens.tokens(network.target) if token.digest == digest_of(first)]
    tokens.revoke(network.target, gone.id)
    assert network.entry(digest_of(first)) is None
    assert network.entry(digest_of(second)) is not None
    assert [token.digest for token in tokens.tokens(network.target)] == [digest_of(second)]


def test_grants_are_added_and_taken_away(network: Network) -> None:
    token = create(network)
    identity = tokens.tokens(network.target)[0].id
    tokens.change_grants(network.target, identity, add=["pypi:acme-*:pull"], remove=["oci:acme/*:pull"])
    assert network.entry(digest_of(token))["grants"] == ["npm:@acme/*:pull", "pypi:acme-*:pull"]
    assert tokens.tokens(network.target)[0].grants == ("npm:@acme/*:pull", "pypi:acme-*:pull")
    with pytest.raises(RegistryError, match=r"has no grant 'npm:left-pad:pull'"):
        tokens.change_grants(network.target, identity, remove=["npm:left-pad:pull"])


def test_a_token_that_the_edge_did_not_take_is_on_record(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    break_edge(network, monkeypatch, "update")
    with pytest.raises(RegistryError, match="is on record, but not at the edge"):
        create(network)
    assert len(tokens.tokens(network.target)) == 1


def test_a_token_that_the_edge_did_not_forget_stays_on_record(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = create(network)
    break_edge(network, monkeypatch, "delete")
    with pytest.raises(RegistryError, match="is not revoked"):
        tokens.revoke(network.target, digest_of(token)[:12])
    assert len(tokens.tokens(network.target)) == 1


@pytest.mark.parametrize(
    ("grant", "says"),
    [
        ("npm", "write <ecosystem>"),
        ("maven:x:pull", "ecosystem 'maven' is none of npm, pypi, oci"),
        ("npm:@acme/*:read", "action 'read' is none of pull, push"),
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
def test_a_bad_lifetime_is_refused(text: str) -> None:
    with pytest.raises(RegistryError, match="--expires"):
        tokens.lifetime(text)


def test_an_unknown_id_is_told(network: Network) -> None:
    with pytest.raises(RegistryError, match="no token has the id 'abc'"):
        tokens.revoke(network.target, "abc")
    with pytest.raises(RegistryError, match="no token has the id ''"):
        tokens.revoke(network.target, "")
