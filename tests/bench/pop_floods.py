"""Measures how much a flood of requests from one client slows another client at a PoP of our own.

`python -m tests.bench.pop_floods` starts the programs of two PoP machines on loopback. wrk floods each PoP at a fixed
pace. The first PoP has a low rate limit by address, and gets the flood from one address without a token. The second PoP
has a rate limit by token, and gets the flood with one token.

A client outside the flood has another address and another token, and requests a cached object. The program measures
this client's response times in turn without and with the flood. It prints the ratio of the 99th percentiles.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench import wrk
from bench.edge_hits import ratio
from infra.waf import Bound, Sources, WafArgs
from tests.bench.paced_client import PacedClient
from tests.support.enterable_directory import enterable_directory
from tests.support.own_pop import OwnPop, running_pop

_PATH = "/pypi/files/bench/bench-1.0.tar.gz"
_CONNECTIONS = 20
_STARTING_SECONDS = 1.0  # seconds until the PoP's rate limits begin to refuse requests
_CLIENT = "127.71.0.2"
# Maps each kind of flood to additional options of wrk and to the PoP's rate limits.
#
# The flood from one address meets the limit `by_address`, which is low. Few requests of this flood therefore reach the
# worker. The limit does not apply to _CLIENT, the client whose response times the program measures.
_FLOODS: Mapping[str, tuple[Sequence[str], WafArgs]] = {
    "address": ([], WafArgs(allow=Sources([f"{_CLIENT}/32"]), by_address=Bound(30, 1))),
    "token": (["--header", "Authorization: Bearer leaked"], WafArgs(by_token=Bound(250, 1))),
}
# A Lua script that makes wrk wait between requests of a connection.
_SCRIPT = "function delay() return @MILLISECONDS@ end"


@contextmanager
def flood(pop: OwnPop, kind: str, seconds: float, script: Path) -> Generator[None]:
    """Floods the PoP with requests during the `with` block. Ends the whole program if the PoP refuses fewer than half
    of these requests with 429.
    """
    before = len(pop.log())
    command = [*wrk.command(_CONNECTIONS, round(seconds + 3)), "--script", str(script), *_FLOODS[kind][0]]
    command.append(f"https://127.0.0.1:{pop.port}{_PATH}")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        time.sleep(_STARTING_SECONDS)
        yield
        printed, _ = process.communicate()
    sent = wrk.answers(printed)
    refused = [line["status"] for line in pop.log()[before:]].count("429")
    print(f"flood by {kind}: {sent} requests, {refused} of them refused", flush=True)
    if refused < sent / 2:
        raise SystemExit("the PoP served much of the flood, so the flood was not above the limit")


def measure(root: Path, kind: str, rounds: int, seconds: float, script: Path) -> tuple[list[float], list[float]]:
    """Measures the response times of the client `_CLIENT` in several rounds. Each round measures first without a flood
    of requests, and then during a flood from another client. Returns two lists of 99th percentiles, with one value for
    each round: first those during a flood, and then those without a flood.
    """
    pairs: list[tuple[float, float]] = []
    with running_pop(root / kind, _FLOODS[kind][1]) as pop:
        pop.shield.objects[f"/objects{_PATH}"] = b"x" * 10_000
        for token in ("leaked", "bench"):
            pop.entitlements.grant(token, "pypi:bench:pull")
        client = PacedClient(pop.port, pop.authority, _CLIENT, _PATH, "bench")
        client.p99(1)
        for _ in range(rounds):
            without = client.p99(seconds)
            with flood(pop, kind, seconds, script):
                pairs.append((client.p99(seconds), without))
            time.sleep(2)  # after a pause of this length, the PoP's rate limit admits requests again
    return [one for one, _ in pairs], [one for _, one in pairs]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--seconds", type=float, default=6, help="the duration of each measurement")
    options.add_argument("--rate", type=int, default=2000, help="requests of the flood in a second")
    given = options.parse_args()
    wrk.check_installed()
    with enterable_directory() as root:
        script = root / "flood.lua"
        script.write_text(_SCRIPT.replace("@MILLISECONDS@", str(1000 * _CONNECTIONS // given.rate)))
        for kind in _FLOODS:
            slowed, without = measure(root, kind, given.rounds, given.seconds, script)
            latencies = (
                f"{statistics.median(without):.2f} ms without the flood, {statistics.median(slowed):.2f} ms with it"
            )
            print(f"flood by {kind}: 99th percentiles {latencies}, ratio {ratio(slowed, without)} (goal: at most 2)")


if __name__ == "__main__":
    main()
