"""Tests that the outbox relay, which delivers published changes, respects Cloudflare's rate limit for cache purges. The
relay must purge the remaining objects later.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from emulation.cloudflare.workers_cache import WorkersCache
from emulation.state_store import StateStore
from registry.__main__ import app
from registry.catalog.outbox import REPEAT_SECONDS, Intent
from registry.cloudflare.cache_purge import WorkerPurges
from registry.delivery.purge import PurgeError, PurgesLimited
from tests.support import purge_endpoint
from tests.support.outbox import Clock, clock, publish_web
from tests.support.purge_endpoint import PurgeEndpoint
from tests.support.registry import Network, commands_use, network

__all__ = ["clock", "network"]

KEYS = [f"npm/p{number}/packument.json" for number in range(5_000)]


@pytest.fixture
def requests(network: Network, tmp_path: Path, clock: Clock) -> list[float]:
    """Makes the emulated edge limit the rate of purges in the same way as Cloudflare.

    Returns a list. The edge appends the time of each accepted purge request to the list.
    """
    accepted = list[float]()
    cache = WorkersCache(StateStore(tmp_path / "cache.sqlite", clock=lambda: clock.time), lambda paths: None)

    def accepts() -> bool:
        if not cache.purge("/edge/shared/Objects", ["any"])["success"]:
            return False
        accepted.append(clock.time)
        return True

    network.purges.accepts = accepts
    return accepted


def exhaust(network: Network) -> None:
    while network.purges.accepts():
        pass


def test_a_purge_of_5000_objects_settles_within_the_edge_s_limit(
    network: Network, requests: list[float], clock: Clock
) -> None:
    outbox, started = network.target.delivery.outbox, clock.time
    outbox.record_limit([], KEYS, clock.time)
    while outbox.pending():
        clock.time += 60
        assert network.target.delivery.drain().delayed == []
    assert sorted(network.purged) == sorted(KEYS)
    assert len(requests) == 50
    assert clock.time - started <= 6 * 60
    assert outbox.repeats() == []


def test_a_publish_beyond_the_limit_succeeds_and_its_documents_are_purged_later(
    network: Network, requests: list[float], tmp_path: Path, clock: Clock
) -> None:
    exhaust(network)
    assert publish_web(network, tmp_path).delayed == []
    assert network.json("npm/web/packument.json")["versions"].keys() == {"1.0.0"}
    assert [each["name"] for each in network.json("npm/-/search.json")["packages"]] == ["web"]
    assert network.purged == []
    (left,) = network.target.delivery.outbox.pending()
    assert (left.tries, "npm/web/packument.json" in left.stale) == (0, True)
    drained = network.target.delivery.drain()
    # Because of the rate limit, the next delivery of the change is due later. `drain` delivers only changes that are
    # due. This call therefore does not try the delivery.
    assert (drained.delivered, drained.limited, drained.delayed, drained.lag > 0) == (0, 0, [], True)
    clock.time += 60
    drained = network.target.delivery.drain()
    assert (drained.delivered, drained.limited, drained.lag) == (1, 0, 0)
    assert "npm/web/packument.json" in network.purged
    clock.time += REPEAT_SECONDS
    assert network.target.delivery.drain().delivered == 1


def test_a_limited_purge_counts_as_no_failed_try(network: Network, requests: list[float], clock: Clock) -> None:
    network.purges.accepts = lambda: False
    outbox = network.target.delivery.outbox
    outbox.record_limit([Intent(at="2026-01-01T00:00:00.000000Z")], KEYS[:1], clock.time)
    for _ in range(3):
        clock.time += 60
        assert network.target.delivery.drain().limited == 1
    (left,) = outbox.pending()
    assert (left.tries, left.at, outbox.dead()) == (0, "2026-01-01T00:00:00.000000Z", [])


def test_what_the_edge_accepted_is_not_purged_again(network: Network, clock: Clock) -> None:
    answers = iter([True, True, False])
    network.purges.accepts = lambda: next(answers)
    with pytest.raises(PurgesLimited) as limited:
        network.target.purges().purge(KEYS[:450])
    assert (network.purged, limited.value.keys) == (KEYS[:200], KEYS[200:450])


def test_a_purge_with_another_key_is_an_error_that_names_the_address(network: Network) -> None:
    endpoint = PurgeEndpoint()
    with pytest.raises(PurgeError) as refused:
        WorkerPurges("https://packages.example.test", lambda: "another", endpoint).purge(KEYS[:1])
    assert str(refused.value) == "the edge was not purged: https://packages.example.test/-/purge answers 403"
    endpoint.away = True
    with pytest.raises(PurgeError) as away:
        WorkerPurges("https://packages.example.test", lambda: purge_endpoint.KEY, endpoint).purge(KEYS[:1])
    assert str(away.value).endswith("https://packages.example.test does not answer: ProtocolError")


@pytest.mark.parametrize(
    ("given", "purged"),
    [("npm:@acme/web", "npm:@acme/web"), ("pypi:Acme_Greeter", "pypi:acme-greeter"), ("oci:acme/app:1.0", "")],
)
def test_a_purge_names_a_package_as_the_edge_does(monkeypatch: pytest.MonkeyPatch, given: str, purged: str) -> None:
    endpoint = PurgeEndpoint()

    class Stack:
        def purges(self) -> WorkerPurges:
            return WorkerPurges("https://packages.example.test", lambda: purge_endpoint.KEY, endpoint)

    commands_use(monkeypatch, Stack())
    result = CliRunner().invoke(app, ["purges", "package", given, "--stack-outputs", "-"])
    assert endpoint.purged == ([purged] if purged else [])
    assert (result.exit_code == 0) == bool(purged)


def test_a_purge_of_a_package_beyond_the_limit_says_when_to_try_again() -> None:
    endpoint = PurgeEndpoint()
    purges = WorkerPurges("https://packages.example.test", lambda: purge_endpoint.KEY, endpoint)
    purges.purge_all("packages", "npm:@acme/web")
    assert endpoint.purged == ["npm:@acme/web"]
    endpoint.accepts = lambda: False
    with pytest.raises(PurgeError, match="the edge accepts no more purges now; try again in a minute"):
        purges.purge_all("versions", "3f9a2c1188d04e57")
