"""Tests a run of the outbox relay, which delivers published changes, with a time limit. The tests check which changes
the run leaves for the next run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from registry import RegistryError
from registry.cloudflare.cache_purge import CloudflareEdge
from registry.commands import purges
from registry.delivery.deliver import PassReport
from registry.delivery.purge import PurgeError
from tests.support.outbox import Clock, clock, publish_web
from tests.support.registry import Network, commands_use, network

__all__ = ["clock", "network"]

CHANGES = 6


def commit_without_delivery(network: Network, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Publishes releases of one package. Interrupts each publisher right after the commit, before the delivery."""

    def ended(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("registry.delivery.deliver.Delivery.deliver", ended)
        for number in range(CHANGES):
            with pytest.raises(KeyboardInterrupt):
                publish_web(network, directory, f"1.0.{number}")


def test_a_pass_without_time_leaves_all_changes_to_the_next(
    network: Network, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit_without_delivery(network, tmp_path, monkeypatch)
    drained = network.target.delivery.drain(until=clock.time)
    assert (drained.delivered, drained.left, drained.waiting, network.purged) == (0, CHANGES, CHANGES, [])
    drained = network.target.delivery.drain(until=clock.time + 1)
    assert (drained.delivered, drained.left) == (CHANGES, 0)
    assert len(network.json("npm/web/packument.json")["versions"]) == CHANGES


def test_a_hanging_edge_does_not_exceed_the_time_of_the_pass(
    network: Network, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit_without_delivery(network, tmp_path, monkeypatch)

    def hang(*_: Any) -> None:
        clock.time += 10
        raise PurgeError("the edge was not purged: it does not answer")

    with monkeypatch.context() as away:
        away.setattr(CloudflareEdge, "purge", hang)
        started = clock.time
        drained = network.target.delivery.drain(until=started + 35)
    # The outbox relay tries one cache purge for all changes, and then a separate purge for each of the first three
    # changes. Each purge takes 10 seconds. The last purge starts after 30 seconds. The limit of 35 seconds prevents a
    # further purge.
    assert clock.time - started == 40
    assert (drained.delivered, drained.left) == (0, CHANGES - 3)
    assert drained.delayed == ["the edge was not purged: it does not answer"]
    assert sorted(intent.tries for intent in network.target.delivery.outbox.pending()) == [0] * 3 + [1] * 3


def test_a_watching_drain_survives_a_pass_that_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    passes = iter([RegistryError("the metadata database did not answer"), PassReport(3, 0, 0, 0, 0, 0.0, [])])

    class Stack:
        @property
        def delivery(self) -> Stack:
            return self

        def drain(self) -> PassReport:
            found = next(passes, None)
            if found is None:
                raise KeyboardInterrupt
            if isinstance(found, RegistryError):
                raise found
            return found

    commands_use(monkeypatch, Stack())
    with pytest.raises(KeyboardInterrupt):
        purges.drain(Path("-"), watch=0.001, metric=False)
    printed = capsys.readouterr()
    assert printed.out == "delivered 3, waiting 0, failed too often 0\n"
    assert printed.err == "error: the metadata database did not answer; the next pass tries again\n"
