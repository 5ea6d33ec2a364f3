"""Tests how Workers Observability, a part of the emulated Cloudflare API, counts the invocations of workers that PoPs
report.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cloudflare
import pytest
from cloudflare import Cloudflare

from emulation.cloudflare.in_process import client
from emulation.cloudflare.kv_service import SECRET_HEADER
from emulation.cloudflare.observability import KEPT_SECONDS, Invocations, create_service

ACCOUNT = "0123456789abcdef0123456789abcdef"
VERSION = "$workers.scriptVersion.id"
STATUS = "$workers.event.response.status"
FAILED = {"key": STATUS, "operation": "gte", "type": "number", "value": 500}


class Clock:
    """A clock for tests. It shows the time that a test sets, in seconds since 1970."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def invocations(clock: Clock) -> Invocations:
    return Invocations(clock)


@pytest.fixture
def api(tmp_path: Path, invocations: Invocations) -> Cloudflare:
    return client(tmp_path, invocations=invocations)


def reported(version: str, status: int | None = 200, number: int = 1, sampling: float = 1) -> dict[str, Any]:
    event: dict[str, Any] = {"script": "edge", "version": version, "sampling": sampling, "number": number}
    return event | ({"outcome": "exception"} if status is None else {"outcome": "ok", "status": status})


def counted(api: Cloudflare, *filters: Mapping[str, Any], to: int = 2_000_000, **parameters: Any) -> dict[Any, Any]:
    """Counts invocations of workers with a query to the emulated Workers Observability. By default, the query groups
    the invocations by the worker's version. Returns the estimated count and the sample interval of each group.
    """
    whole: Any = {
        "filters": filters,
        "calculations": [{"operator": "count"}],
        "group_bys": [{"type": "string", "value": VERSION}],
        **parameters,
    }
    answer: Any = api.workers.observability.telemetry.with_raw_response.query(
        account_id=ACCOUNT, query_id="test", timeframe={"from": 0, "to": to}, view="calculations", parameters=whole
    ).json()
    (calculation,) = answer["result"]["calculations"]
    return {each["groups"][0]["value"]: (each["count"], each["sampleInterval"]) for each in calculation["aggregates"]}


def test_invocations_are_counted_by_version_and_status(api: Cloudflare, invocations: Invocations) -> None:
    invocations.add([reported("old", number=9), reported("old", 503), reported("new", 500, 2)])
    assert counted(api) == {"old": (10, 1), "new": (2, 1)}
    assert counted(api, FAILED) == {"old": (1, 1), "new": (2, 1)}
    other = {"key": "$metadata.service", "operation": "eq", "type": "string", "value": "other"}
    assert counted(api, other) == {}


def test_an_invocation_without_a_response_has_an_outcome_and_no_status(
    api: Cloudflare, invocations: Invocations
) -> None:
    invocations.add([reported("new", None), reported("new", 200)])
    threw = {"key": "$workers.outcome", "operation": "in", "type": "string", "value": "exception,exceededCpu"}
    assert counted(api, FAILED) == {}
    assert counted(api, {"kind": "group", "filterCombination": "or", "filters": [FAILED, threw]}) == {"new": (1, 1)}
    assert counted(api, group_bys=[{"type": "number", "value": STATUS}]) == {200: (1, 1)}


def test_counts_of_a_sample_are_estimates_of_all_invocations(api: Cloudflare, invocations: Invocations) -> None:
    invocations.add([reported("old", number=3, sampling=0.25)])
    assert counted(api) == {"old": (12, 4)}


def test_only_invocations_within_the_time_are_counted_and_old_ones_are_forgotten(
    api: Cloudflare, invocations: Invocations, clock: Clock
) -> None:
    invocations.add([reported("old")])
    assert counted(api, to=999_999) == {}
    assert counted(api, to=1_000_000) == {"old": (1, 1)}
    clock.now += KEPT_SECONDS + 1
    invocations.add([])
    assert counted(api, to=9_000_000) == {}


@pytest.mark.parametrize(
    ("filters", "parameters", "words"),
    [
        ([{**FAILED, "key": "$workers.cpuTimeMs"}], {}, r"the field \$workers.cpuTimeMs"),
        ([{**FAILED, "operation": "regex"}], {}, "the operation regex"),
        ([], {"calculations": [{"operator": "p99", "key": STATUS}]}, "calculations"),
        ([], {"needle": {"value": "error"}}, "needle"),
    ],
)
def test_a_query_that_is_not_emulated_is_refused_by_name(
    api: Cloudflare, filters: list[dict[str, Any]], parameters: dict[str, Any], words: str
) -> None:
    with pytest.raises(cloudflare.APIStatusError, match=words) as refused:
        counted(api, *filters, **parameters)
    assert refused.value.status_code == 501


def test_only_pops_report_invocations(invocations: Invocations) -> None:
    service = create_service(invocations, "the-secret").test_client()
    for secret, status in (("wrong", 403), ("the-secret", 204)):
        answer = service.post("/invocations", json=[reported("old")], headers={SECRET_HEADER: secret})
        assert answer.status_code == status
    assert len(list(invocations.between(0, 2_000_000))) == 1
