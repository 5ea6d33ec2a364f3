"""Tests that the edge predicts the next requests of real npm, pip and skopeo, and prefetches the objects into L1, the
cache at the edge.

The stack of these tests has prediction on. An experiment turns prediction off for one of two clients. Both clients
install the same tree of dependencies, but from packages with different names. Before a client's install, no cache
therefore contains its packages.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from local.clients import Client
from tests.support.packages import tarball, wheel
from tests.support.sandbox.edge import US_EAST, access
from tests.support.sandbox.installs import Finished, npm_install, pip_install, skopeo_copy
from tests.support.sandbox.own_stack import OwnStack, own_stack
from tests.support.sandbox.prediction import (
    CONFIG,
    PRINCIPALS,
    REGION,
    await_variants,
    image,
    install,
    put_experiment,
    run,
)
from tests.support.sandbox.shields import machines, requests_at
from tests.support.waiting import eventually

pytestmark = pytest.mark.nightly

LOOPBACK = "127.82"
STACK = "prediction"
# Each npm package has three dependencies, so the tree has 1 + 3 + 9 + 27 packages.
NPM_PACKAGES, FANOUT = 40, 3
PYTHON_PROJECTS = 12


@pytest.fixture(scope="module")
def up() -> Iterator[OwnStack]:
    with own_stack(LOOPBACK, STACK, CONFIG) as stack:
        yield stack


@pytest.fixture(scope="module")
def clients(up: OwnStack, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Client]:
    """Returns the client `on`, for which the edge prefetches objects, and the client `off`, for which it does not.
    Publishes npm packages, Python projects and an image for each client.
    """
    directory = tmp_path_factory.mktemp("trees")
    put_experiment(up, directory)
    files = [
        file for variant in PRINCIPALS for file in (*npm_tree(directory, variant), *python_tree(directory, variant))
    ]
    run(up, "publish", *files)
    for variant in PRINCIPALS:
        run(up, "publish", image(directory, variant), "--repository", f"{variant}/app", "--tag", "1")
    found = {
        variant: up.client_of(principal, ["npm:*:pull", "pypi:*:pull", "oci:*:pull"])
        for variant, principal in PRINCIPALS.items()
    }
    await_variants(up, dict.fromkeys(PRINCIPALS, US_EAST))
    return found


def npm_tree(directory: Path, prefix: str) -> list[Path]:
    """Writes the tarballs of npm packages, and returns their paths. The dependencies between the packages form a tree,
    whose root is the package `<prefix>-tree-0`.
    """
    paths: list[Path] = []
    for number in range(NPM_PACKAGES):
        children = range(number * FANOUT + 1, min(number * FANOUT + FANOUT + 1, NPM_PACKAGES))
        dependencies = {f"{prefix}-tree-{child}": "^1.0.0" for child in children}
        package = {"name": f"{prefix}-tree-{number}", "version": "1.0.0", "dependencies": dependencies}
        paths.append(tarball(directory / f"{prefix}-tree-{number}.tgz", package))
    return paths


def python_tree(directory: Path, prefix: str) -> list[Path]:
    """Writes the wheels of Python projects, and returns their paths. Each project requires the next one. The first one
    is `<prefix>-chain-0`.
    """
    names = [f"{prefix}-chain-{number}" for number in range(PYTHON_PROJECTS)]
    paths: list[Path] = []
    for name, following in pairwise([*names, ""]):
        requires = f"Requires-Dist: {following}\n" if following else ""
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{requires}"
        project = name.replace("-", "_")
        path = directory / f"{project}-1.0-py3-none-any.whl"
        paths.append(wheel(path, metadata=metadata, project=project))
    return paths


def compare(up: OwnStack, ecosystem: str, program: Callable[[str], Finished]) -> None:
    """Runs the same install in the two variants of the experiment: with and without prediction of the client's next
    requests. Checks that prediction reduces the misses of L1, the cache at the edge. The function `program` takes the
    name of a variant, and runs the client with a token whose requests belong to this variant.
    """
    on, off = (install(up, variant, ecosystem, lambda variant=variant: program(variant)) for variant in PRINCIPALS)
    for variant, each in (("on", on), ("off", off)):
        print(
            f"\n{ecosystem}, prediction {variant}: {each}; {each.misses} of {each.verdicts.total()} requests missed L1"
        )
    assert on.verdicts.total() == off.verdicts.total()
    assert off.misses == off.verdicts.total()
    assert on.misses * 3 <= off.misses
    assert on.shield_requests <= off.shield_requests * 1.3
    assert on.verdicts["edge; hit; predicted"] > off.misses / 2
    # The edge logs an install id with each request. An id lasts 10 minutes, so one install can have two ids.
    assert all(re.fullmatch("[0-9a-f]{32}", id) for id in off.ids) and len(off.ids) <= 2
    assert on.ids.keys() <= {"-", "prefetch"} and on.ids["prefetch"] > on.ids["-"]


def test_a_cold_npm_install_rarely_misses_l1(up: OwnStack, clients: Mapping[str, Client], tmp_path: Path) -> None:
    def install_tree(variant: str) -> Finished:
        done = npm_install(clients[variant], f"{variant}-tree-0", tmp_path / variant)
        assert len(list((tmp_path / variant / "node_modules").glob(f"{variant}-tree-*"))) == NPM_PACKAGES
        return done

    compare(up, "npm", install_tree)


def test_a_cold_pip_install_rarely_misses_l1(up: OwnStack, clients: Mapping[str, Client], tmp_path: Path) -> None:
    def install_chain(variant: str) -> Finished:
        done = pip_install(clients[variant], f"{variant}-chain-0", tmp_path / variant)
        assert len(list((tmp_path / variant).glob("*.dist-info"))) == PYTHON_PROJECTS
        return done

    compare(up, "pypi", install_chain)


def test_a_cold_pull_of_an_image_rarely_misses_l1(up: OwnStack, clients: Mapping[str, Client], tmp_path: Path) -> None:
    compare(up, "oci", lambda variant: skopeo_copy(clients[variant], f"{variant}/app:1", tmp_path / variant))


def test_a_client_finds_a_plug_in_in_l1_that_only_the_model_names(
    up: OwnStack, clients: Mapping[str, Client], tmp_path: Path
) -> None:
    for name in ("hosting", "plugged-in"):
        run(up, "publish", tarball(tmp_path / f"{name}.tgz", {"name": name, "version": "1.0.0"}))
    model = tmp_path / "model.csv"
    model.write_text("package,successor,together\nnpm:hosting,npm:plugged-in,20\n")
    run(up, "predict", "apply", model)
    (machine,) = machines(up, REGION)
    file = "npm/plugged-in/-/plugged-in-1.0.0.tgz"
    with httpx.Client(**access(up, US_EAST, PRINCIPALS["on"])) as client:
        assert client.get("/npm/hosting").status_code == 200
        assert eventually(lambda: file in requests_at(up, machine))
        assert eventually(lambda: client.get(f"/{file}").headers["X-Cache"] == "edge; hit; predicted")
