"""Tests the version ranges that the registry compiles from advisories. The ranges must contain exactly the versions
that the algorithm in the OSV schema finds.

The tests compare Python versions with the library `packaging`. They compare npm versions with `nodesemver`, a port of
npm's own library.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cmp_to_key
from pathlib import Path
from typing import Any, cast

import nodesemver  # pyright: ignore[reportMissingTypeStubs]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.version import Version

from contract.advisories import PackageFilter, encode_index
from registry.advisories import osv
from registry.advisories.data_set import compiled
from registry.advisories.ranges import Affected, Bounds, Ecosystem, Event, InvalidRange, checked, parsed, shortened

ROOT = Path(__file__).parents[4]

Compare = Callable[[str, str], int]


def pypi_order(one: str, other: str) -> int:
    return (Version(one) > Version(other)) - (Version(one) < Version(other))


def npm_order(one: str, other: str) -> int:
    return cast(Any, nodesemver).compare(one, other, False)


npm_versions = st.from_regex(r"[0-3]\.[0-3]\.[0-3](-(alpha(\.1)?|beta\.2|rc\.10|1))?", fullmatch=True)
pypi_versions = st.from_regex(
    r"(1!)?[0-3](\.[0-3]){0,2}((a1|b2|rc1)?(\.post[12])?(\.dev3)?|\+local\.1)", fullmatch=True
)
VERSIONS: dict[Ecosystem, st.SearchStrategy[str]] = {"npm": npm_versions, "pypi": pypi_versions}
ORDERS: dict[Ecosystem, Compare] = {"npm": npm_order, "pypi": pypi_order}


@st.composite
def ranges(draw: st.DrawFn, ecosystem: Ecosystem) -> Sequence[Event]:
    versions = VERSIONS[ecosystem]
    end = draw(st.sampled_from(["fixed", "last_affected"]))
    kinds = draw(st.lists(st.sampled_from(["introduced", end, "limit"]), max_size=3))
    start = draw(st.one_of(st.just("0"), versions))
    found = [("introduced", start), *((kind, draw(versions)) for kind in kinds)]
    # The OSV schema does not say which versions are affected if two events of a range have the same version. The test
    # therefore generates only ranges whose events have different versions.
    seen, distinct = list[str](), list[tuple[str, str]]()
    for kind, text in found:
        if all(text != "0" and other != "0" and ORDERS[ecosystem](text, other) for other in seen) or not seen:
            seen.append(text)
            distinct.append((kind, text))
    return cast(Sequence[Event], distinct)


def is_affected(version: str, affected: Affected, order: Compare) -> bool:
    """Returns whether an advisory affects a version. The function follows the pseudocode in the OSV schema. Tests
    compare its results with the results of the registry's code.
    """
    if any(order(version, listed) == 0 for listed in affected.versions):
        return True
    for events in affected.ranges:
        limits = [text for kind, text in events if kind == "limit"]
        if limits and not any(text == "*" or order(version, text) < 0 for text in limits):
            continue
        state = False
        starts = [event for event in events if event == ("introduced", "0")]
        others = [event for event in events if event not in starts and event[0] != "limit"]
        for kind, text in [*starts, *sorted(others, key=cmp_to_key(lambda one, other: order(one[1], other[1])))]:
            if kind == "introduced" and (text == "0" or order(version, text) >= 0):
                state = True
            elif (kind == "fixed" and order(version, text) >= 0) or (
                kind == "last_affected" and order(version, text) > 0
            ):
                state = False
        if state:
            return True
    return False


def position(version: str, bounds: Sequence[str], order: Compare) -> int:
    below = sum(order(bound, version) < 0 for bound in bounds)
    return 2 * below + any(order(bound, version) == 0 for bound in bounds)


def is_in(spans: Sequence[Sequence[int]], at: int) -> bool:
    return any(first <= at and (not last or at <= last[0]) for first, *last in spans)


@pytest.mark.parametrize("ecosystem", ["npm", "pypi"])
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_spans_hold_the_versions_that_the_schemas_algorithm_finds(ecosystem: Ecosystem, data: st.DataObject) -> None:
    versions, order = VERSIONS[ecosystem], ORDERS[ecosystem]
    one = st.builds(Affected, st.lists(ranges(ecosystem), max_size=2), st.lists(versions, max_size=2))
    found = data.draw(st.lists(one, min_size=1, max_size=2))
    bounds = Bounds(ecosystem, found)
    for left, right in zip(bounds.texts, bounds.texts[1:], strict=False):
        assert order(left, right) < 0
    for affected in found:
        spans = bounds.spans(affected)
        listed = [each for events in affected.ranges for _, each in events if each != "0"]
        for version in [*listed, *affected.versions, *data.draw(st.lists(versions, max_size=5))]:
            at = position(version, bounds.texts, order)
            assert is_in(spans, at) == is_affected(version, affected, order), (version, affected, bounds.texts, spans)
            assert is_affected(version, shortened(ecosystem, affected), order) == is_in(spans, at)


@settings(deadline=None)
@given(one=npm_versions, other=npm_versions)
def test_npm_versions_have_npms_order(one: str, other: str) -> None:
    left, right = parsed("npm", one), parsed("npm", other)
    assert (left > right) - (left < right) == npm_order(one, other)


def test_touching_spans_are_joined() -> None:
    affected = Affected([[("introduced", "1.0.0"), ("fixed", "2.0.0")], [("introduced", "2.0.0")]], ["1.5.0"])
    assert Bounds("npm", [affected]).spans(affected) == [[1]]


def test_a_listed_text_that_is_no_version_is_left_out() -> None:
    affected = Affected([], ["not a version", "1.0"])
    assert Bounds("pypi", [affected]).spans(affected) == [[1, 1]]


def test_a_listed_version_stays_whatever_its_spelling_in_a_range() -> None:
    affected = Affected([[("introduced", "0"), ("fixed", "1.0")]], ["1.0.0"])
    assert [Version(each) for each in shortened("pypi", affected).versions] == [Version("1.0")]


def test_an_incomplete_npm_version_means_zeros_and_a_build_does_not_count() -> None:
    affected = Affected([[("introduced", "1"), ("fixed", "1.2+build")]], [])
    assert Bounds("npm", [affected]).texts == ["1.0.0", "1.2.0"]


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        ([("fixed", "1.0.0")], "no event has `introduced`"),
        ([("introduced", "0"), ("fixed", "1.0.0"), ("last_affected", "2.0.0")], "`fixed` and `last_affected`"),
        ([("introduced", "0"), ("fixed", "one")], "fixed 'one' is not a version of npm"),
        ([("introduced", "0"), ("fixed", "99999999999999999999.0.0")], "is not a version of npm"),
        ([("introduced", "*")], "introduced '\\*' is not a version"),
    ],
)
def test_an_invalid_range_is_refused(events: Sequence[Event], reason: str) -> None:
    with pytest.raises(InvalidRange, match=reason):
        checked("npm", events)


def test_the_workers_cases_are_what_the_registry_writes() -> None:
    """Checks that the registry writes the same data as in the file workers/edge/test/advisories.json.

    The test workers/edge/test/advisories.test.ts reads this file, too. It checks that the edge worker finds the same
    affected versions in the data as the registry.
    """
    written = json.loads((ROOT / "workers/edge/test/advisories.json").read_text())
    known = PackageFilter(len(written["keys"]))
    for key in written["keys"]:
        known.add(key)
    assert encode_index(["a" * 64, *[""] * 254, "b" * 64], known, {}).decode() == written["index"]
    for case in written["cases"]:
        ecosystem: Ecosystem = case["ecosystem"]
        found = [osv.read(json.dumps(record).encode()) for record in case["records"]]
        advisories = [each[0] for each in found if not isinstance(each, osv.LeftOut)]
        assert compiled(advisories) == case["package"]
        for version, expected in case["affected"].items():
            # The edge ignores the local part of Python versions, such as `+cpu` in `1.0+cpu`. The test therefore
            # removes this part before it calls the registry's code.
            public = Version(version).public if ecosystem == "pypi" else version
            affecting = [each.id for each in advisories if is_affected(public, each.affected, ORDERS[ecosystem])]
            assert affecting == expected, version
