"""Measures how many requests a second a PoP of our own answers, compared with a bare NGINX.

`python -m tests.bench.pop_hits` starts the programs of a PoP machine on loopback, and the bare NGINX, which serves
files of the same size from its own cache. The program sends requests to both in turn with wrk, over TLS and HTTP/1.1,
and prints the ratios of their speeds. The PoP's edge worker decides whether a client may read a path, and the PoP's
NGINX remembers the decision. The output calls a decision cold if NGINX does not remember it, so that the worker has to
decide.
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import wrk
from bench.edge_hits import ratio
from tests.support.free_ports import free_ports
from tests.support.own_pop import OwnPop, running_pop
from tests.support.waiting import eventually

_SIZES = {"10 KB": 10_000, "1 MB": 1_000_000}
_TOKEN = "bench"
# The directory with all files of the emulated PoP machine. Its file system is in memory. A real PoP machine keeps
# cached objects and NGINX's stored decisions in /run, which is in memory, too.
_IN_MEMORY = "/dev/shm"  # noqa: S108

# wrk runs this script before each request. Each request gets an Accept header that no other request has, of this run or
# of another one. NGINX remembers the worker's decision only for requests with the same Accept header, so the worker has
# to decide on each request.
_COLD = """
local threads = 0
function setup(thread)
  threads = threads + 1
  thread:set("kind", "text/x-" .. os.time() .. "-" .. threads .. "-")
end
local number = 0
request = function()
  number = number + 1
  wrk.headers["Accept"] = kind .. number
  return wrk.format()
