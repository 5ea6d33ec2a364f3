"""Tests how `python -m drift` reads the output of `pulumi stack export`, and its errors for other files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from drift import DriftError
from drift import __main__ as program
from drift.comparison import Comparison
from drift.state import read

STACK = {
    "urn": "urn:pulumi:prod::artifact-edge::pulumi:pulumi:Stack::artifact-edge-prod",
    "type": "pulumi:pulumi:Stack",
}
URN = "urn:pulumi:prod::artifact-edge::aws:s3/bucket:Bucket::blobs"
BUCKET = {"urn": URN, "type": "aws:s3/bucket:Bucket", "custom": True, "id": "b", "outputs": {"arn": "arn:aws:s3:::b"}}


def export(*resources: dict[str, Any]) -> dict[str, Any]:
    return {"version": 3, "deployment": {"resources": [STACK, *resources]}}


def test_only_resources_of_the_stack_count() -> None:
    state = read(export(BUCKET, {**BUCKET, "id": "read", "external": True}, {**BUCKET, "id": ""}))
    assert (state.environment, state.prefix) == ("prod", "artifact-edge-prod")
    assert [(each.id, each.arn) for each in state.resources] == [("b", "arn:aws:s3:::b")]


def test_the_resources_of_bootstrap_have_the_tags_of_the_project_that_it_prepares() -> None:
    urn = "urn:pulumi:bootstrap::artifact-edge-bootstrap::pulumi:pulumi:Stack::artifact-edge-bootstrap-bootstrap"
    state = read({"deployment": {"resources": [{**STACK, "urn": urn}]}})
    assert (state.project, state.environment, state.prefix) == (
        "artifact-edge",
        "bootstrap",
        "artifact-edge-bootstrap",
    )


@pytest.mark.parametrize("document", [{}, {"deployment": None}, {"version": 3, "deployment": {"resources": []}}])
def test_a_document_without_resources_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(DriftError, match="pulumi stack export --stack <stack>"):
        read(document)


@pytest.mark.parametrize("text", ["", "not JSON", "[1]", "{}"])
def test_a_file_that_is_no_export_is_named_in_one_line(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "state.json"
    file.write_text(text)
    monkeypatch.setattr("sys.argv", ["drift", str(file)])
    with pytest.raises(SystemExit) as ended:
        program.main()
    assert str(ended.value).startswith("error: ") and "pulumi stack export" in str(ended.value)


@pytest.mark.parametrize("different", [False, True])
def test_a_difference_is_the_exit_code(
    different: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "state.json"
    file.write_text(json.dumps(export(BUCKET)))
    found = Comparison(["arn:aws:ec2:eu-west-1:1:instance/i-1"], []) if different else Comparison()
    monkeypatch.setattr(program.aws, "compare", lambda state: found)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    monkeypatch.setattr(program.cloudflare, "compare", lambda state: Comparison())  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    monkeypatch.setattr("sys.argv", ["drift", str(file)])
    with pytest.raises(SystemExit) as ended:
        program.main()
    assert ended.value.code == int(different)
    said = "missing from the state: arn:aws:ec2:eu-west-1:1:instance/i-1" if different else "no drift"
    assert said in capsys.readouterr().out
