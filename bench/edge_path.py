"""Measures the processor time of the edge worker's own code for a hit in L1, the cache at the edge.

`python -m bench.edge_path` runs the bundle of the edge worker in workerd. A driver module calls the worker thousands of
times in one request. Stubs take the place of L1 and of the key-value store. The result is the processor time of workerd
for each call. The load of the machine affects this time less than the figures of bench.edge_hits.

With `--other`, the measurements alternate between the bundle of this checkout and another bundle. For example, compare
the bundles before and after a change of the worker.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import tempfile
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from emulation.cloudflare import workerd
from infra.edge import COMPATIBILITY_DATE
from infra.edge.bundle import compile_worker
from local.checkout import CHECKOUT

# The driver module calls the worker _CALLS times in each measurement. Before the first measurement, it calls the worker
# _WARMING_CALLS times. V8 then compiles the code that runs often, and the compilation is not measured.
_CALLS = 2_500
_WARMING_CALLS = 5_000
_START_SECONDS = 30

# The source of driver.js, which calls the worker. A stub in place of L1, the cache at the edge, answers each call with
# the same cache hit. As with real hits, the worker can send the response's headers to the client unchanged
# (workers/edge/src/finished_answers.ts).
_DRIVER = """
import worker from "index.js";
export { Feeds, Objects } from "index.js";
const answer = new Response(null, { headers: {
  "accept-ranges": "bytes", age: "12", "cache-control": "private, max-age=31536000, immutable",
  "cf-cache-status": "HIT", "content-length": "10000", "content-type": "application/octet-stream",
  date: "Sat, 28 Nov 2026 02:00:00 GMT", etag: '"0123456789abcdef0123456789abcdef"',
  "last-modified": "Sat, 28 Nov 2026 01:00:00 GMT",
  "server-timing": "edge;desc=hit", "x-artifact-edge-below": "shield; hit",
  "x-artifact-edge-below-timing": "shield;dur=3", "x-cache": "edge; hit",
} });
const entry = JSON.stringify({ version: 1, principal: "bench", expires: 4_000_000_000, grants: ["npm:bench:pull"] });
const bindings = {
  ENTITLEMENTS: { get: async (name) => (name.startsWith("token:") ? entry : null) },
  HOSTNAME: "packages.test", PURGE_KEY: "key", SHIELDS: "[]", TOKEN_SIGNING_KEY: "key", VERSION: "version",
  TOKEN_REQUESTS: { limit: async () => ({ success: true }) },
};
const headers = { authorization: "Bearer a-token-of-the-length-that-tokens-usually-have", host: "packages.test" };
const url = "https://packages.test/npm/bench/-/bench-1.0.0.tgz";
const Objects = { fetch: async (path, init) => (new Request(path, init), answer) };
const context = { exports: { Objects }, waitUntil: () => undefined };
export default {
  async fetch(request) {
    let last;
    for (let left = Number(new URL(request.url).pathname.slice(1)); left > 0; left -= 1) {
      last = await worker.fetch(new Request(url, { headers }), bindings, context);
    }
    return new Response(`${last.status} ${last.headers.get("x-cache")}`);
  },
};
"""
_CONFIGURATION = """using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "driver", worker = (
    modules = [(name = "driver.js", esModule = embed "driver.js"), (name = "index.js", esModule = embed "index.js")],
    compatibilityDate = "@DATE@",
  ))],
  sockets = [(name = "calls", address = "unix:@SOCKET@", service = "driver", http = ())],
);
"""


@dataclass(frozen=True)
class Running:
    """A workerd process that runs a bundle of the edge worker. `client` sends requests to the socket of the process."""

    pid: int
    client: httpx.Client

    def microseconds(self, calls: int) -> float:
        """Makes driver.js call the worker `calls` times. Returns the processor time of workerd for one call, in
        microseconds.
        """
        before = processor_nanoseconds(self.pid)
        answer = self.client.get(f"http://driver/{calls}").text
        if answer != "200 edge; hit":
            raise SystemExit(f"the worker answers {answer!r}, and not with a hit in L1")
        return (processor_nanoseconds(self.pid) - before) / 1000 / calls


@contextmanager
def running(bundle: str) -> Generator[Running]:
    """Runs a bundle of the edge worker in a workerd process during the `with` block, together with the driver module
    that calls the worker.
    """
    with tempfile.TemporaryDirectory(prefix="ae-") as name:
        directory = Path(name)
        socket = directory / "socket"
        (directory / "driver.js").write_text(_DRIVER)
        (directory / "index.js").write_text(bundle)
        text = _CONFIGURATION.replace("@DATE@", COMPATIBILITY_DATE).replace("@SOCKET@", str(socket))
        (directory / "workerd.capnp").write_text(text)
        with subprocess.Popen([workerd.binary(), "serve", "workerd.capnp"], cwd=directory) as process:
            try:
                _await(socket)
                with httpx.Client(transport=httpx.HTTPTransport(uds=str(socket)), timeout=60) as client:
                    yield Running(process.pid, client)
            finally:
                process.terminate()


def _await(socket: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not socket.exists():
        if time.monotonic() > deadline:
            raise SystemExit(f"workerd has not opened its socket within {_START_SECONDS} s")
        time.sleep(0.05)


def processor_nanoseconds(pid: int) -> int:
    """Returns the processor time of all threads of a process: the first field of each thread's schedstat (proc(5))."""
    return sum(int(file.read_text().split()[0]) for file in Path(f"/proc/{pid}/task").glob("*/schedstat"))


def report(measured: Mapping[str, list[float]]) -> None:
    for name, times in measured.items():
        print(f"{name}: {statistics.median(times):.1f} µs of processor time a request")
    first, *others = measured
    for name in others:
        differences = [one - two for one, two in zip(measured[name], measured[first], strict=True)]
        print(f"{name} - {first}: {statistics.median(differences):+.1f} µs, median of {len(differences)} rounds")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=25)
    options.add_argument("--other", type=Path, help="another bundle of the worker, to compare with")
    given = options.parse_args()
    with running(compile_worker(CHECKOUT / "workers" / "edge")) as worker:
        if given.other is None:
            report(measure({"worker": worker}, given.rounds))
            return
        with running(given.other.read_text()) as other:
            report(measure({"worker": worker, "other": other}, given.rounds))


def measure(workers: Mapping[str, Running], rounds: int) -> dict[str, list[float]]:
    """Measures each compared version of the edge worker once in each round. If the machine is slow for a while, all
    workers are equally affected.
    """
    for worker in workers.values():
        worker.microseconds(_WARMING_CALLS)
    measured: dict[str, list[float]] = {name: [] for name in workers}
    for _ in range(rounds):
        for name, worker in workers.items():
            measured[name].append(worker.microseconds(_CALLS))
    return measured


if __name__ == "__main__":
    main()
