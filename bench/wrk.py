"""Runs wrk, which sends requests over several connections as fast as it can. Reads the figures that wrk prints."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence


def check_installed() -> None:
    """Ends the program if the load generator wrk is not installed."""
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is missing; on Debian: apt-get install wrk")


def command(connections: int, seconds: int) -> Sequence[str]:
    """Returns the beginning of a command line of wrk. The caller appends further options and the address."""
    return ["wrk", "--threads=1", f"--connections={connections}", f"--duration={seconds}s"]


def answers(printed: str) -> int:
    """Reads the number of answers from the output of wrk. The number includes answers with an error status."""
    found = re.search(r"(\d+) requests in", printed)
    if found is None:
        raise SystemExit(f"wrk printed no figures:\n{printed}")
    return int(found[1])


def successes(printed: str) -> tuple[int, float]:
    """Reads the number of answers and the answers per second from the output of wrk. Ends the program if an answer was
    an error. Servers send error messages faster than objects, so errors would distort the result.
    """
    rate = re.search(r"Requests/sec: +([\d.]+)", printed)
    if rate is None or "Non-2xx" in printed or "Socket errors" in printed:
        raise SystemExit(f"wrk got errors:\n{printed}")
    return answers(printed), float(rate[1])
