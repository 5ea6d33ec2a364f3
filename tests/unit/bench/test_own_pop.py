"""Tests the programs that measure a PoP of our own. The programs read the output of the load generator wrk, compute
percentiles, and report the memory per connection.
"""

from __future__ import annotations

import pytest

from tests.bench.paced_client import percentile
from tests.bench.pop_connections import Measured, Memory, report
from tests.bench.pop_hits import p99

PRINTED = """  Latency Distribution
     50%    1.20ms
     99%  {duration}
"""


@pytest.mark.parametrize(("duration", "milliseconds"), [("950.00us", 0.95), ("12.50ms", 12.5), ("1.02s", 1020)])
def test_the_percentile_is_read_in_milliseconds(duration: str, milliseconds: float) -> None:
    assert p99(PRINTED.format(duration=duration)) == pytest.approx(milliseconds)


def test_the_percentile_is_a_measured_value() -> None:
    assert percentile([float(number) for number in range(1, 201)], 99) == 198
    assert percentile([3.0], 99) == 3


def test_memory_is_reported_for_each_connection(capsys: pytest.CaptureFixture[str]) -> None:
    report([Measured(0, Memory(100, 50), 0.0, [2], [2]), Measured(10, Memory(300, 150), 0.04, [3, 9, 4], [2, 6, 1])])
    printed = capsys.readouterr().out
    assert "10 idle connections: NGINX 20.0 KB each (goal: at most 30), kernel 5.0, 4.0 ms to open" in printed
    assert "99th percentile 4.00 ms, ratio 1.5" in printed
