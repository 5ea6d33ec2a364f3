"""Tests purges by tag of the emulated Workers Cache. The tests check which tags match, which of the worker's
entrypoints a purge affects, and the rate limit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from emulation.cloudflare.workers_cache import WorkersCache, create_service
from emulation.state_store import StateStore

OBJECTS = "/edge/shared/Objects"


@dataclass
class Removed:
    """Records the paths that the emulated Workers Cache removes. `time` is the time of the cache's fake clock, in
    seconds.
    """

    paths: list[str] = field(default_factory=list[str])
    time: float = 1_000_000.0

    def __call__(self, paths: Sequence[str]) -> None:
        self.paths += paths


@pytest.fixture
def removed() -> Removed:
    return Removed()


@pytest.fixture
def cache(tmp_path: Path, removed: Removed) -> WorkersCache:
    return WorkersCache(StateStore(tmp_path / "state.sqlite", clock=lambda: removed.time), removed)


def test_a_purge_removes_each_response_with_one_of_the_tags_once(cache: WorkersCache, removed: Removed) -> None:
    cache.add(OBJECTS, "/a?x=1", ["one", "Two"])
    cache.add(OBJECTS, "/b", ["ones"])
    cache.add("/edge/shared/Other", "/c", ["one"])
    assert cache.purge(OBJECTS, ["ONE", "two", "one"]) == {"success": True, "errors": []}
    assert removed.paths == [f"{OBJECTS}/a?x=1"]


def test_tags_that_are_not_valid_are_dropped(cache: WorkersCache, removed: Removed) -> None:
    cache.add(OBJECTS, "/a", ["with space", "ümlaut", "x" * 1025, "", "good"])
    cache.purge(OBJECTS, ["with space", "ümlaut", "x" * 1025, ""])
    assert removed.paths == []
    cache.purge(OBJECTS, ["good"])
    assert removed.paths == [f"{OBJECTS}/a"]


@pytest.mark.parametrize("count", [0, 101])
def test_a_purge_has_1_to_100_tags(cache: WorkersCache, count: int) -> None:
    assert cache.purge(OBJECTS, [f"t{number}" for number in range(count)])["errors"][0]["code"] == 1012


def test_purges_are_limited_to_25_at_once_and_5_a_minute(cache: WorkersCache, removed: Removed) -> None:
    def accepted() -> int:
        return sum(cache.purge(OBJECTS, ["one"])["success"] for _ in range(40))

    assert accepted() == 25
    assert cache.purge(OBJECTS, ["one"])["errors"][0]["code"] == 1134
    removed.time += 60
    assert accepted() == 5
    removed.time += 3600
    assert accepted() == 25


def test_only_pops_may_purge(cache: WorkersCache) -> None:
    client = create_service(cache, "the-secret").test_client()
    body = {"cache": OBJECTS, "tags": ["one"]}
    assert client.post("/purge", json=body).status_code == 403
    known = {"X-Edge-Secret": "the-secret"}
    assert client.post("/purge", json=body, headers=known).json == {"success": True, "errors": []}
    assert client.post("/purge", json={**body, "purgeEverything": True}, headers=known).status_code == 501
