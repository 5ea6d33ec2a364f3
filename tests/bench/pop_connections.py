"""Measures how much memory idle TLS connections use on a PoP of our own, and how much they slow the active clients.

`python -m tests.bench.pop_connections` starts the programs of two PoP machines on loopback. Client processes open
connections to the first machine from several loopback addresses. They get one object on each connection, and leave the
connections open. The program prints how much memory NGINX uses for each connection.

The program also measures the response times of one active client at each machine, in turn. It prints the ratio of the
two clients' 99th percentiles.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import multiprocessing
import ssl
import statistics
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from bench.edge_hits import processor_seconds, ratio
from tests.bench.paced_client import PacedClient
from tests.support.enterable_directory import enterable_directory
from tests.support.own_pop import OwnPop, running_pop

_PATH = "/pypi/files/bench/bench-1.0.tar.gz"
_TOKEN = "bench"
# The number of connections that each client process opens. A process can open only a limited number of files, and an
# address has a limited number of ports. This number is below the usual limits.
_OF_PROCESS = 2_500
_OF_WORKER = 10_000
_ROUNDS = 5


@dataclass(frozen=True)
class Memory:
    """Measured memory in KB. `nginx` is the memory of NGINX's processes. `kernel` is the memory of all kernel objects
    on the machine (the line `Slab` of /proc/meminfo).
    """

    nginx: int
    kernel: int


@dataclass(frozen=True)
class Measured:
    """What the program measured while a certain number of idle connections was open. One of the two PoP machines holds
    these connections.

    `spent` is the processor time in seconds that NGINX's processes had used before this measurement. `p99` and
    `p99_without` list the 99th percentile of the response times of an active client for each round, in milliseconds.
    The client of `p99` uses the machine with the idle connections. The client of `p99_without` uses the other machine.
    """

    connections: int
    memory: Memory
    spent: float
    p99: Sequence[float]
    p99_without: Sequence[float]


def memory(processes: Sequence[int]) -> Memory:
    nginx = sum(_field(Path(f"/proc/{pid}/smaps_rollup"), "Pss") for pid in processes)
    return Memory(nginx, _field(Path("/proc/meminfo"), "Slab"))


def nginx_processes(pop: OwnPop) -> Sequence[int]:
    """Returns the process ids of NGINX's master and of its workers."""
    master = int((Path(pop.directories.run) / "nginx.pid").read_text())
    return [master, *map(int, Path(f"/proc/{master}/task/{master}/children").read_text().split())]


def _field(file: Path, name: str) -> int:
    (line,) = [line for line in file.read_text().splitlines() if line.startswith(f"{name}:")]
    return int(line.split()[1])


def hold(client: PacedClient, address: str, count: int, pipe: Connection) -> None:
    """Opens connections from a loopback address, and keeps them open until the parent process ends this process."""
    held: list[ssl.SSLSocket] = []
    for _ in range(count):
        connection = client.connect(address)
        client.get(connection)
        held.append(connection)
    pipe.send(len(held))
    pipe.recv()


@contextlib.contextmanager
def held(client: PacedClient, first: int, count: int) -> Generator[None]:
    """Holds `count` idle connections in separate processes during the `with` block. Each process connects from its own
    loopback address. `first` is the number of connections that are already open, and determines which addresses are
    still free.
    """
    processes = math.ceil(count / _OF_PROCESS)
    pipes: list[Connection] = []
    started: list[multiprocessing.Process] = []
    for number in range(processes):
        here, there = multiprocessing.Pipe()
        share = count // processes + (number < count % processes)
        address = f"127.71.1.{math.ceil(first / _OF_PROCESS) + number + 1}"
        started.append(multiprocessing.Process(target=hold, args=(client, address, share, there)))
        started[-1].start()
        there.close()
        pipes.append(here)
    try:
        for pipe in pipes:
            pipe.recv()  # raises EOFError if the client process has ended
        yield
    finally:
        for process in started:
            process.terminate()
            process.join()


