"""Tests that a model of co-downloads adds packages to a document's prediction list. The model knows which packages
clients often install together. The list contains the requests that a client is expected to send next.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from registry.__main__ import app
from registry.catalog.audit import By
from registry.co_downloads.lists import listed
from registry.publish import publish
from tests.support.packages import tarball, wheel
from tests.support.registry import Network, commands_use, network

__all__ = ["network"]

APP = ("npm/@acme/app/packument.json", "npm/@acme/app/packument.abbreviated.json")
PAGE = ("pypi/simple/acme-app/index.json", "pypi/simple/acme-app/index.html")
FIGURES = {"installs": 1, "held_out_installs": 1, "wanted": 1, "predicted": 1, "hits": 1}


@pytest.fixture(autouse=True)
def packages(network: Network, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Publishes an npm app with its library, an npm plug-in, and two Python projects."""

    commands_use(monkeypatch, network.target)
    monkeypatch.setattr("registry.caller.by", lambda *_: By("alice", "", "predict apply"))  # pyright: ignore
    for name, dependencies in (("@acme/app", {"library": "^1.0.0"}), ("@acme/plugin", {}), ("library", {})):
        package = {"name": name, "version": "1.0.0", "dependencies": dependencies}
        publish(network.target, [tarball(tmp_path / "p.tgz", package)], By("alice", "", "publish"))
    for project in ("acme_app", "acme_plugin"):
        metadata = f"Metadata-Version: 2.1\nName: {project}\nVersion: 1.0\n"
        file = wheel(tmp_path / f"{project}-1.0-py3-none-any.whl", metadata=metadata, project=project)
        publish(network.target, [file], By("alice", "", "publish"))
    network.purged.clear()


def apply(directory: Path, successors: Mapping[str, Sequence[str]]) -> Result:
    file = directory / "model.json"
    days = {"first_day": "2026-11-01", "last_day": "2026-11-07"}
    file.write_text(json.dumps({"format": 1, **days, "figures": FIGURES, "successors": successors}))
    return CliRunner().invoke(app, ["predict", "apply", str(file), "--stack-outputs", "outputs.json"])


def lists(network: Network, *keys: str) -> list[str]:
    return [network.head(key).metadata["next"] for key in keys]


def test_documents_list_the_successors_behind_the_dependencies_and_the_edge_is_purged(
    network: Network, tmp_path: Path
) -> None:
    before = network.json(APP[0])
    done = apply(tmp_path, {"npm:@acme/app": ["@acme/plugin"], "pypi:acme-app": ["acme-plugin"]})
    assert (done.exit_code, done.stdout) == (0, "changed packages: 2\n"), done.output
    assert lists(network, *APP) == ["1.0.0 library@^1.0.0 @acme/plugin"] * 2
    assert lists(network, *PAGE) == ["acme_app-1.0-py3-none-any.whl acme-plugin"] * 2
    assert set(network.purged) >= {*APP, *PAGE}
    assert network.json(APP[0]) == before


def test_the_next_model_replaces_the_last_one(network: Network, tmp_path: Path) -> None:
    apply(tmp_path, {"npm:@acme/app": ["@acme/plugin"], "pypi:acme-app": ["acme-plugin"]})
    assert apply(tmp_path, {"pypi:acme-app": ["acme-plugin"]}).stdout == "changed packages: 1\n"
    assert lists(network, *APP, *PAGE[:1]) == [
        *["1.0.0 library@^1.0.0"] * 2,
        "acme_app-1.0-py3-none-any.whl acme-plugin",
    ]
    assert apply(tmp_path, {"pypi:acme-app": ["acme-plugin"]}).stdout == "changed packages: 0\n"


def test_a_later_publish_keeps_the_successors(network: Network, tmp_path: Path) -> None:
    apply(tmp_path, {"npm:@acme/app": ["@acme/plugin"]})
    file = tarball(tmp_path / "p.tgz", {"name": "@acme/app", "version": "2.0.0"})
    publish(network.target, [file], By("alice", "", "publish"))
    assert lists(network, *APP) == ["2.0.0 @acme/plugin;1.0.0 library@^1.0.0"] * 2


def test_packages_that_the_registry_does_not_have_are_left_out(network: Network, tmp_path: Path) -> None:
    model = {"npm:absent": ["library"], "npm:@acme/app": ["absent", "acme-plugin"], "oci:acme/app": ["acme/base"]}
    done = apply(tmp_path, model)
    assert (done.stdout, done.exit_code) == ("changed packages: 0\n", 0)
    assert "left out, as the registry does not have them: 2 packages" in done.stderr
    assert lists(network, APP[0]) == ["1.0.0 library@^1.0.0"]


def test_the_next_training_does_not_take_successors_for_dependencies(network: Network, tmp_path: Path) -> None:
    """Checks that the training does not mistake `@acme/plugin` for a dependency of `@acme/app`. The applied model has
    added `@acme/plugin` to the same list as the dependencies. The training leaves out dependencies, so the next model
    would not contain `@acme/plugin`.
    """
    apply(tmp_path, {"npm:@acme/app": ["@acme/plugin"]})
    assert listed(network.target.repository)("npm:@acme/app") == {"npm:library"}
