"""Tests the report on an experiment. The tests generate logs with a known effect, which the report must find. The
report must compute confidence intervals over clients and not over requests, because the requests of one client are
similar.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from registry.__main__ import app
from registry.edge_policy.experiment_log import Request, events, request_in
from registry.edge_policy.experiment_report import Estimate, compare, split_probability

NAME = "hedging"
DIGEST = "ab" * 32


def event(variant: str, subject: int, tier: str | None = "edge; hit", time: float = 3, **more: Any) -> dict[str, Any]:
    return {
        "event": "request",
        "variants": {NAME: variant, "other": "x"},
        "subjects": {NAME: subject, "other": 1},
        "ecosystem": "npm",
        "status": 200,
        "tier": tier,
        "bytes": 1_000,
        "first_byte_ms": time,
        **more,
    }


def installs(clients: int, *, slower: float = 0, hits: float = 0.8, seed: int = 1) -> Iterator[dict[str, Any]]:
    """Yields log entries for the requests of an experiment's clients. Each client has a random round-trip time to the
    edge, and sends 1 to 19 requests.

    For clients with the variant `on`, the edge's cache answers 80 % of the requests. For clients with the variant
    `off`, the cache answers the fraction `hits` of the requests, and the first byte of each response arrives later by
    `slower` milliseconds.
    """
    chance = random.Random(seed)  # noqa: S311  # the same requests in each run
    for subject in range(clients):
        variant = chance.choice(["on", "off"])
        distance = chance.uniform(5, 60)
        for _ in range(chance.randint(1, 19)):
            hit = chance.random() < (hits if variant == "off" else 0.8)
            time = distance + (0 if hit else 40) + chance.expovariate(0.5) + (slower if variant == "off" else 0)
            yield event(variant, subject, "edge; hit" if hit else "shield; hit", round(time))


def requests(found: Iterator[dict[str, Any]]) -> list[Request]:
    return [request for each in found if (request := request_in(each, NAME))]


def report(tmp_path: Path, lines: list[str], *options: str | Path, name: str = NAME) -> Result:
    log = tmp_path / "edge.log"
    log.write_text("\n".join(lines) + "\n")
    return CliRunner().invoke(app, ["edge", "experiment", "report", name, str(log), *map(str, options)])


def assert_found(found: Estimate, planted: float) -> None:
    """Asserts that a confidence interval contains the known effect `planted` and excludes zero."""
    assert found.low is not None
    assert found.high is not None
    assert found.low <= planted <= found.high
    assert not found.low <= 0 <= found.high


def test_the_report_recovers_a_planted_delay() -> None:
    _, off = compare(requests(installs(2_000, slower=10)), "on")
    for name in ("first byte p50, ms", "first byte p95, ms"):
        assert_found(off.differences[name], 10)
    # In the generated log, the edge's cache answers the same percentage of requests in both variants. The confidence
    # interval of the difference must therefore contain zero.
    found = off.differences["answers from edge"]
    assert found.low is not None
    assert found.high is not None
    assert found.low <= 0 <= found.high


def test_the_report_recovers_a_planted_loss_of_hits() -> None:
    _, off = compare(requests(installs(2_000, hits=0.7)), "on")
    assert_found(off.differences["answers from edge"], -0.1)
    assert_found(off.differences["answers from shield"], 0.1)


def test_variants_that_are_equal_rarely_seem_different() -> None:
    """Simulates experiments with two equal variants. About 95 % of the confidence intervals for the difference between
    the variants should contain zero. Each run of this test uses the same random seeds.
    """
    contained = 0
    for seed in range(12):
        _, off = compare(requests(installs(120, seed=seed)), "on")
        found = off.differences["answers from edge"]
        contained += found.low is not None and found.high is not None and found.low <= 0 <= found.high
    assert 10 <= contained <= 12


def test_many_requests_of_few_clients_do_not_make_the_interval_narrow() -> None:
    def width(repeated: int) -> float:
        found = [each for each in requests(installs(60)) for _ in range(repeated)]
        estimate = compare(found, "on")[0].measures["first byte p50, ms"]
        assert estimate.low is not None
        assert estimate.high is not None
        return estimate.high - estimate.low

    assert width(1) == width(10) > 0


def test_totals_are_those_of_the_log() -> None:
    found = [
        event("on", 1, time=1),
        event("on", 2, "shield; hit", 3, bytes=None),
        event("on", 2, None, 100, status=502, bytes=50),
        event("on", 2, "edge; stale", 5, bytes=0, status=304),
        event("off", 3, "origin; miss; edge=bypass", 7),
    ]
    on, off = compare(requests(iter(found)), "on")
    assert (on.clients, on.requests, on.size) == (2, 4, 1_050)
    assert on.measures["answers from edge"].value == pytest.approx(2 / 3)
    assert on.measures["answers from shield"].value == pytest.approx(1 / 3)
    assert on.measures["errors"].value == pytest.approx(1 / 4)
    assert on.measures["bytes a request"].value == pytest.approx(350)
    assert on.measures["first byte p50, ms"].value == 3
    assert off.measures["answers from origin"].value == 1
    assert off.measures["first byte p95, ms"].low is None  # A variant with only one client has no confidence interval.


times = st.lists(st.tuples(st.integers(0, 5), st.floats(0, 1_000, allow_nan=False)), min_size=1, max_size=60)


@given(times, times, st.randoms(use_true_random=False))
@settings(max_examples=10, deadline=None)
def test_the_order_of_the_log_does_not_matter_and_quantiles_are_those_of_numpy(
    on: list[tuple[int, float]], off: list[tuple[int, float]], chance: random.Random
) -> None:
    found = [event("on", *each[:1], time=each[1]) for each in on] + [
        event("off", *each[:1], time=each[1]) for each in off
    ]
    expected = compare(requests(iter(found)), "on")
    chance.shuffle(found)
    assert compare(requests(iter(found)), "on") == expected
    for part, name in ((0.5, "first byte p50, ms"), (0.95, "first byte p95, ms")):
        exact = np.quantile([time for _, time in on], part, method="inverted_cdf")
        assert expected[0].measures[name].value == exact
        estimate = expected[0].measures[name]
        assert estimate.low is None or estimate.high is None or min(on, key=lambda each: each[1])[1] <= estimate.low
    assert sum(each.requests for each in expected) == len(found)


@given(st.lists(st.text(max_size=40)), st.recursive(st.none() | st.text() | st.integers(), st.lists))
def test_lines_that_are_no_event_are_ignored(lines: list[str], value: Any) -> None:
    noise = [*lines, json.dumps({"event": "request", "variants": value}), '{"event":"request"', '"request"']
    log = [*noise, json.dumps(event("on", 1)), *noise]
    found = [request for each in events(log) if (request := request_in(each, NAME))]
    assert found == [Request("on", 1, 200, "edge", 1_000, 3)]


def test_events_are_found_in_each_form_of_log() -> None:
    text = json.dumps(event("on", 1))
    forms = {
        "workerd": text,
        "Workers Trace Events": json.dumps({"ScriptName": "edge", "Logs": [{"Level": "log", "Message": [text]}]}),
        "wrangler tail": json.dumps({"outcome": "ok", "logs": [{"message": [text], "level": "log"}]}),
        "Workers Logs": json.dumps({"source": event("on", 1), "timestamp": 1}),
    }
    for form, line in forms.items():
        assert list(events([line])) == [event("on", 1)], form


def test_an_improbable_split_is_recognized(tmp_path: Path) -> None:
    found = list(installs(400))
    fair = {"on": 50, "off": 50}
    measured = compare(requests(iter(found)), "on")
    assert split_probability(measured, fair) > 0.001
    assert split_probability(measured, {"on": 20, "off": 80}) < 1e-6
    policy = tmp_path / "policy.json"
    variants = [{"name": "on", "weight": 20}, {"name": "off", "weight": 80, "hedging": False}]
    experiment = {"name": NAME, "layer": "shields", "unit": "principal", "variants": variants}
    policy.write_text(json.dumps({"format": 1, "rules": [], "experiments": [experiment]}))
    shown = report(tmp_path, [json.dumps(each) for each in found], "--policy", policy)
    assert shown.exit_code == 0
    assert "the split does not fit the weights" in shown.stderr
    assert "off - on" in shown.stdout


def test_the_command_prints_each_variant_and_the_difference(tmp_path: Path) -> None:
    lines = ["starting", *(json.dumps(each) for each in installs(300, slower=30))]
    shown = report(tmp_path, lines, "--control", "on")
    assert shown.exit_code == 0, shown.output
    rows = {row.split("│")[1].strip(): row for row in shown.stdout.splitlines() if "│" in row}
    assert {"clients", "requests", "bytes", "answers from edge", "first byte p95, ms"} <= set(rows)
    assert "(" in rows["answers from edge"]
    assert rows["first byte p50, ms"].split("│")[-2].strip().startswith("+")


def test_an_experiment_that_the_log_lacks_is_an_error_that_names_the_others(tmp_path: Path) -> None:
    shown = report(tmp_path, [json.dumps(event("on", 1))], name="absent")
    assert "experiment 'absent': the log has no request" in str(shown.exception)
    assert "experiments in the log: hedging, other" in str(shown.exception)
    missing = CliRunner().invoke(app, ["edge", "experiment", "report", NAME, str(tmp_path / "none.log")])
    assert "none.log: cannot be read" in str(missing.exception)


def test_few_clients_are_a_warning(tmp_path: Path) -> None:
    shown = report(tmp_path, [json.dumps(event(variant, 1)) for variant in ("on", "off")])
    assert "warning: on has 1 clients; too few for an interval" in shown.stderr
