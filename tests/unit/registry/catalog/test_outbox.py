"""Tests that readers eventually see every committed change, even if parts of the delivery fail."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import boto3
import pytest

from contract.metrics import LAG_SECONDS, OBJECTIVE_SECONDS
from infra.observability import CloudWatchAlarm
from infra.publishing.alarms import alarms
from registry.catalog import outbox
from registry.catalog.audit import By
from registry.catalog.outbox import REPEAT_SECONDS
from registry.cloudflare.cache_purge import CloudflareEdge
from registry.delivery.purge import PurgeError
from registry.publish import publish
from tests.support.outbox import Clock, clock, publish_web
from tests.support.packages import tarball
from tests.support.registry import Network, network

__all__ = ["clock", "network"]

PACKUMENT = "npm/web/packument.json"


def fail_to_purge(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise PurgeError("the edge was not purged: it is away")

    monkeypatch.setattr(CloudflareEdge, "purge", refuse)


def test_a_failed_purge_is_reported_and_repeated_by_the_relay(
    network: Network, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as away:
        fail_to_purge(away)
        assert publish_web(network, tmp_path).delayed == ["the edge was not purged: it is away"]
    drained = network.target.delivery.drain()
    # The outbox relay delivers published changes, and repeats a failed delivery after some seconds. This call of
    # `drain` is too early, and leaves the change in the outbox.
    assert (drained.delivered, drained.waiting, network.purged) == (0, 1, [])
    assert drained.lag > 0
    clock.time += 60
    drained = network.target.delivery.drain()
    assert (drained.delivered, drained.delayed, drained.lag) == (1, [], 0)
    assert PACKUMENT in network.purged


def test_every_purge_is_repeated_once_after_cache_lifetimes(network: Network, tmp_path: Path, clock: Clock) -> None:
    publish_web(network, tmp_path)
    network.purged.clear()
    clock.time += REPEAT_SECONDS - 1
    network.target.delivery.drain()
    assert network.purged == []
    clock.time += 2
    assert network.target.delivery.drain().delivered == 1
    assert PACKUMENT in network.purged
    network.purged.clear()
    clock.time += 10 * REPEAT_SECONDS
    drained = network.target.delivery.drain()
    assert (drained.delivered, drained.waiting, network.purged) == (0, 0, [])


def test_pauses_grow_and_a_repeatedly_failing_change_is_given_up_until_revived(
    network: Network, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Pauses stop growing after the eighth failure. With fewer tries than in production, the test takes less time.
    most_tries = 20
    assert most_tries < outbox.MOST_TRIES
    monkeypatch.setattr(outbox, "MOST_TRIES", most_tries)
    with monkeypatch.context() as away:
        fail_to_purge(away)
        publish_web(network, tmp_path)
        delivery, pauses = network.target.delivery, list[float]()
        while pending := delivery.outbox.pending():
            pauses.append(pending[0].due - clock.time)
            clock.time = pending[0].due
            delivery.drain()
    assert len(pauses) == most_tries - 1
    assert pauses == sorted(pauses)
    assert pauses[-1] > 10 * pauses[0]
    (dead,) = delivery.outbox.dead()
    assert (dead.tries, dead.error) == (most_tries, "the edge was not purged: it is away")
    drained = delivery.drain()
    assert (drained.dead, drained.delivered) == (1, 0)
    assert drained.lag > 0
    assert delivery.outbox.revive() == 1
    assert delivery.drain().delivered == 1
    assert network.purged


def test_one_failing_change_does_not_delay_the_others(
    network: Network, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    purge = CloudflareEdge.purge

    def refuse_web(edge: CloudflareEdge, keys: Any) -> None:
        if PACKUMENT in keys:
            raise PurgeError("the edge was not purged: it does not like web")
        purge(edge, keys)

    monkeypatch.setattr(CloudflareEdge, "purge", refuse_web)
    publish_web(network, tmp_path)
    other = tarball(tmp_path / "other.tgz", {"name": "other", "version": "1.0.0"})
    with monkeypatch.context() as away:
        fail_to_purge(away)
        publish(network.target, [other], By("tester", "", "publish"))
    clock.time += 60
    drained = network.target.delivery.drain()
    assert (drained.delivered, drained.delayed) == (1, ["the edge was not purged: it does not like web"])
    assert any(key.startswith("npm/other/") for key in network.purged)


def test_the_next_publisher_delivers_an_interrupted_change(
    network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(CloudflareEdge, "purge", ended)
        with pytest.raises(KeyboardInterrupt):
            publish_web(network, tmp_path)
    assert network.json(PACKUMENT)["versions"].keys() == {"1.0.0"}
    assert network.purged == []
    publish_web(network, tmp_path)
    assert PACKUMENT in network.purged
    assert network.target.delivery.outbox.pending() == []


def test_the_alarms_use_the_metrics_that_the_registry_publishes(network: Network) -> None:
    metrics = network.target.metrics
    assert metrics
    metrics.purges(300.0, 2)
    metrics.publish_to_visible({("origin", "us-east-1"): 1.5, ("edge", "eu-west"): 40.0})
    client = cast(Any, boto3).client("cloudwatch", region_name="us-east-1")
    found: dict[str, list[float]] = {}
    for alarm in alarms("unit", "dynamodb", "us-east-1"):
        assert isinstance(alarm, CloudWatchAlarm)
        wanted = [{"Name": name, "Value": value} for name, value in alarm.dimensions.items()]
        page = client.get_metric_statistics(
            Namespace=alarm.namespace,
            MetricName=alarm.metric,
            Dimensions=wanted,
            StartTime="2000-01-01T00:00:00Z",
            EndTime="2100-01-01T00:00:00Z",
            Period=86_400,
            Statistics=["Maximum"],
        )
        found[alarm.name] = [point["Maximum"] for point in page["Datapoints"]]
    assert found == {"purge-lag": [300.0], "purges-given-up": [2.0], "publish-to-visible": [40.0]}
    assert (LAG_SECONDS, OBJECTIVE_SECONDS) < (300.0, 40.0)
