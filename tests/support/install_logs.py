"""Writes access logs of shields (regional caches). The logs show two packages that clients often install together.
Neither package depends on the other.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

DAYS = 14
INSTALLS_A_DAY = 4
# The only install of each day that does not request `@acme/plugin`; installs are numbered from 0. The other three
# installs of the day request it, so the log of a week has 21 installs with the package and 7 without it.
LACKS_PLUGIN = 3

Line = dict[str, Any]


def line(day: int, second: int, path: str, install: str, **more: Any) -> Line:
    time = f"2026-11-{day:02}T09:00:{second:02}Z"
    return {"time": time, "method": "GET", "path": path, "status": 200, "bytes": 9, "install": install, **more}


def id_of(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def requests(day: int, number: int) -> Iterator[Line]:
    """Yields the log lines of one install of the package `@acme/app`. The client requests the app, its dependency
    `library`, the independent package `@acme/plugin`, and `noise-<number>`. `number` counts the installs of one day
    from 0.
    """
    install = id_of(day, number)
    yield line(day, 0, "npm/%40acme/app/packument.abbreviated.json", install)
    yield line(day, 1, "npm/library/packument.abbreviated.json", install)
    yield line(day, 1, "npm/%40acme/app/-/app-1.0.0.tgz", install)
    if number != LACKS_PLUGIN:
        yield line(day, 5, "npm/%40acme/plugin/packument.abbreviated.json", install)
    yield line(day, 6, f"npm/noise-{number}/-/noise-{number}-1.0.0.tgz", install)


def all_lines() -> list[Line]:
    return [each for day in range(1, DAYS + 1) for number in range(INSTALLS_A_DAY) for each in requests(day, number)]


def written(root: Path, lines: Sequence[Line]) -> Path:
    """Writes the log lines into files in the same way as the program `ship-logs` of a shield (a regional cache): one
    compressed file for each day.
    """
    for day in {each["time"][:10] for each in lines}:
        text = "".join(f"{json.dumps(each)}\n" for each in lines if each["time"].startswith(day))
        file = root / "logs" / f"day={day}" / "090000-machine-1-0.json.gz"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(gzip.compress(text.encode()))
    return root / "logs"
