"""Tests that prediction brings objects into L1 before real npm, pip and skopeo request them.

The stack of these tests has prediction on. An experiment turns prediction off for one of two clients. Each client
installs a copy of the same tree of packages under other names, so no cache has an object of either copy.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.clients import Client
from tests.support.image_registry import Images
from tests.support.images import runnable
from tests.support.packages import tarball, wheel
from tests.support.sandbox.commands import registry
from tests.support.sandbox.edge import US_EAST, access
from tests.support.sandbox.installs import Finished, npm_install, pip_install, skopeo_copy
from tests.support.sandbox.own_stack import OwnStack, own_stack
from tests.support.sandbox.shields import machines, requests_at
from tests.support.waiting import eventually

pytestmark = pytest.mark.nightly

LOOPBACK = "127.82"
STACK = "prediction"
REGION = "us-east-1"
CONFIG = {
    "aws:region": REGION,
    "gcp:project": "artifact-edge-unit",
    "artifact-edge:name": "example",
    "artifact-edge:domain": "prediction.artifact-edge.test",
    "artifact-edge:tags": {"owner": "platform", "cost_center": "none"},
    "artifact-edge:blobs": {"store": "s3", "regions": [REGION]},
    "artifact-edge:metadata": {"store": "dynamodb", "regions": [REGION]},
    # A stack with one shield has no hedged requests, so the number of requests to shields does not depend on times.
    "artifact-edge:shields": [{"cloud": "aws", "region": REGION, "machine_type": "i4i.large", "nodes": 1}],
    "artifact-edge:edge": {
        "account_id": "0123456789abcdef0123456789abcdef",
        "zone": "artifact-edge-zone.test",
        "prediction": {"requests": 20},
    },
    "artifact-edge:protect": False,
    "artifact-edge:allow_single_region": True,
}
# The hash of a client's principal decides the client's variant. `predicted` gets the variant `on`, and `unpredicted`
# gets the variant `off`.
VARIANTS = [{"name": "on", "weight": 50}, {"name": "off", "weight": 50, "prediction": False}]
EXPERIMENT = {"name": "prediction", "layer": "prediction", "unit": "principal", "variants": VARIANTS}
POLICY = {"format": 1, "rules": [], "experiments": [EXPERIMENT], "operators": ["predicted", "unpredicted"]}
PRINCIPALS = {"on": "predicted", "off": "unpredicted"}

# Each npm package has three dependencies, so the tree has 1 + 3 + 9 + 27 packages.
NPM_PACKAGES, FANOUT = 40, 3
PYTHON_PROJECTS = 12
LAYERS = 20


@dataclass(frozen=True)
class Installed:
    """What one install caused. `verdicts` counts the client's responses by the value of their header X-Cache.
    `shield_requests` is the number of requests at the shield, and `seconds` is the duration of the install.
    """

    verdicts: Counter[str]
    shield_requests: int
    seconds: float

    @property
    def misses(self) -> int:
        return sum(count for verdict, count in self.verdicts.items() if not verdict.startswith("edge;"))


@pytest.fixture(scope="module")
def up() -> Iterator[OwnStack]:
    with own_stack(LOOPBACK, STACK, CONFIG) as stack:
        yield stack


@pytest.fixture(scope="module")
def clients(up: OwnStack, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Client]:
    """Publishes one copy of each tree for each variant of the experiment. Returns a client for each variant."""
    directory = tmp_path_factory.mktemp("trees")
    policy = directory / "policy.json"
    policy.write_text(json.dumps(POLICY))
    run(up, "edge", "policy", "put", policy, "--replaces", "0", "--principal", "tests")
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
    for variant, principal in PRINCIPALS.items():
        with httpx.Client(**access(up, US_EAST, principal)) as client:
            # The log event of a 404 response has no tier. The requests in this loop therefore do not count as misses.
            assert eventually(
                lambda client=client, variant=variant: (
                    client.get("/npm/absent").headers.get("X-Artifact-Edge-Variant") == f"prediction={variant}"
                )
            )
    return found


def run(up: OwnStack, *arguments: str | Path) -> None:
    done = registry(up, *arguments)
    assert done.returncode == 0, done.stderr


def npm_tree(directory: Path, prefix: str) -> list[Path]:
    """Writes the tarballs of a tree of npm packages, with `<prefix>-tree-0` as the root."""
    paths: list[Path] = []
    for number in range(NPM_PACKAGES):
        children = range(number * FANOUT + 1, min(number * FANOUT + FANOUT + 1, NPM_PACKAGES))
        dependencies = {f"{prefix}-tree-{child}": "^1.0.0" for child in children}
        package = {"name": f"{prefix}-tree-{number}", "version": "1.0.0", "dependencies": dependencies}
        paths.append(tarball(directory / f"{prefix}-tree-{number}.tgz", package))
    return paths


def python_tree(directory: Path, prefix: str) -> list[Path]:
    """Writes the wheels of Python projects, each of which requires the next one, with `<prefix>-chain-0` first."""
    names = [f"{prefix}-chain-{number}" for number in range(PYTHON_PROJECTS)]
    paths: list[Path] = []
    for name, following in pairwise([*names, ""]):
        requires = f"Requires-Dist: {following}\n" if following else ""
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{requires}"
        project = name.replace("-", "_")
        path = directory / f"{project}-1.0-py3-none-any.whl"
        paths.append(wheel(path, metadata=metadata, project=project))
    return paths


def image(directory: Path, prefix: str) -> Path:
    """Writes the OCI image layout of an image with many layers, and returns the directory of the layout."""
    images = Images(directory / f"{prefix}-image")
    top = runnable(images, [{f"{prefix}-{number}": f"{prefix} {number} " * 2_000} for number in range(LAYERS)])
    (images.directory / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [top]}))
    (images.directory / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return images.directory


def events(up: OwnStack, variant: str) -> list[dict[str, Any]]:
    """Returns the log events of the requests of a variant's client at all PoPs."""
    found: list[dict[str, Any]] = []
    for path in up.sandbox.path("logs", "x").parent.glob("pop-*-workerd.log"):
        lines = [line[line.index("{") :] for line in path.read_text().splitlines() if '"event":"request"' in line]
        found += [event for event in map(json.loads, lines) if event["variants"] == {"prediction": variant}]
    return found


