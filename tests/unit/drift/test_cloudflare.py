"""Tests `python -m drift` on the emulated Cloudflare. The command must find differences between the Pulumi state and
the account in worker scripts and KV namespaces.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from drift import DriftError, cloudflare
from drift.cloudflare import compare
from drift.state import Resource, State
from emulation.cloudflare import in_process

ACCOUNT = "0123456789abcdef0123456789abcdef"


def namespace(id: str) -> Resource:
    return Resource(f"urn::{id}", "cloudflare:index/workersKvNamespace:WorkersKvNamespace", id, {"accountId": ACCOUNT})


def test_namespaces_are_compared_by_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    account = in_process.client(tmp_path)
    monkeypatch.setattr(cloudflare, "Cloudflare", lambda: account)
    spaces: Any = cast(Any, account).kv.namespaces
    ids = {
        title: spaces.create(account_id=ACCOUNT, title=title).id
        for title in ("artifact-edge-prod-tokens", "artifact-edge-prod-tokens-2", "artifact-edge-dev-tokens", "other")
    }
    known, orphan = namespace(ids["artifact-edge-prod-tokens"]), ids["artifact-edge-prod-tokens-2"]
    assert compare(State("artifact-edge", "prod", [known, namespace("gone")])).lines() == [
        f"missing from the state: key-value namespace artifact-edge-prod-tokens-2 ({orphan})",
        "missing from the account: gone (urn::gone)",
    ]


def test_a_stack_without_cloudflare_needs_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLOUDFLARE_API_TOKEN", raising=False)
    assert compare(State("artifact-edge", "prod", [])).lines() == []


def test_a_missing_token_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CLOUDFLARE_API_TOKEN", "CLOUDFLARE_API_KEY", "CLOUDFLARE_EMAIL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(DriftError, match="CLOUDFLARE_API_TOKEN is not set"):
        compare(State("artifact-edge", "prod", [namespace("any")]))
