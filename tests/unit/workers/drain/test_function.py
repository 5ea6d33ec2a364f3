"""Tests the Lambda function of the outbox relay, which delivers published changes. The tests run the function from its
archive, in a process with only the packages of Lambda's Python runtime.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any, cast

import pytest

from infra.publishing.drain import pack_drain
from registry.catalog.audit import By
from registry.delivery.deliver import Delivery
from registry.ecosystems.packages import parse
from registry.publish import apply, publish
from registry.target import Target
from registry.unpublish import unpublished
from tests.support.packages import tarball
from tests.support.served_clouds import ServedClouds, served_clouds

ROOT = Path(__file__).parents[4]
# Lambda's Python runtime includes boto3 and its dependencies, so the test provides these packages to the function.
RUNTIME = ("boto3", "botocore", "s3transfer", "jmespath", "urllib3", "dateutil")
BOOTSTRAP = """
import importlib, json, sys
sys.path[:0] = sys.argv[2:]
handler = importlib.import_module(sys.argv[1]).handler
for line in sys.stdin:
    print(json.dumps(handler({}, None)), flush=True)
"""
ME = By("tester", "", "publish")


@dataclass
class Lambda:
    """A running Lambda function. `invoke` sends an event to the function's process. `writes` lists the names of the
    write requests that the emulated clouds receive.
    """

    clouds: ServedClouds
    target: Target
    process: subprocess.Popen[str]
    writes: list[str] = field(default_factory=list[str])

    def invoke(self) -> dict[str, Any]:
        cast(IO[str], self.process.stdin).write("{}\n")
        cast(IO[str], self.process.stdin).flush()
        return json.loads(cast(IO[str], self.process.stdout).readline())

    def gate(self, name: str, make: Callable[[], Iterable[bytes]]) -> Iterable[bytes]:
        self.writes.append(name)
        return make()


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ServedClouds, subprocess.Popen[str]]]:
    """Runs the emulated clouds and one process of the function. Lambda also uses a process for many invocations."""
    directory = tmp_path_factory.mktemp("drain")
    with served_clouds(directory, "s3") as clouds:
        environment = {**clouds.environment, **variables(Target.model_validate(clouds.outputs))}
        with process(directory, environment) as function:
            yield clouds, function


@pytest.fixture
def running(started: tuple[ServedClouds, subprocess.Popen[str]], monkeypatch: pytest.MonkeyPatch) -> Iterator[Lambda]:
    """Provides the function with empty clouds."""
    clouds, function = started
    for name, value in clouds.environment.items():
        monkeypatch.setenv(name, value)
    clouds.forget()
    clouds.client("secretsmanager").create_secret(
        Name="test/edge-kv", SecretString=json.dumps({"api_token": "edge-kv-token"})
    )
    made = Lambda(clouds, Target.model_validate(clouds.outputs), function)
    kept, namespaces = made.target.entitlements, clouds.edge.kv.namespaces
    for entry in namespaces.keys.list(kept.namespace_id, account_id=kept.account_id):
        namespaces.values.delete(entry.name, account_id=kept.account_id, namespace_id=kept.namespace_id)
    clouds.gate = made.gate
    yield made


def variables(target: Target) -> dict[str, str]:
    return {
        "ENVIRONMENT": target.environment,
        "URL": target.url,
        "TABLE": target.metadata.table,
        "BUCKET": target.bucket.name,
        "BUCKET_REGION": target.bucket.region,
        "ACCOUNT_ID": target.entitlements.account_id,
        "NAMESPACE_ID": target.entitlements.namespace_id,
        "PURGE_SECRET_ID": "artifact-edge/test/purge-signing",
        "KV_SECRET_ID": "test/edge-kv",
        "EDGE_CERTIFICATE_EXPIRES": (datetime.now(UTC) + timedelta(days=20, hours=1)).isoformat(),
        "SECRET_REGION": "us-east-1",
    }


@contextmanager
def process(directory: Path, environment: dict[str, str]) -> Generator[subprocess.Popen[str]]:
    """Runs the code of the function's archive in a new Python process.

    The options `-I` and `-S` hide the checkout, the virtual environment and all site directories from the process.
    """
    code = pack_drain(ROOT)
    for name, asset in cast(Any, code.archive).assets.items():
        file = directory / "code" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(asset.text)
    runtime = directory / "runtime"
    runtime.mkdir()
    for name in (*RUNTIME, "six"):
        spec = importlib.util.find_spec(name)
        assert spec and spec.origin
        origin = Path(spec.origin)
        found = origin.parent if origin.name == "__init__.py" else origin
        (runtime / found.name).symlink_to(found)
    started = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", BOOTSTRAP, code.module, directory / "code", runtime],
        cwd=directory,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield started
    finally:
        started.kill()
        started.communicate()


def ended_after_the_commit(monkeypatch: pytest.MonkeyPatch, change: Callable[[], Any]) -> None:
    def ended(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Delivery, "deliver", ended)
        with pytest.raises(KeyboardInterrupt):
            change()


def lag(running: Lambda, metric: str) -> list[float]:
    page = running.clouds.client("cloudwatch").get_metric_statistics(
        Namespace="ArtifactEdge",
        MetricName=metric,
        Dimensions=[{"Name": "Environment", "Value": "test"}],
        StartTime="2000-01-01T00:00:00Z",
        EndTime="2100-01-01T00:00:00Z",
        Period=86_400,
        Statistics=["Maximum"],
    )
    return [point["Maximum"] for point in page["Datapoints"]]


def test_undelivered_changes_reach_the_readers(
    running: Lambda, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tarball(tmp_path / "web.tgz", {"name": "web", "version": "1.0.0"})
    ended_after_the_commit(monkeypatch, lambda: publish(running.target, [file], ME))
    assert running.clouds.keys() == ["npm/web/-/web-1.0.0.tgz"]
    running.writes.clear()
    assert running.invoke() == {"settled": 1, "waiting": 1, "later": 0, "left": 0, "given_up": 0}
    assert running.clouds.json("npm/web/packument.json")["versions"].keys() == {"1.0.0"}
    # The outbox relay, which delivers published changes, updates the list of packages for npm searches after the cache
    # purge: first in the database, then in the origin bucket. The last transaction records the delivery.
    assert running.writes[-4:] == ["purge", "transaction", "PUT npm/-/search.json", "transaction"]
    assert (lag(running, "PurgeLagSeconds"), lag(running, "PurgesGivenUp")) == ([0.0], [0.0])
    assert running.invoke()["settled"] == 0


def test_the_days_until_the_edges_certificate_expires_are_reported(running: Lambda) -> None:
    running.invoke()
    (days,) = lag(running, "EdgeCertificateDays")
    assert int(days) == 20


def test_a_withdrawn_object_is_refused_at_the_edge_and_quarantined(
    running: Lambda, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(running.target, [tarball(tmp_path / "web.tgz", {"name": "web", "version": "1.0.0"})], ME)
    taken = unpublished(running.target, parse("npm:web@1.0.0"), force=True)
    ended_after_the_commit(monkeypatch, lambda: apply(running.target, [taken], ME))
    assert running.invoke()["settled"] == 1
    key = "npm/web/-/web-1.0.0.tgz"
    there = running.clouds.keys()
    assert (key in there, f"quarantine/{key}" in there) == (False, True)
    values = running.clouds.edge.kv.namespaces.values
    kept = running.target.entitlements
    stored = values.get("quarantine", account_id=kept.account_id, namespace_id=kept.namespace_id).read()
    assert json.loads(stored) == {"version": 1, "keys": [key]}


def test_during_an_edge_outage_the_change_waits_and_the_lag_is_published(
    running: Lambda, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(name: str, make: Callable[[], Iterable[bytes]]) -> Iterable[bytes]:
        if name == "purge":
            raise ConnectionAbortedError
        return make()

    file = tarball(tmp_path / "web.tgz", {"name": "web", "version": "1.0.0"})
    ended_after_the_commit(monkeypatch, lambda: publish(running.target, [file], ME))
    running.clouds.gate = away
    assert running.invoke() == {"settled": 0, "waiting": 1, "later": 0, "left": 0, "given_up": 0}
    (intent,) = running.target.delivery.outbox.pending()
    assert intent.tries == 1
    assert "does not answer" in intent.error
    (seconds,) = lag(running, "PurgeLagSeconds")
    assert seconds > 0
