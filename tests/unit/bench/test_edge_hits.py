"""Tests the benchmark of cache hits. The benchmark measures several processes of the worker runtime workerd in several
rounds. It computes the ratio of their speeds.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.edge_hits import COPIES, Copy, ratio, seconds_to_start, write_copy
from emulation.cloudflare import workerd
from emulation.cloudflare.deployment import Deployment, Module, Script
from emulation.layout import POP_HTTPS_PORT, POP_ORIGIN_PORT, POPS
from emulation.pki import Authority

_ADDRESS = "127.0.0.1"
_WORKER = """
import { WorkerEntrypoint } from "cloudflare:workers";
export class Objects extends WorkerEntrypoint {}
export class Feeds extends WorkerEntrypoint {}
export default { fetch: () => new Response("ok") };
"""


def test_one_slow_round_does_not_change_the_ratio() -> None:
    assert ratio([50.0, 100.0, 80.0], [100.0, 200.0, 800.0]) == 0.5


@pytest.fixture(scope="module")
def pop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a directory with the workerd configuration of an emulated PoP. The PoP runs one worker script."""
    directory = tmp_path_factory.mktemp("pop")
    script = Script(
        name="edge",
        id="0a1b",
        percentage=100,
        sampling=1,
        modules=[Module("index.js", "esModule", _WORKER.encode())],
        bindings=[],
        compatibility_date="2026-11-01",
        compatibility_flags=[],
        cached=["Objects", "Feeds"],
    )
    deployment = Deployment([script], [("edge.test/*", "edge")], ["edge.test"], {}, "1.2", {"edge.test": {}})
    listen = workerd.Listeners(f"{_ADDRESS}:{POP_HTTPS_PORT}", f"{_ADDRESS}:{POP_ORIGIN_PORT}")
    served = Authority(directory / "authority").issue(["edge.test"])
    kv = workerd.KvService(f"{_ADDRESS}:1", "the secret", "iad")
    workerd.write(
        directory / "workerd",
        workerd.configuration(deployment, POPS[0], listen, f"{_ADDRESS}:1", f"{_ADDRESS}:1", kv, served),
    )
    return directory / "workerd"


@pytest.mark.parametrize("copy", COPIES, ids=lambda copy: copy.name)
def test_workerd_starts_with_the_script_of_each_copy(copy: Copy, pop: Path, tmp_path: Path) -> None:
    write_copy(pop, tmp_path / "copy", copy, _ADDRESS)
    assert seconds_to_start(tmp_path / "copy", copy, _ADDRESS) > 0
