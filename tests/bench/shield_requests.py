"""Counts the requests that L1, the cache at the edge, sends to a shield (a regional cache) during an install. The
counts show how often L1 requests the same object more than once.
"""

from __future__ import annotations

import re
import statistics
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tests.support.sandbox.shields import ShieldRequest

_DOCUMENT = re.compile(r"npm/.+/packument(\.abbreviated)?\.json|pypi/simple/[^/]+/index\.(html|json)|oci/tags/.+")
_NOT_MODIFIED, _ABSENT = 304, 404
COLUMNS = (
    *("requests", "objects", "that no client requested", "requested twice", "more often"),
    *("requests again: answered with 304", "with 404", "in full", "within 1 s", "median of the seconds before"),
)


@dataclass(frozen=True)
class Breakdown:
    """Counts the requests that shields (regional caches) got during one install. Documents and files are counted in
    separate breakdowns.

    `unwanted` is the number of objects that no client requested. `twice` is the number of objects that L1, the cache at
    the edge, requested exactly twice. `more` is the number of objects that L1 requested more than twice.

    The other fields describe repeated requests, which are all requests for an object except the first. `validated`
    counts those that the shield answered with 304, because L1 had a copy with the same validator. `absent` counts those
    that it answered with 404, which L1 does not store. `in_full` counts the remaining repeated requests. `at_once`
    counts the repeated requests that came less than a second after the previous request for the object. `seconds` is
    the median time since the previous request for the object.
    """

    requests: int
    objects: int
    unwanted: int
    twice: int
    more: int
    validated: int
    absent: int
    in_full: int
    at_once: int
    seconds: float

    @property
    def again(self) -> int:
        return self.validated + self.absent + self.in_full

    def cells(self) -> Sequence[str]:
        """Returns the counts as the cells of a table row whose columns are COLUMNS."""
        first = (self.requests, self.objects, self.unwanted, self.twice, self.more)
        again = (self.validated, self.absent, self.in_full, self.at_once, round(self.seconds))
        return [str(each) for each in (*first, *again)]


def is_document(key: str) -> bool:
    """Returns whether a key is the key of a document. A new version of a package changes the package's documents, so
    L1, the cache at the edge, keeps documents for a few seconds only.
    """
    return _DOCUMENT.fullmatch(key) is not None


def breakdown(requests: Iterable[ShieldRequest], wanted: Collection[str]) -> Breakdown:
    """Counts the requests that a shield (a regional cache) got. `wanted` holds the keys of the objects that clients
    requested. All other objects count as unwanted.
    """
    by_key: defaultdict[str, list[ShieldRequest]] = defaultdict(list)
    for request in sorted(requests, key=lambda each: each.time):
        by_key[request.key].append(request)
    times = [len(of_key) for of_key in by_key.values()]
    later = [request for of_key in by_key.values() for request in of_key[1:]]
    pauses = [
        (after.time - before.time).total_seconds() for of_key in by_key.values() for before, after in pairwise(of_key)
    ]
    validated, absent = (sum(request.status == status for request in later) for status in (_NOT_MODIFIED, _ABSENT))
    return Breakdown(
        requests=sum(times),
        objects=len(by_key),
        unwanted=len(by_key.keys() - wanted),
        twice=times.count(2),
        more=sum(count > 2 for count in times),
        validated=validated,
        absent=absent,
        in_full=len(later) - validated - absent,
        at_once=sum(pause <= 1 for pause in pauses),
        seconds=statistics.median(pauses) if pauses else 0.0,
    )
