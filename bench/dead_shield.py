"""Measures how much longer an install of packages takes while one of the two shields near the client never answers.

`python -m bench.dead_shield` starts the network of `make up` in a temporary directory. A shield is a regional cache.
The program alternates between installs with two working shields and installs during which one shield is frozen. `npm
install express` requests 68 documents and then 68 tarballs over 15 connections. An install of this benchmark also sends
136 requests over 15 connections, but it requests only tarballs. No cache holds these tarballs. After each install, the
program waits until the shield answers the edge again.
"""

from __future__ import annotations

import argparse
import asyncio
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
from contextlib import nullcontext
from pathlib import Path
from typing import Any, cast

import boto3
import httpx

from emulation.engine.find import ensure_engine
from emulation.layout import LOOPBACK_VARIABLE, Sandbox
from emulation.machines.freezing import frozen
from local import health
from local.checkout import CHECKOUT
from local.clients import Client
from local.stack import LocalStack

_LOOPBACK = "127.95"
_REGION = "us-east-1"
_PACKAGES = 68  # the number of packages that `npm install express` fetches
_CONNECTIONS = 15  # the default of npm's setting `maxsockets`, which limits the connections to one host
_BYTES = 10_000
_RECOVERY_SECONDS = 120


class Bench:
    """Simulates installs of packages on a running sandbox (the emulated clouds on this machine). The client is near two
    shields (regional caches), one of which `install` can freeze.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        outputs = LocalStack(ensure_engine(print), sandbox).outputs()
        account = {"endpoint_url": sandbox.aws_url, "aws_access_key_id": "bench", "aws_secret_access_key": "bench"}
        ec2 = cast(Any, boto3).client("ec2", region_name=_REGION, **account)
        self._s3 = cast(Any, boto3).client("s3", region_name=_REGION, **account)
        self._bucket = outputs["buckets"][0]["name"]
        self.machine = ec2.describe_instances()["Reservations"][0]["Instances"][0]["InstanceId"]
        reader = Client(sandbox, "reader", outputs["url"])
        self._settings: dict[str, Any] = {
            "base_url": outputs["url"],
            "verify": ssl.create_default_context(cafile=health.edge_authority(sandbox)),
            "proxy": reader.proxy,
            "headers": {"Authorization": f"Bearer {reader.token()}"},
            "timeout": 60,
            "limits": httpx.Limits(max_connections=_CONNECTIONS),
        }
        self._made = 0

    def install(self, *, dead: bool) -> list[float]:
        """Simulates an install. Returns the durations of all its requests in seconds, followed by the install's
        duration.
        """
        waves = [self._keys(_PACKAGES) for _ in range(2)]
        for key in (key for wave in waves for key in wave):
            caching = "public, max-age=31536000, immutable"
            self._s3.put_object(Bucket=self._bucket, Key=key, Body=os.urandom(_BYTES), CacheControl=caching)
        with frozen(self._sandbox, self.machine) if dead else nullcontext():
            return asyncio.run(self._requested(waves))

    def wait_for_recovery(self) -> None:
        """Sends requests to the edge until the log of a shield machine (a regional cache) shows that this machine has
        answered one of these requests.
        """
        log = self._sandbox.path("machines", self.machine, "root/var/log/artifact-edge/access.log")
        deadline = time.monotonic() + _RECOVERY_SECONDS
        keys: list[str] = []
        with httpx.Client(**self._settings) as client:
            while not any(key.rsplit("/", 1)[1] in log.read_text() for key in keys):
                if time.monotonic() > deadline:
                    raise SystemExit(f"the edge does not ask {self.machine} again")
                keys += self._keys(1)
                client.get(f"/{keys[-1]}")
                time.sleep(0.2)

    def _keys(self, number: int) -> list[str]:
        self._made += number
        return [f"npm/@acme/bench/-/bench-1.0.{self._made - count}.tgz" for count in range(number)]

    async def _requested(self, waves: Sequence[Sequence[str]]) -> list[float]:
        started = time.monotonic()
        async with httpx.AsyncClient(**self._settings) as client:

            async def timed(key: str) -> float:
                async with slots:
                    before = time.monotonic()
                    answer = await client.get(f"/{key}")
                if (answer.status_code, len(answer.content)) != (200, _BYTES):
                    raise SystemExit(f"{key}: {answer.status_code}")
                return time.monotonic() - before

            slots = asyncio.Semaphore(_CONNECTIONS)
            seconds = [each for wave in waves for each in await asyncio.gather(*(timed(key) for key in wave))]
        return [*seconds, time.monotonic() - started]


def summary(installs: Sequence[Sequence[float]]) -> dict[str, float]:
    """Summarizes the measured installs. Returns the median and the maximum of the installs' durations, and the 99th
    percentile of the durations of all requests, in seconds. Each item of `installs` is a result of `Bench.install`.
    """
    whole = [seconds[-1] for seconds in installs]
    single = sorted(each for seconds in installs for each in seconds[:-1])
    p99 = single[-(-99 * len(single) // 100) - 1]
    figures = {"install_median": statistics.median(whole), "install_longest": max(whole), "request_p99": p99}
    return {name: round(seconds, 3) for name, seconds in figures.items()}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=10)
    rounds = options.parse_args().rounds
    directory = Path(tempfile.mkdtemp(prefix="ae-"))
    directory.chmod(0o755)
    sandbox = Sandbox(directory=directory, loopback=_LOOPBACK)
    try:
        _local(sandbox, "up")
        bench = Bench(sandbox)
        bench.install(dead=False)
        installs: dict[bool, list[list[float]]] = {False: [], True: []}
        for _ in range(rounds):
            for dead, measured in installs.items():
                measured.append(bench.install(dead=dead))
                bench.wait_for_recovery()
                print(f"{'one dead' if dead else 'none dead'}: {measured[-1][-1]:.2f} s", flush=True)
        none, one = (summary(installs[dead]) for dead in (False, True))
        ratios = {name: round(one[name] / none[name], 2) for name in none}
        print(json.dumps({"none dead": none, "one dead": one, "ratio": ratios}))
    finally:
        _local(sandbox, "down")
        shutil.rmtree(directory, ignore_errors=True)


def _local(sandbox: Sandbox, command: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "local", command, "--directory", sandbox.directory],
        cwd=CHECKOUT,
        env={**os.environ, LOOPBACK_VARIABLE: sandbox.loopback},
        check=True,
    )


if __name__ == "__main__":
    main()
