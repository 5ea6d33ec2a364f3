"""Tests the Pulumi states that gates/state.py records as test fixtures. A recorded state contains the name of each
secret, but not its value.

When a preview reads a recorded state, it replaces these names by the secrets of its sandbox.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gates import state
from gates.__main__ import app
from local.checkout import CHECKOUT

MARK = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}


def export(**inputs: Any) -> dict[str, Any]:
    resource = {
        "urn": "urn:pulumi:s::p::cloudflare:index/mtlsCertificate:MtlsCertificate::shield",
        "type": "cloudflare:index/mtlsCertificate:MtlsCertificate",
        "inputs": inputs,
        "sourcePosition": "project:///home/someone/stacks/__main__.py#1",
        "stackTrace": [{"sourcePosition": "project:///home/someone/x.py#1"}],
        "created": "2026-11-24T23:30:46Z",
        "modified": "2026-11-24T23:30:46Z",
    }
    providers = {"type": "passphrase", "state": {"salt": "v1:salt"}}
    deployment = {"manifest": {"version": "v3"}, "secrets_providers": providers, "resources": [resource]}
    return {"version": 3, "deployment": deployment}


def marked(value: Any) -> dict[str, Any]:
    return {**MARK, "plaintext": json.dumps(value)}


def inputs_of(recorded: dict[str, Any]) -> dict[str, Any]:
    return recorded["deployment"]["resources"][0]["inputs"]


def test_a_secret_is_recorded_by_name_and_filled_from_another_sandbox() -> None:
    recorded = state.scrub(export(key=marked("old key"), note="signed with old key"), {"edge.key": "old key"})
    assert "old key" not in json.dumps(recorded)
    assert inputs_of(state.restore(recorded, {"edge.key": "new key"})) == {
        "key": marked("new key"),
        "note": "signed with new key",
    }


@pytest.mark.parametrize(
    "secret", [marked("a secret of no name"), marked(["a secret of no name"]), {**MARK, "ciphertext": "v1:abc"}]
)
def test_a_secret_without_a_name_is_removed(secret: dict[str, Any]) -> None:
    recorded = state.scrub(export(key=secret), {})
    assert inputs_of(recorded) == {"key": marked("removed")}


def test_no_machine_data_is_recorded() -> None:
    recorded = json.dumps(state.scrub(export(), {}))
    for trace in ("/home/someone", "2026-11-24", "v1:salt"):
        assert trace not in recorded


def test_an_invalid_export_is_refused_in_one_line(tmp_path: Path) -> None:
    given = tmp_path / "plan.json"
    given.write_text('{"steps": []}')
    result = CliRunner().invoke(app, ["record", str(given), str(tmp_path / "out.json.gz")])
    assert isinstance(result.exception, state.StateError)
    assert "pulumi stack export" in str(result.exception)


@pytest.mark.parametrize("file", sorted(CHECKOUT.glob("releases/*/*.json.gz")), ids=lambda file: file.parent.name)
def test_recorded_releases_hold_no_secret(file: Path) -> None:
    text = json.dumps(state.read(file))
    for trace in ("PRIVATE KEY", "ciphertext", "stackTrace", "sourcePosition", "encryptionsalt"):
        assert trace not in text
    assert "<secret edge.origin_key>" in text
