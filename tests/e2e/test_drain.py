"""Tests that a change reaches the edge after the publisher was killed or could not reach the edge. The outbox relay, a
function that reads changes from the database, then delivers the change.

The stack's schedule invokes the relay each minute. These tests shorten the minute of the emulated AWS to 5 seconds.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from emulation.aws.clock import MINUTE_SECONDS, PATH
from emulation.engine.environment import cloud_environment
from emulation.layout import CLIENT_LOCATIONS
from local import operator
from local.checkout import CHECKOUT
from local.clients import Client
from registry.catalog.outbox import Intent, Outbox
from tests.support.packages import tarball
from tests.support.sandbox.commands import registry
from tests.support.sandbox.edge import access, target_of
from tests.support.sandbox.up import Up

MINUTE = 5.0  # the duration of one minute of the emulated AWS, in real seconds
# The number of seconds that a test waits for an expected effect before it fails. The number is large, because a busy
# machine is slow.
WITHIN = 120.0
NOWHERE = "http://127.0.0.1:9/client/v4"  # the URL of a Cloudflare API that is down: nothing listens on port 9
KILLED_AFTER_THE_COMMIT = """
import os, signal
from registry.delivery.deliver import Delivery
Delivery.deliver = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
from registry.__main__ import main
main()
"""


@pytest.fixture(scope="module", autouse=True)
def short_minutes(up: Up) -> Iterator[None]:
    set_minute(up, MINUTE)
    yield
    set_minute(up, MINUTE_SECONDS)


@pytest.fixture
def outbox(up: Up, monkeypatch: pytest.MonkeyPatch) -> Outbox:
    return Outbox(target_of(up, monkeypatch).repository)


@pytest.fixture
def readers(up: Up) -> Iterator[list[httpx.Client]]:
    """Yields one HTTP client at each client location. The token of these clients may pull all npm packages."""
    Client(up.sandbox, "drained", up.outputs()["url"]).configure(
        operator.issue_token(up.sandbox, up.outputs(), "drained", ["npm:*:pull"])
    )
    with ExitStack() as opened:
        yield [
            opened.enter_context(httpx.Client(**access(up, client_location, "drained")))
            for client_location in CLIENT_LOCATIONS
        ]


def set_minute(up: Up, seconds: float) -> None:
    httpx.put(up.sandbox.aws_url + PATH, json={"minute_seconds": seconds}, timeout=60).raise_for_status()


def of(package: str, intents: list[Intent]) -> list[Intent]:
    return [intent for intent in intents if f"npm#{package}" in intent.changes]


def in_time(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + WITHIN
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.5)
    return True


def test_every_reader_sees_a_version_whose_publisher_was_killed(
    up: Up, outbox: Outbox, readers: list[httpx.Client], tmp_path: Path
) -> None:
    first, second = (
        tarball(tmp_path / f"{number}.tgz", {"name": "drained", "version": number}) for number in ("1.0.0", "2.0.0")
    )
    assert registry(up, "publish", first).returncode == 0
    assert all(list(reader.get("/npm/drained").json()["versions"]) == ["1.0.0"] for reader in readers)
    # From here on, a minute of the emulated AWS lasts 60 s. The schedule therefore does not invoke the outbox relay
    # (the function that delivers changes) during the next steps.
    set_minute(up, MINUTE_SECONDS)
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_AFTER_THE_COMMIT, "publish", second, "--stack-outputs", "-"],
        cwd=CHECKOUT,
        env={**os.environ, **cloud_environment(up.sandbox, {})},
        input=json.dumps(up.outputs()).encode(),
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    assert all(list(reader.get("/npm/drained").json()["versions"]) == ["1.0.0"] for reader in readers)
    (left,) = of("drained", outbox.pending())
    assert left.tries == 0
    set_minute(up, MINUTE)
    for reader in readers:
        assert in_time(lambda reader=reader: "2.0.0" in reader.get("/npm/drained").json()["versions"])
    assert in_time(lambda: of("drained", outbox.pending()) == [])


def test_a_withdrawal_during_an_edge_outage_reaches_every_reader(
    up: Up, outbox: Outbox, readers: list[httpx.Client], tmp_path: Path
) -> None:
    file, path = tarball(tmp_path / "bad.tgz", {"name": "leaked", "version": "1.0.0"}), "/npm/leaked/-/leaked-1.0.0.tgz"
    assert registry(up, "publish", file).returncode == 0
    assert all(reader.get(path).content == file.read_bytes() for reader in readers)
    # From here on, a minute of the emulated AWS lasts 60 s. The schedule therefore does not invoke the outbox relay,
    # which delivers changes, before the test has checked the state after the failed withdrawal.
    set_minute(up, MINUTE_SECONDS)
    taken = registry(up, "unpublish", "npm:leaked@1.0.0", CLOUDFLARE_BASE_URL=NOWHERE)
    assert taken.returncode != 0
    assert "the quarantine list at the edge was not updated" in taken.stderr
    # The write to the quarantine list has failed, but the edge already refuses the object, because the feed of recent
    # withdrawals lists it.
    for reader in readers:
        assert in_time(lambda reader=reader: reader.get(path).status_code == 410)
    (left,) = of("leaked", outbox.pending())
    assert left.tries == 1
    set_minute(up, MINUTE)
    assert in_time(lambda: of("leaked", outbox.pending()) == [])


def test_the_lag_metric_is_published_each_minute(up: Up) -> None:
    cloudwatch = up.aws("cloudwatch")

    def output() -> int:
        now = datetime.now(UTC)
        page = cloudwatch.get_metric_statistics(
            Namespace="ArtifactEdge",
            MetricName="PurgeLagSeconds",
            Dimensions=[{"Name": "Environment", "Value": up.outputs()["environment"]}],
            StartTime=now - timedelta(hours=3),
            EndTime=now + timedelta(minutes=1),
            Period=86_400,
            Statistics=["SampleCount"],
        )
        return sum(int(point["SampleCount"]) for point in page["Datapoints"])

    before = output()
    assert in_time(lambda: output() >= before + 2)
