"""Adds co-downloads to the list of packages that the edge worker prefetches. Co-downloads are packages that clients
often request in the same install.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from contract.predictions import Release
from registry.catalog.artifact import Known

# The name of a metadata record. The record lists the packages that clients often install together with this package.
# The command `predict apply` copies the list from a model of co-downloads. The list may be empty.
RECORD = "co-downloads"


def with_co_downloads(releases: Sequence[Release], known: Known) -> Sequence[Release]:
    """Adds a package's co-downloads (packages that clients request in the same installs) to the dependencies in
    `releases[0]`, so that the edge prefetches them too. `releases[0]` is the release that a client without a version
    range selects.
    """
    names: Sequence[str] = known.facts.get(RECORD, {}).get("names", ())
    if not releases or not names:
        return releases
    first, *others = releases
    more = {name: "" for name in names if name not in first.dependencies}
    return [replace(first, dependencies={**first.dependencies, **more}), *others]


def without_co_downloads(known: Known) -> Known:
    """Returns a package's metadata records without the record of its co-downloads (packages in the same installs)."""
    facts = {name: fact for name, fact in known.facts.items() if name != RECORD}
    return Known(facts, {name: time for name, time in known.written.items() if name != RECORD})
