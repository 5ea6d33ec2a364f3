"""Compiles the affected versions of an advisory into spans. A span is a pair of integers, which are positions of
versions.

The bounds of a package are the sorted versions at which an advisory begins or ceases to apply. The bound with the index
i has the position 2i + 1. All versions between two neighbouring bounds share the even number between the positions of
these bounds. The edge determines the position of a version once. To check an advisory, it then only compares integers.

Source: the OSV schema, "Evaluation".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial, total_ordering
from typing import Any, Literal

import semver
from packaging.version import InvalidVersion, Version

Ecosystem = Literal["npm", "pypi"]
Kind = Literal["fixed", "introduced", "last_affected", "limit"]
# A span of affected versions: the positions of the first and the last affected version. A span with only one position
# has no end. The docstring of this module says which integer is the position of a version.
Span = Sequence[int]
# An event in a version range of an OSV record. It consists of the kind of the event and a version. A span of affected
# versions starts or ends at this version. The version `0` of an event `introduced` comes before all versions. The
# version `*` of an event `limit` comes after all versions.
Event = tuple[Kind, str]

FIRST, ENDLESS = "0", "*"
# npm refuses a version that contains a number above 2^53 - 1, because JavaScript cannot represent it exactly
_LARGEST_NUMBER = 2**53 - 1


class InvalidRange(Exception):
    """Raised for a version range that cannot be evaluated. The message gives the reason."""


@total_ordering
class NpmVersion:
    """An npm version. The order of versions is the order of semantic versions (semver.org). `text` is the full version
    without build metadata.
    """

    def __init__(self, text: str) -> None:
        self._version = semver.Version.parse(text, optional_minor_and_patch=True).replace(build=None)
        numbers = [self._version.major, self._version.minor, self._version.patch]
        if max(numbers) > _LARGEST_NUMBER:
            raise ValueError(f"{text} has a number above 2^53 - 1")
        self.text = str(self._version)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NpmVersion) and self._version == other._version

    def __lt__(self, other: NpmVersion) -> bool:
        return self._version < other._version

    def __hash__(self) -> int:
        return hash(self.text)


_VERSIONS: Mapping[Ecosystem, Callable[[str], Any]] = {"npm": NpmVersion, "pypi": Version}


def parsed(ecosystem: Ecosystem, text: str) -> Any:
    """Parses a version of the ecosystem into an object that can be compared with other versions. Returns None if `text`
    is not a valid version.
    """
    try:
        return _VERSIONS[ecosystem](text)
    except (ValueError, TypeError, InvalidVersion):
        return None


def text_of(version: Any) -> str:
    return version.text if isinstance(version, NpmVersion) else str(version)


@dataclass(frozen=True)
class Affected:
    """The versions of a package that an advisory affects. A version is affected if it is in one of the ranges `ranges`,
    or if the list `versions` contains it.
    """

    ranges: Sequence[Sequence[Event]]
    versions: Sequence[str]


def checked(ecosystem: Ecosystem, events: Sequence[Event]) -> Sequence[Event]:
    """Returns the events of a version range in an OSV record. Raises InvalidRange if the OSV schema does not allow this
    range.
    """
    if not any(kind == "introduced" for kind, _ in events):
        raise InvalidRange("events: no event has `introduced`")
    if {"fixed", "last_affected"} <= {kind for kind, _ in events}:
        raise InvalidRange("events: `fixed` and `last_affected` are in one range")
    for kind, text in events:
        if not _is_special(kind, text) and parsed(ecosystem, text) is None:
            raise InvalidRange(f"{kind} {text!r} is not a version of {ecosystem}")
    return events


class Bounds:
    """The sorted bounds of one package. A bound is a version at which an advisory begins or ceases to apply."""

    def __init__(self, ecosystem: Ecosystem, affected: Iterable[Affected]) -> None:
        self._ecosystem: Ecosystem = ecosystem
        found = {each for one in affected for each in self._versions_in(one)}
        self._sorted = sorted(found)
        self._positions = {version: 2 * number + 1 for number, version in enumerate(self._sorted)}

    @property
    def texts(self) -> list[str]:
        return [text_of(version) for version in self._sorted]

    def spans(self, affected: Affected) -> list[Span]:
        """Returns the spans of affected versions in ascending order. A span contains positions, which are integers for
        versions (see the docstring of this module).

        Ignores versions in the list that are invalid in the package's ecosystem. The registry never publishes such
        versions.
        """
        found = [span for events in affected.ranges for span in self._spans_of(events)]
        for text in affected.versions:
            version = parsed(self._ecosystem, text)
            if version is not None:
                found.append((self._positions[version], self._positions[version]))
        return [[first] if last is None else [first, last] for first, last in _joined(found)]

    def position(self, text: str) -> int:
        """Returns the position of the version `text`. This version must be a bound: a version at which an advisory
        begins or ceases to apply. Positions are integers, which the docstring of this module defines.
        """
        return self._positions[parsed(self._ecosystem, text)]

    def _versions_in(self, affected: Affected) -> Iterable[Any]:
        texts = [text for events in affected.ranges for kind, text in events if not _is_special(kind, text)]
        versions = (parsed(self._ecosystem, text) for text in [*texts, *affected.versions])
        return (version for version in versions if version is not None)

    def _spans_of(self, events: Sequence[Event]) -> Iterable[tuple[int, int | None]]:
        limits = [self._position(event) for event in events if event[0] == "limit"]
        limit = None if not limits or None in limits else max(each for each in limits if each is not None) - 1
        start: int | None = None
        for position, kind in sorted((self._position(event) or 0, event[0]) for event in events if event[0] != "limit"):
            if kind == "introduced":
                start = position if start is None else start
            elif start is not None:
                yield from _cut(start, position - 1 if kind == "fixed" else position, limit)
                start = None
        if start is not None:
            yield from _cut(start, None, limit)

    def _position(self, event: Event) -> int | None:
        """Returns the position of the version in an event of an OSV range. The docstring of this module says which
        integer is the position of a version. Returns None for an event `limit` with the version `*`, which comes after
        all versions.
        """
        kind, text = event
        if _is_special(kind, text):
            return 0 if kind == "introduced" else None
        return self.position(text)


def shortened(ecosystem: Ecosystem, affected: Affected) -> Affected:
    """Returns an equivalent of `affected` with the shortest possible list of single versions.

    Removes two kinds of versions from the list: invalid versions, and versions that one of the ranges already contains.
    For Python packages, public databases list the ranges and also each version in the ranges. Without the removal, each
    of these versions would be one more entry in the sorted list of versions that the edge worker searches.
    """
    bounds = Bounds(ecosystem, [affected])
    spans = bounds.spans(Affected(affected.ranges, ()))
    # The comparison is of versions and not of texts, because `1.0` equals `1.0.0` (PEP 440).
    listed = set(map(partial(parsed, ecosystem), affected.versions)) - {None}
    alone = [
        text for text in bounds.texts if parsed(ecosystem, text) in listed and not _is_in(spans, bounds.position(text))
    ]
    return Affected(affected.ranges, alone)


def _is_in(spans: Iterable[Span], position: int) -> bool:
    return any(span[0] <= position and (len(span) == 1 or position <= span[1]) for span in spans)


def _is_special(kind: Kind, text: str) -> bool:
    return (kind == "introduced" and text == FIRST) or (kind == "limit" and text == ENDLESS)


def _cut(first: int, last: int | None, limit: int | None) -> Iterable[tuple[int, int | None]]:
    ends = [end for end in (last, limit) if end is not None]
    end = min(ends) if ends else None
    if end is None or first <= end:
        yield first, end


def _joined(spans: Iterable[tuple[int, int | None]]) -> list[tuple[int, int | None]]:
    """Merges spans of affected versions that overlap or directly follow each other."""
    joined: list[tuple[int, int | None]] = []
    for first, last in sorted(spans, key=lambda span: span[0]):
        if joined and (joined[-1][1] is None or first <= joined[-1][1] + 1):
            before = joined[-1][1]
            end = None if before is None or last is None else max(before, last)
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((first, last))
    return joined