def active_client(pop: OwnPop) -> PacedClient:
    """Stores an object on the PoP's emulated shield (the regional cache behind the PoP). Returns a client whose token
    may read the object.
    """
    pop.shield.objects[f"/objects{_PATH}"] = b"x" * 10_000
    pop.entitlements.grant(_TOKEN, "pypi:bench:pull")
    return PacedClient(pop.port, pop.authority, "127.71.0.2", _PATH, _TOKEN)


def measure(pop: OwnPop, client: PacedClient, other: PacedClient, connections: int, seconds: float) -> Measured:
    """Measures the memory and the processor time of NGINX, and then the response times of two clients. `client` sends
    its requests to the machine `pop`, which has `connections` idle connections. `other` sends its requests to a machine
    without idle connections. The clients take turns in short rounds, because the speed of the host changes with time.
    """
    processes = nginx_processes(pop)
    found, spent = memory(processes), sum(map(processor_seconds, processes))
    rounds = [(client.p99(seconds), other.p99(seconds)) for _ in range(_ROUNDS)]
    return Measured(connections, found, spent, [one for one, _ in rounds], [one for _, one in rounds])


def measured_at(
    pop: OwnPop, client: PacedClient, other: PacedClient, steps: Sequence[int], seconds: float
) -> Iterator[Measured]:
    """Yields a measurement without idle connections. Then yields one measurement for each number in `steps`, while this
    number of idle connections is open.
    """
    yield measure(pop, client, other, 0, seconds)
    with contextlib.ExitStack() as stack:
        open_ = 0
        for step in steps:
            started = time.monotonic()
            stack.enter_context(held(client, open_, step - open_))
            open_ = step
            print(f"{step} connections are open, the last ones after {time.monotonic() - started:.0f} s", flush=True)
            yield measure(pop, client, other, step, seconds)


def report(results: Sequence[Measured]) -> None:
    before, last = results[0], results[0]
    for each in results:
        line = f"{each.connections} idle connections: "
        if each.connections:
            nginx = (each.memory.nginx - before.memory.nginx) / each.connections
            # The kernel holds memory for both ends of each connection, because the clients run on the same machine.
            # Only half of this memory belongs to the PoP.
            kernel = (each.memory.kernel - before.memory.kernel) / each.connections / 2
            # `spent` includes a little processor time for the requests that measure latency.
            opening = 1000 * (each.spent - last.spent) / (each.connections - last.connections)
            line += f"NGINX {nginx:.1f} KB each (goal: at most 30), kernel {kernel:.1f}, {opening:.1f} ms to open; "
        latency = statistics.median(each.p99)
        print(f"{line}99th percentile {latency:.2f} ms, ratio {ratio(each.p99, each.p99_without)} (goal: at most 1.5)")
        last = each


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--steps", type=int, nargs="+", default=[5_000, 20_000, 50_000])
    options.add_argument("--seconds", type=float, default=4, help="the duration of each measurement of active clients")
    given = options.parse_args()
    with enterable_directory() as root:
        # NGINX must keep the first connections open until the program has opened all connections. `keepalive_timeout`
        # is therefore an hour. The limit on open files restricts the connections of one worker process. NGINX therefore
        # needs several worker processes.
        workers = max(2, math.ceil(given.steps[-1] / _OF_WORKER) + 1)
        nginx = {
            "keepalive_timeout 75s;": "keepalive_timeout 1h;",
            "worker_processes auto;": f"worker_processes {workers};",
        }
        with running_pop(root / "pop", nginx=nginx) as pop, running_pop(root / "other", nginx=nginx) as other:
            client, quiet = active_client(pop), active_client(other)
            results: list[Measured] = []
            for result in measured_at(pop, client, quiet, given.steps, given.seconds):
                results.append(result)
                print(result, flush=True)
        report(results)


if __name__ == "__main__":
    main()
