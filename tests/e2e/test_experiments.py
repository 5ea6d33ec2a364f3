"""Tests that an experiment (an A/B test of the edge worker) reaches every PoP. Responses to operators must name the
client's variant, and the PoP's log must contain the variant of each request.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from emulation.layout import CLIENT_LOCATIONS
from local import operator
from local.clients import Client
from registry.__main__ import app
from tests.support.packages import tarball
from tests.support.sandbox.commands import registry
from tests.support.sandbox.edge import access
from tests.support.sandbox.up import Up
from tests.support.waiting import eventually

NAME = "experimental"
FILE = f"/npm/{NAME}/-/{NAME}-1.0.0.tgz"
VARIANTS = [{"name": "on", "weight": 50}, {"name": "off", "weight": 50, "hedging": False}]
EXPERIMENT = {"name": "hedging", "layer": "shields", "unit": "principal", "variants": VARIANTS}
DOCUMENT = {"format": 1, "rules": [], "experiments": [EXPERIMENT], "operators": ["variant-operator"]}


def put(up: Up, file: Path, document: object) -> None:
    file.write_text(json.dumps(document))
    shown = registry(up, "edge", "policy", "get")
    replaces = shown.stderr.split()[1].rstrip(",") if shown.returncode == 0 else "0"
    done = registry(up, "edge", "policy", "put", file, "--replaces", replaces, "--principal", "tests")
    assert done.returncode == 0, done.stderr


@pytest.fixture
def policy(up: Up, tmp_path: Path) -> Iterator[Path]:
    """Makes an edge policy with the experiment EXPERIMENT current for one test, and yields the policy's file. After the
    test, makes a policy without experiments current.
    """
    file = tmp_path / "policy.json"
    put(up, file, DOCUMENT)
    yield file
    put(up, tmp_path / "empty.json", {"format": 1, "rules": []})


def client_of(up: Up, principal: str) -> None:
    client = Client(up.sandbox, principal, up.outputs()["url"])
    client.configure(operator.issue_token(up.sandbox, up.outputs(), principal, ["npm:*:pull"]))


def reported(up: Up, policy: Path) -> str:
    """Returns the report on the experiment, which the registry's command computes from the logs of all PoPs."""
    logs = [str(path) for path in up.sandbox.path("logs").glob("pop-*-workerd.log")]
    arguments = ["edge", "experiment", "report", "hedging", *logs, "--policy", str(policy)]
    return CliRunner().invoke(app, arguments).stdout


def test_an_experiment_reaches_each_pop_and_only_operators_read_their_variant(
    up: Up, policy: Path, tmp_path: Path
) -> None:
    published = registry(up, "publish", tarball(tmp_path / "1.0.0.tgz", {"name": NAME, "version": "1.0.0"}))
    assert published.returncode == 0, published.stderr
    for principal in ("variant-operator", "variant-reader"):
        client_of(up, principal)
    found: set[Any] = set()
    for location in CLIENT_LOCATIONS:
        with httpx.Client(**access(up, location, "variant-operator")) as client:
            assert eventually(lambda client=client: "X-Artifact-Edge-Variant" in client.get(FILE).headers), (
                location.name
            )
            answers = [client.get(FILE) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 200]
        found |= {answer.headers["X-Artifact-Edge-Variant"] for answer in answers}
        with httpx.Client(**access(up, location, "variant-reader")) as client:
            answer = client.get(FILE)
        assert (answer.status_code, answer.headers.get("X-Artifact-Edge-Variant")) == (200, None)
    # The experiment assigns each client to a variant by a hash of its principal: the operator gets `on`, and the reader
    # gets `off`. Only operators see their variant in a response header.
    assert found == {"hedging=on"}

    def are_counted() -> bool:
        on, off = _requests(up, policy)
        return on >= 9 and off >= len(CLIENT_LOCATIONS)

    assert eventually(are_counted), reported(up, policy)
    assert "answers from edge" in reported(up, policy)


def _requests(up: Up, policy: Path) -> list[int]:
    """Returns how many requests of each variant the experiment's report counts."""
    rows = [row for row in reported(up, policy).splitlines() if row.startswith("│ requests")]
    return [int(cell) for row in rows for cell in row.split("│")[2:4]] or [0, 0]
