"""Measures whether the memory of a PoP of our own stays flat while clients stream a large object.

`python -m tests.bench.pop_streams` starts the programs of a PoP machine on loopback. 20 clients download one object of
200 MB at once. At the first download, the object is not in L1 (the PoP's cache). At the second download, L1 has the
object. Each client reads slowly, so a program that buffers unread data would need more and more memory. The benchmark
prints the memory of NGINX, workerd and Traffic Server before the downloads. It also prints their highest memory in the
first and second half of the download time.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.enterable_directory import enterable_directory
from tests.support.own_pop import OwnPop, running_pop

_PATH = "/pypi/files/bench/bench-1.0.tar.gz"
_TOKEN = "bench"
_MEGABYTE = 1_000_000
_PROGRAMS = {"nginx": "NGINX", "workerd": "workerd", "[TS_MAIN]": "Traffic Server"}
_PAUSE_SECONDS = 0.25


@dataclass(frozen=True)
class Sample:
    """The memory of each program at one moment, in MB. `after` is the number of seconds from the start of the downloads
    to this moment.
    """

    after: float
    memory: dict[str, float]


def descendants(pid: int | str) -> Iterator[int]:
    """Yields the process ids of all descendants of a process: its children, their children, and so on. Skips processes
    that end while the function runs.
    """
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for task in list(Path(f"/proc/{pid}/task").iterdir()):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                for child in map(int, (task / "children").read_text().split()):
                    yield child
                    yield from descendants(child)


def memory() -> dict[str, float]:
    """Returns the memory of each program of the PoP in MB. A page that several processes share counts only once."""
    found = dict.fromkeys(_PROGRAMS.values(), 0.0)
    for pid in descendants("self"):
        # a process, such as that of a client, can end during the loop
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            name = _PROGRAMS.get(Path(f"/proc/{pid}/comm").read_text().strip())
            if name is not None:
                lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
                (kilobytes,) = [line.split()[1] for line in lines if line.startswith("Pss:")]
                found[name] += int(kilobytes) / 1000
    return found


def stream(pop: OwnPop, clients: int, speed: int) -> Sequence[Sample]:
    """Downloads one object with `clients` parallel clients. Returns measurements of the memory of the PoP's programs:
    the first from before the downloads, and the others from regular intervals during the downloads.
    """
    command = ["curl", "--silent", "--fail", "--cacert", str(pop.authority), "--limit-rate", f"{speed * _MEGABYTE}"]
    command += [
        "--header",
        f"Authorization: Bearer {_TOKEN}",
        "--output",
        "/dev/null",
        "--write-out",
        "%{size_download}",
    ]
    samples = [Sample(0, memory())]
    started = time.monotonic()
    url = f"https://localhost:{pop.port}{_PATH}"
    running = [subprocess.Popen([*command, url], stdout=subprocess.PIPE, text=True) for _ in range(clients)]
    while any(process.poll() is None for process in running):
        time.sleep(_PAUSE_SECONDS)
        samples.append(Sample(time.monotonic() - started, memory()))
    sizes = {process.communicate()[0] for process in running}
    if sizes != {str(len(pop.shield.objects[f"/objects{_PATH}"]))}:
        raise SystemExit(f"the clients received {sizes} bytes")
    return samples


def report(name: str, samples: Sequence[Sample]) -> None:
    before, *during = samples
    middle = during[-1].after / 2
    print(f"{name}: {during[-1].after:.0f} s", flush=True)
    for program, idle in before.memory.items():
        halves = [[each.memory[program] for each in during if (each.after > middle) == late] for late in (False, True)]
        first, second = map(max, halves)
        print(
            f"  {program}: {idle:.0f} MB before, at most {first:.0f} MB in the first half, {second:.0f} in the second"
        )


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--clients", type=int, default=20)
    options.add_argument("--megabytes", type=int, default=200, help="the size of the object")
    options.add_argument("--speed", type=int, default=5, help="of each client, in MB a second")
    given = options.parse_args()
    if shutil.which("curl") is None:
        raise SystemExit("curl is missing; on Debian: apt-get install curl")
    with enterable_directory() as root, running_pop(root / "pop") as pop:
        pop.shield.objects[f"/objects{_PATH}"] = b"x" * given.megabytes * _MEGABYTE
        pop.entitlements.grant(_TOKEN, "pypi:bench:pull")
        for tier in ("L1 misses the object", "L1 has the object"):
            report(tier, stream(pop, given.clients, given.speed))
        print(f"requests at the shield: {len(pop.shield.requests)}")


if __name__ == "__main__":
    main()
