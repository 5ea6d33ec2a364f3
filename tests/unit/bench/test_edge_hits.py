"""Tests the ratio that the benchmark of cache hits computes from several rounds of measurements: how many times faster
one worker answers than another.
"""

from __future__ import annotations

from bench.edge_hits import ratio


def test_one_slow_round_does_not_change_the_ratio() -> None:
    assert ratio([50.0, 100.0, 80.0], [100.0, 200.0, 800.0]) == 0.5