end
"""
_BARE = """
daemon off;
worker_processes auto;
pid @ROOT@/bare.pid;
error_log stderr warn;
events { worker_connections 4096; }
http {
  access_log off;
  ssl_certificate @RUN@/server.pem;
  ssl_certificate_key @RUN@/server.key;
  ssl_protocols TLSv1.2 TLSv1.3;
  keepalive_requests 10000;
  proxy_cache_path @ROOT@/bare-cache keys_zone=files:16m;
  client_body_temp_path @ROOT@/bare-body;
  proxy_temp_path @ROOT@/bare-proxy;
  fastcgi_temp_path @ROOT@/bare-fastcgi;
  uwsgi_temp_path @ROOT@/bare-uwsgi;
  scgi_temp_path @ROOT@/bare-scgi;
  server {
    listen 127.0.0.1:@PORT@ ssl;
    location / {
      proxy_pass http://127.0.0.1:@ORIGIN@;
      proxy_cache files;
      proxy_cache_valid 200 1h;
    }
    # The way of a hit without a decision and without the firewall.
    location /Objects/ {
      proxy_pass http://l1;
      proxy_http_version 1.1;
      proxy_set_header Host l1;
      proxy_set_header Connection "";
    }
  }
  upstream l1 {
    server 127.0.0.1:@L1@;
    keepalive 256;
  }
  server {
    listen 127.0.0.1:@ORIGIN@;
    root @ROOT@/files;
  }
}
"""


@dataclass(frozen=True)
class Way:
    """One kind of request that the program measures, such as requests to NGINX without the PoP's configuration. With
    `is_cold`, NGINX has no cached decision of the edge worker for any of the requests.
    """

    name: str
    size: str
    port: int
    path: str
    is_cold: bool = False


@dataclass(frozen=True)
class Measured:
    """The result of one run of wrk. `rate` is the number of answers a second. `p99` is the 99th percentile of the
    response times in milliseconds.
    """

    rate: float
    p99: float


# The ratios to print. Each line has the measured kind of request, the kind to compare it with, the size of the object,
# and the ratio that the project wants to reach.
RATIOS = (
    ("pop", "bare", "10 KB", 0.75),
    ("pop", "bare", "1 MB", 0.9),
    ("cold decisions", "bare, scripted", "10 KB", 0.25),
    ("l1 only", "bare", "10 KB", None),
    ("l1 only", "bare", "1 MB", None),
)

# The goal for cache hits: the 99th percentile of a PoP's response times is at most P99_GOAL times the 99th percentile
# of NGINX alone.
P99_GOAL = 2


def path(size: int) -> str:
    return f"/pypi/files/bench/bench-1.0.{size}.tar.gz"


def p99(printed: str) -> float:
    """Returns the 99th percentile of the response times, in milliseconds, from the output of wrk."""
    found = re.search(r"99%\s+([\d.]+)(us|ms|s)\b", printed)
    if found is None:
        raise SystemExit(f"wrk printed no percentile:\n{printed}")
    return float(found[1]) * {"us": 0.001, "ms": 1, "s": 1000}[found[2]]


@contextmanager
def running_bare(root: Path, pop: OwnPop) -> Generator[int]:
    """Starts the bare NGINX with which the PoP is compared, below the directory `root`. Yields its HTTPS port."""
    port, origin = free_ports(2)
    configuration = (Path(pop.directories.etc) / "nginx.conf").read_text()
    l1 = re.search(r"upstream l1 {\s+server 127\.0\.0\.1:(\d+);", configuration)
    assert l1 is not None
    values = {"ROOT": str(root), "RUN": pop.directories.run, "PORT": str(port), "ORIGIN": str(origin), "L1": l1[1]}
    text = _BARE
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    file = root / "bare.conf"
    file.write_text(text)
    with subprocess.Popen(["nginx", "-c", str(file)]) as process:
        try:
            assert eventually((root / "bare.pid").exists)
            yield port
        finally:
            process.terminate()


def fill(root: Path, pop: OwnPop) -> None:
    """Stores the objects on the emulated shield (the regional cache behind the PoP), and as files for the NGINX that
    the benchmark compares with the PoP. Then requests each object several times, so that the PoP caches both the object
    and the client's permission to read the object.
    """
    pop.entitlements.grant(_TOKEN, "pypi:bench:pull")
    for size in _SIZES.values():
        body = b"x" * size
        pop.shield.objects[f"/objects{path(size)}"] = body
        file = root / "files" / path(size)[1:]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(body)
        answers = [pop.request(path(size), _TOKEN) for _ in range(5)]
        assert [(answer.status, answer.body == body) for answer in answers] == [(200, True)] * 5
        assert answers[-1].headers["x-cache"] == "edge; hit"


def measure(way: Way, connections: int, seconds: int, script: Path) -> Measured:
    """Runs wrk, which sends requests of one kind over several connections at once."""
    command = [
        *wrk.command(connections, seconds),
        "--timeout=30s",
        "--latency",
        "--header",
        f"Authorization: Bearer {_TOKEN}",
        *(["--script", str(script)] if way.is_cold else []),
    ]
    url = f"https://127.0.0.1:{way.port}{way.path}"
    printed = subprocess.run([*command, url], capture_output=True, text=True, check=True).stdout
    return Measured(wrk.successes(printed)[1], p99(printed))


def report(measured: dict[tuple[str, str], list[Measured]]) -> None:
    for (name, size), runs in measured.items():
        rate, latency = (statistics.median(getattr(run, field) for run in runs) for field in ("rate", "p99"))
        print(f"{size}, {name}: {rate:.0f} answers a second, 99th percentile {latency:.1f} ms")
    for name, base, size, goal in RATIOS:
        above, below = measured[name, size], measured[base, size]
        rates = ratio([run.rate for run in above], [run.rate for run in below])
        latencies = ratio([run.p99 for run in above], [run.p99 for run in below])
        print(
            f"{size}, {name} / {base}: {rates} (goal: {goal or 'none'}); "
            f"99th percentiles: {latencies} (goal: {P99_GOAL if name == 'pop' else 'none'})"
        )


def ways(pop: OwnPop, bare: int) -> Sequence[Way]:
    small = path(_SIZES["10 KB"])
    both = [
        way
        for size, length in _SIZES.items()
        for way in (
            Way("bare", size, bare, path(length)),
            Way("pop", size, pop.port, path(length)),
            Way("l1 only", size, bare, f"/Objects/objects{path(length)}"),
        )
    ]
    # The Lua script _COLD slows wrk. For a fair comparison, wrk runs the script both against the bare NGINX and against
    # the PoP.
    return [
        *both,
        Way("bare, scripted", "10 KB", bare, small, is_cold=True),
        Way("cold decisions", "10 KB", pop.port, small, is_cold=True),
    ]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--seconds", type=int, default=4, help="the duration of each measurement")
    options.add_argument("--connections", type=int, default=32)
    given = options.parse_args()
    wrk.check_installed()
    with tempfile.TemporaryDirectory(prefix="artifact-edge-bench-", dir=_IN_MEMORY) as name:
        root = Path(name)
        root.chmod(0o755)  # lets Traffic Server and NGINX enter the directory when they run as other users
        script = root / "cold.lua"
        script.write_text(_COLD)
        measured: dict[tuple[str, str], list[Measured]] = {}
        with running_pop(root / "pop") as pop, running_bare(root, pop) as bare:
            fill(root, pop)
            # each round measures every kind of request, so that changes of the machine's speed affect all kinds alike
            for _ in range(given.rounds):
                for way in ways(pop, bare):
                    made = measure(way, given.connections, given.seconds, script)
                    measured.setdefault((way.name, way.size), []).append(made)
            report(measured)


if __name__ == "__main__":
    main()
