"""Finds the packages that the edge already prefetches without a model of co-downloads (packages that clients request in
the same install). Each document of a package lists what clients request next (contract/predictions.py), and the edge
follows these lists from package to package.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor

from contract.predictions import names_in
from registry.catalog.facts import Facts
from registry.ecosystems.packages import parse
from registry.ecosystems.successors import without_co_downloads
from registry.metadata import Repository

# The longest chain of dependencies that the edge follows when it prefetches packages (workers/edge/src/prediction.ts,
# DEPTH).
_DEPTH = 16
_AT_ONCE = 8


def reached(packages: Collection[str], successors_of: Callable[[str], Collection[str]]) -> Iterator[tuple[str, str]]:
    """Finds the packages that the edge may prefetch after a request for a package in `packages`. Yields pairs: the
    requested package, and the prefetched package. The function `successors_of` returns the packages that clients
    request directly after a package.
    """
    known: dict[str, Collection[str]] = {}
    level = set(packages)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for _ in range(_DEPTH):
            level -= known.keys()
            ordered = sorted(level)
            known.update(zip(ordered, pool.map(successors_of, ordered), strict=True))
            level = {each for package in ordered for each in known[package]}
    for package in packages:
        for other in _closure(package, known) - {package}:
            yield package, other


def _closure(package: str, known: dict[str, Collection[str]]) -> set[str]:
    found, level = {package}, {package}
    for _ in range(_DEPTH):
        level = {each for one in level for each in known.get(one, ())} - found
        found |= level
    return found


def listed(repository: Repository) -> Callable[[str], Collection[str]]:
    """Returns a function that looks up which packages clients request after a given package. The function reads this
    from the package's documents, and ignores the co-downloads (packages of the same installs) in them. If the registry
    does not have the package, the function returns no packages.
    """
    facts = Facts(repository)

    def successors_of(package: str) -> Collection[str]:
        reference = parse(package)
        known = without_co_downloads(facts.read(reference.package.partition).known)
        if not known.facts:
            return ()
        documents = reference.package.documents(known, (), "", lambda _: b"")
        return {f"{reference.ecosystem}:{name}" for name in names_in(documents[0].following)}

    return successors_of