def await_logs(up: OwnStack, variant: str) -> None:
    """Waits until the logs of the PoPs and of the shield have all earlier requests of a variant's client.

    Both logs are written with a delay. The function therefore requests an object that does not exist, and waits until
    both logs have this request.
    """
    (machine,) = machines(up, REGION)
    absent = f"absent-{time.monotonic_ns()}"
    before = missing(up, variant)
    with httpx.Client(**access(up, US_EAST, PRINCIPALS[variant])) as client:
        assert client.get(f"/npm/{absent}").status_code == 404
    assert eventually(lambda: missing(up, variant) > before)
    assert eventually(lambda: any(absent in key for key in requests_at(up, machine)))


def missing(up: OwnStack, variant: str) -> int:
    return sum(event["status"] == 404 for event in events(up, variant))


def install(up: OwnStack, variant: str, ecosystem: str, program: Callable[[], Finished]) -> Installed:
    """Runs a client program. Returns how many of its requests each tier answered, the number of requests to the shield,
    and the program's duration in seconds.
    """
    (machine,) = machines(up, REGION)
    start = time.monotonic()
    done = program()
    seconds = time.monotonic() - start
    assert done.returncode == 0, done.stderr
    await_logs(up, variant)
    verdicts = Counter(
        event["tier"] for event in events(up, variant) if event["ecosystem"] == ecosystem and event["tier"]
    )
    keys = [
        key for key in requests_at(up, machine).elements() if key.startswith(f"{ecosystem}/") and f"/{variant}" in key
    ]
    return Installed(verdicts, len(keys), seconds)


def compare(up: OwnStack, ecosystem: str, program: Callable[[str], Finished]) -> None:
    """Runs a client program once for each variant of the experiment, and checks what prediction changed.

    `program` takes the name of the variant.
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
