"""Tests how the benchmark of hits at the edge reads wrk's output and compares speeds."""

from __future__ import annotations

import pytest

from bench.edge_hits import figures, ratio

PRINTED = """Running 4s test @ https://127.96.1.1:9443/npm/bench/-/bench-1.0.10000.tgz
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     9.41ms    2.20ms  40.28ms   85.00%
  8846 requests in 4.01s, 87.62MB read
Requests/sec:   2206.55
Transfer/sec:     21.85MB
"""


def test_the_answers_and_their_rate_are_read() -> None:
    assert figures(PRINTED) == (8846, 2206.55)


@pytest.mark.parametrize("error", ["  Non-2xx or 3xx responses: 3\n", "  Socket errors: connect 0, read 3, write 0\n"])
def test_a_run_with_errors_gives_no_figures(error: str) -> None:
    with pytest.raises(SystemExit, match="errors"):
        figures(PRINTED.replace("Requests/sec", f"{error}Requests/sec"))


def test_one_slow_round_does_not_change_the_ratio() -> None:
    assert ratio([50.0, 100.0, 80.0], [100.0, 200.0, 800.0]) == 0.5
