"""Tests how the benchmark of installs with a failed shield (bench/dead_shield.py) computes install times and request
times from its measurements.
"""

from __future__ import annotations

from bench.dead_shield import summary


def test_the_summary_has_the_longest_install_and_the_99th_percentile_of_a_request() -> None:
    installs = [[*([0.1] * 49), 0.2, 5.0], [*([0.1] * 49), 0.3, 7.0]]
    assert summary(installs) == {"install_median": 6.0, "install_longest": 7.0, "request_p99": 0.2}
