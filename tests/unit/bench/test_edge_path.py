"""Tests the benchmark of the edge worker's own code. The benchmark measures the processor time for a request that L1
(the cache at the edge) can answer.
"""

from __future__ import annotations

import pytest

from bench.edge_path import report, running
from infra.edge.bundle import compile_worker
from local.checkout import CHECKOUT

NO_HIT = """
export default { fetch: () => new Response("no such object", { status: 404 }) };
export class Feeds {}
export class Objects {}
"""


def test_the_worker_answers_the_calls_of_the_driver_with_hits() -> None:
    with running(compile_worker(CHECKOUT / "workers" / "edge")) as worker:
        assert worker.microseconds(1) > 0


def test_a_worker_that_does_not_answer_with_a_hit_is_not_measured() -> None:
    with running(NO_HIT) as worker, pytest.raises(SystemExit, match="404"):
        worker.microseconds(1)


def test_one_slow_round_does_not_change_the_difference(capsys: pytest.CaptureFixture[str]) -> None:
    report({"worker": [30.0, 31.0, 90.0], "other": [32.0, 33.0, 33.0]})
    assert "other - worker: +2.0 µs" in capsys.readouterr().out
