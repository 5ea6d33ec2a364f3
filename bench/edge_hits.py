"""Measures how many requests a second the edge worker answers from its memory and from L1, the cache at the edge.

`python -m bench.edge_hits` starts the network of `make up` in a temporary directory. It also starts four copies of the
workerd process of one PoP (point of presence). Each copy runs a different script: the edge worker, the edge worker with
a memory for small objects, a worker that only forwards requests to L1, and a worker that always returns the same bytes.
Requests reach the copies directly, without emulation/cloudflare/pop/front.js. The program wrk sends requests to one
copy after another. The benchmark prints the ratios of the copies' speeds. These ratios depend less on the machine than
the speeds themselves.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import boto3
import httpx

from bench import wrk
from emulation import processes
from emulation.cloudflare import workerd
from emulation.engine.find import ensure_engine
from emulation.layout import LOOPBACK_VARIABLE, POP_HTTPS_PORT, POP_ORIGIN_PORT, POPS, Sandbox
from infra.edge.bundle import compile_worker
from local import health, operator
from local.checkout import CHECKOUT
from local.stack import LocalStack

_LOOPBACK = "127.72"
_REGION = "us-east-1"
_POP = POPS[0]
# The program runs copies of a PoP's workerd process (COPIES). Each copy listens on two ports: one for clients, and one
# for requests from L1, the cache at the edge, after a miss. The copies use the ports from _FIRST_PORT upwards, and the
# PoP itself uses only lower ports.
_FIRST_PORT = 9443
_CACHING = "public, max-age=31536000, immutable"
_SIZES = {"10 KB": 10_000, "1 MB": 1_000_000}
_STARTS = 5

_ONLY_L1 = """
import { WorkerEntrypoint } from "cloudflare:workers";
export class Objects extends WorkerEntrypoint {}
export class Feeds extends WorkerEntrypoint {}
export default {
  fetch: (request, env, ctx) => ctx.exports.Objects.fetch("https://l1/objects" + new URL(request.url).pathname),
};
"""
_FIXED_BODY = """
import { WorkerEntrypoint } from "cloudflare:workers";
export class Objects extends WorkerEntrypoint {}
export class Feeds extends WorkerEntrypoint {}
const headers = { "content-type": "application/octet-stream", "cache-control": "private" };
const bodies = new Map(@SIZES@.map((size) => [`/${keyOf(size)}`, new Uint8Array(size).fill(120)]));
function keyOf(size) {
  return `npm/bench/-/bench-1.0.${size}.tgz`;
}
export default { fetch: (request) => new Response(bodies.get(new URL(request.url).pathname), { headers }) };
"""


@dataclass(frozen=True)
class Copy:
    """One of the measured copies of a PoP's workerd process. The copy has the configuration of the PoP and its own
    worker script. The benchmark checks that the script answers with the header `X-Cache: <verdict>`, which says which
    cache had the object. If `verdict` is None, the benchmark does not check this header.
    """

    name: str
    verdict: str | None
    port: int


@dataclass(frozen=True)
class Measured:
    """The results of one run of the load generator wrk. `rate` is the number of answers per second. `microseconds` is
    the processor time that workerd and L1 (the cache at the edge) need for one answer.
    """

    rate: float
    microseconds: float


WORKER, MEMORY = Copy("worker", "edge; hit", _FIRST_PORT), Copy("memory", "memory; hit", _FIRST_PORT + 2)
PASS_THROUGH, CONSTANT = Copy("pass-through", None, _FIRST_PORT + 4), Copy("constant", None, _FIRST_PORT + 6)
COPIES = (WORKER, PASS_THROUGH, CONSTANT, MEMORY)
# The comparisons that the benchmark prints. Each has the size of the requested object, the measured copy, and the copy
# that serves as the baseline. The worker of the copy MEMORY keeps only small objects in its memory, so this copy is
# measured only with the object of 10 KB.
RATIOS = (("10 KB", WORKER, PASS_THROUGH), ("1 MB", WORKER, PASS_THROUGH), ("10 KB", MEMORY, CONSTANT))


class Bench:
    """Four copies of a PoP's workerd in a running sandbox (emulated clouds on this machine), and the objects that the
    benchmark requests from the copies.
    """

    def __init__(self, sandbox: Sandbox, connections: int) -> None:
        self._sandbox = sandbox
        self._connections = connections
        self._address = sandbox.pop_address(_POP)
        outputs = LocalStack(ensure_engine(print), sandbox).outputs()
        self._host = outputs["url"].removeprefix("https://")
        token = operator.issue_token(sandbox, outputs, "bench", ["npm:bench:pull"])
        self._headers = {"Authorization": f"Bearer {token}", "Host": self._host}
        account = {"endpoint_url": sandbox.aws_url, "aws_access_key_id": "bench", "aws_secret_access_key": "bench"}
        s3 = cast(Any, boto3).client("s3", region_name=_REGION, **account)
        for size in _SIZES.values():
            s3.put_object(Bucket=outputs["buckets"][0]["name"], Key=key(size), Body=b"x" * size, CacheControl=_CACHING)
        for copy in COPIES:
            write_copy(sandbox.directory / "pops" / _POP.colo / "workerd", self._directory(copy), copy, self._address)

    def start(self) -> None:
        """Starts all copies of workerd, and checks their answers. The requests of the check also fill L1, the edge's
        cache.
        """
        for copy in COPIES:
            processes.start(
                self._sandbox,
                process_name(copy),
                [workerd.binary(), "serve", "workerd.capnp"],
                cwd=self._directory(copy),
                ready=lambda copy=copy: processes.listening(self._address, copy.port),
            )
        context = ssl.create_default_context(cafile=health.edge_authority(self._sandbox))
        with httpx.Client(verify=context, headers=self._headers) as client:
            for _ in range(5):
                self._get(client, POP_HTTPS_PORT, _SIZES["10 KB"])
                self._get(client, POP_HTTPS_PORT, _SIZES["1 MB"])
            for copy in COPIES:
                answers = [self._get(client, copy.port, _SIZES["10 KB"]) for _ in range(5)]
                verdict = answers[-1].headers.get("X-Cache") if copy.verdict else None
                if verdict != copy.verdict:
                    raise SystemExit(f"{copy.name} answers {verdict}, and not {copy.verdict}")

    def _get(self, client: httpx.Client, port: int, size: int) -> httpx.Response:
        url = f"https://{self._address}:{port}/{key(size)}"
        answer = client.get(url, extensions={"sni_hostname": self._host})
        if (answer.status_code, len(answer.content)) != (200, size):
            raise SystemExit(f"{url}: {answer.status_code}")
        return answer

    def stop(self) -> None:
        for copy in COPIES:
            processes.stop(self._sandbox, process_name(copy))

    def measure(self, copy: Copy, size: int, seconds: int) -> Measured:
        """Runs wrk, which repeatedly requests one object from a copy of workerd over several connections."""
        headers = [part for name, value in self._headers.items() for part in ("-H", f"{name}: {value}")]
        url = f"https://{self._address}:{copy.port}/{key(size)}"
        before = self._processor_seconds(copy)
        done = subprocess.run(
            [*wrk.command(self._connections, seconds), *headers, url],
            capture_output=True,
            text=True,
            check=True,
        )
        answers, rate = wrk.successes(done.stdout)
        return Measured(rate, (self._processor_seconds(copy) - before) * 1e6 / answers)

    def seconds_to_start(self, copy: Copy) -> float:
        """Starts another workerd process with the same configuration as `copy`, a workerd process of this benchmark.
        Returns the number of seconds until the new process has started.
        """
        return seconds_to_start(self._directory(copy), copy, self._address)

    def _directory(self, copy: Copy) -> Path:
        return self._sandbox.directory / "bench" / copy.name

    def _processor_seconds(self, copy: Copy) -> float:
        names = [process_name(copy), f"pop-{_POP.colo}-l1"]
        return sum(
            processor_seconds(pid) for name in names if (pid := processes.pid_of(self._sandbox, name)) is not None
        )


def write_copy(source: Path, directory: Path, copy: Copy, address: str) -> None:
    """Writes the configuration of a copy of workerd to `directory`. `source` is the directory with the configuration of
    the PoP's workerd. `address` is the IP address on which the PoP listens. The copy keeps the name and the version of
    the PoP's worker script. The keys in L1, the cache at the edge, begin with this name and version. All copies
    therefore find the same objects in L1.
    """
    shutil.copytree(source, directory)
    (script,) = (directory / "scripts").glob("*/*")
    if copy is PASS_THROUGH:
        (script / "module-0").write_text(_ONLY_L1)
    elif copy is CONSTANT:
        (script / "module-0").write_text(_FIXED_BODY.replace("@SIZES@", str(list(_SIZES.values()))))
    elif copy is MEMORY:
        settings = script / "script.capnp"
        limits = json.dumps(json.dumps({"bytes": 8_000_000, "object_bytes": 16_000}))
        settings.write_text(
            settings.read_text().replace("bindings = [", f'bindings = [\n    (name = "MEMORY", text = {limits}),')
        )
    whole = directory / "workerd.capnp"
    text = _moved(whole.read_text(), address, POP_HTTPS_PORT, copy.port, POP_ORIGIN_PORT, copy.port + 1)
    whole.write_text(text.replace('service = "front"', f'service = "script:{script.parent.name}:{script.name}"'))


def seconds_to_start(directory: Path, copy: Copy, address: str) -> float:
    """Measures how long a copy of the PoP's workerd takes to start. Starts workerd with the configuration in
    `directory` on free ports, and then ends it. Returns the duration in seconds. Raises SystemExit if workerd does not
    start.
    """
    text = (directory / "workerd.capnp").read_text()
    (directory / "start.capnp").write_text(_moved(text, address, copy.port, 0, copy.port + 1, 0))
    started = time.monotonic()
    command = [workerd.binary(), "serve", "start.capnp", "--control-fd=1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=directory) as process:
        listens = bool(cast(Any, process.stdout).readline())
        seconds = time.monotonic() - started
        process.kill()
    if not listens:
        raise SystemExit(f"workerd does not start with the script of the copy {copy.name}")
    return seconds


def process_name(copy: Copy) -> str:
    return f"bench-{copy.name}"


def key(size: int) -> str:
    return f"npm/bench/-/bench-1.0.{size}.tgz"


def _moved(text: str, address: str, clients: int, to: int, cache: int, cache_to: int) -> str:
    """Returns workerd's configuration with two other ports. The port `to` replaces `clients`, the port for clients. The
    port `cache_to` replaces `cache`, the port for the requests that L1 (the cache at the edge) sends after a miss.
    """
    text = text.replace(f'address = "{address}:{clients}"', f'address = "{address}:{to}"')
    return text.replace(f'address = "{address}:{cache}"', f'address = "{address}:{cache_to}"')


def processor_seconds(pid: int) -> float:
    """Returns the processor time of a process in seconds: fields 14 and 15 of /proc/<pid>/stat (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def ratio(above: Sequence[float], below: Sequence[float]) -> float:
    """Compares the throughput of two copies of workerd. `above` and `below` contain the answers per second of the first
    and of the second copy in each round of the benchmark. Returns the median of the ratio `above` / `below` over all
    rounds.
    """
    return round(statistics.median(one / other for one, other in zip(above, below, strict=True)), 2)


def report(measured: dict[tuple[str, str], list[Measured]]) -> None:
    for (size, name), runs in measured.items():
        rate = statistics.median(run.rate for run in runs)
        spent = statistics.median(run.microseconds for run in runs)
        print(f"{size}, {name}: {rate:.0f} answers a second, {spent:.0f} µs of processor time an answer")
    for size, above, below in RATIOS:
        pair = [[run.rate for run in measured[size, copy.name]] for copy in (above, below)]
        print(f"{size}, {above.name} / {below.name}: {ratio(*pair)}")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--seconds", type=int, default=5, help="the duration of each measurement")
    options.add_argument("--connections", type=int, default=32)
    options.add_argument("--loopback", default=_LOOPBACK)
    given = options.parse_args()
    wrk.check_installed()
    directory = Path(tempfile.mkdtemp(prefix="ae-"))
    directory.chmod(0o755)
    sandbox = Sandbox(directory=directory, loopback=given.loopback)
    try:
        _local(sandbox, "up")
        bench = Bench(sandbox, given.connections)
        try:
            bench.start()
            report(measure(bench, given.rounds, given.seconds))
        finally:
            bench.stop()
        starts = {copy.name: [bench.seconds_to_start(copy) for _ in range(_STARTS)] for copy in (WORKER, CONSTANT)}
        took = statistics.median(starts[WORKER.name]) - statistics.median(starts[CONSTANT.name])
        size = len(compile_worker(CHECKOUT / "workers" / "edge").encode())
        print(f"the bundle has {size} bytes, and starts {took * 1000:.0f} ms later than a worker of 1 KB")
    finally:
        _local(sandbox, "down")
        shutil.rmtree(directory, ignore_errors=True)


def measure(bench: Bench, rounds: int, seconds: int) -> dict[tuple[str, str], list[Measured]]:
    """Measures each copy of workerd once in each round. If the machine is slow for a while, all copies are equally
    affected.
    """
    measured: dict[tuple[str, str], list[Measured]] = {}
    for _ in range(rounds):
        for label, size in _SIZES.items():
            for copy in COPIES if label == "10 KB" else (WORKER, PASS_THROUGH):
                measured.setdefault((label, copy.name), []).append(bench.measure(copy, size, seconds))
    return measured


def _local(sandbox: Sandbox, command: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "local", command, "--directory", sandbox.directory],
        cwd=CHECKOUT,
        env={**os.environ, LOOPBACK_VARIABLE: sandbox.loopback},
        check=True,
    )


if __name__ == "__main__":
    main()
