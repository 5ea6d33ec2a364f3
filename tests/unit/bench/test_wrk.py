"""Tests how benchmarks read the output of the load generator wrk."""

from __future__ import annotations

import pytest

from bench.wrk import answers, successes

_PRINTED = """Running 4s test @ https://127.96.1.1:9443/npm/bench/-/bench-1.0.10000.tgz
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     9.41ms    2.20ms  40.28ms   85.00%
  8846 requests in 4.01s, 87.62MB read
Requests/sec:   2206.55
Transfer/sec:     21.85MB
"""


def test_the_answers_and_their_rate_are_read() -> None:
    assert successes(_PRINTED) == (8846, 2206.55)


@pytest.mark.parametrize("error", ["  Non-2xx or 3xx responses: 3\n", "  Socket errors: connect 0, read 3, write 0\n"])
def test_a_run_with_errors_is_counted_and_is_no_success(error: str) -> None:
    printed = _PRINTED.replace("Requests/sec", f"{error}Requests/sec")
    assert answers(printed) == 8846
    with pytest.raises(SystemExit, match="errors"):
        successes(printed)
