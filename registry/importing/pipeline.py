"""The import itself: fetch, check and store in parallel; commit in batches; show what was committed now and then.

Whatever the number of packages, only a few are in memory or on disk at once. The order of steps is that of publishing,
so that a run which was ended leaves nothing half-visible, and the next one goes on.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

from registry import RegistryError, npm, oci, pypi
from registry.artifact import Artifact
from registry.audit import By
from registry.facts import Facts
from registry.importing import Refused, Wanted, check_digest
from registry.importing.apis import Api
from registry.importing.journal import Journal
from registry.target import Target

_BATCH = 25  # artifacts a transaction, as far as they fit
_SHOWN_AFTER = 200
"""Committed artifacts until readers see them; then a quarter of what was imported. The list of all projects, rendered
for each batch, would make the whole quadratic."""

Told = Callable[["Imported"], None]


@dataclass
class Imported:
    """How far it is. `failed` are titles and reasons."""

    new: int = 0
    known: int = 0
    skipped: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    delayed: list[str] = field(default_factory=list[str])

    @property
    def done(self) -> int:
        return self.new + self.known + self.skipped + len(self.failed)


class Import:
    """Into one stack. `workers` packages are fetched, checked and stored at once."""

    def __init__(self, target: Target, by: By, journal: Journal, api: Api, *, workers: int, told: Told) -> None:
        self._by = by
        self._journal = journal
        self._workers = workers
        self._told = told
        self._origin = target.origin
        self._facts = Facts(target.repository)
        self._delivery = target.delivery
        self._api = api
        self._imported = Imported()
        self._unshown = 0

    def run(self, wanted: Iterable[Wanted | Refused]) -> Imported:
        """Raises RegistryError, and what the clouds refuse, where nothing more can be imported; what was, is."""
        batch: list[tuple[Wanted, Artifact]] = []
        with tempfile.TemporaryDirectory(prefix="import-") as scratch, ThreadPoolExecutor(self._workers) as pool:
            for each, ready in self._stored(wanted, pool, Path(scratch)):
                if isinstance(ready, str):
                    self._imported.failed.append((each.title, ready))
                else:
                    batch.append((each, ready))
                if len(batch) == _BATCH:
                    self._commit(batch)
                    batch = []
                self._told(self._imported)
            self._commit(batch)
        self._show()
        return self._imported

    def _stored(
        self, wanted: Iterable[Wanted | Refused], pool: ThreadPoolExecutor, scratch: Path
    ) -> Iterator[tuple[Wanted, Artifact | str]]:
        """Each with its artifact, or with why it cannot be imported; never more than a few ahead of who asks."""
        running: dict[Future[Artifact | str], Wanted] = {}
        for number, each in enumerate(wanted):
            if isinstance(each, Refused):
                self._imported.failed.append((each.title, each.reason))
                continue
            if self._journal.has(each):
                self._imported.skipped += 1
                self._told(self._imported)
                continue
            running[pool.submit(self._store, each, scratch / str(number))] = each
            if len(running) >= 2 * self._workers:
                yield from _finished(running)
        while running:
            yield from _finished(running)

    def _store(self, wanted: Wanted, directory: Path) -> Artifact | str:
        try:
            file = self._at_hand(wanted, directory)
            if wanted.digest:
                check_digest(file, wanted.digest, wanted.title)
            artifact = _read(wanted, file)
            self._facts.refuse_unpublished(artifact)
            for blob in artifact.blobs:
                self._origin.create(blob)
            return artifact
        except RegistryError as error:
            return str(error)
        finally:
            shutil.rmtree(directory, ignore_errors=True)

    def _at_hand(self, wanted: Wanted, directory: Path) -> Path:
        if isinstance(wanted.location, Path):
            return wanted.location
        if not wanted.digest:
            raise RegistryError(f"{wanted.title}: the source gives no digest; it was not imported")
        directory.mkdir()
        file = directory / Path(wanted.filename).name
        self._api.download(wanted.location, file)
        return file

    def _commit(self, batch: list[tuple[Wanted, Artifact]]) -> None:
        outcomes = self._facts.commit([artifact for _, artifact in batch], self._by)
        committed: list[Wanted] = []
        for (wanted, _), outcome in zip(batch, outcomes, strict=True):
            if outcome.refused:
                self._imported.failed.append((wanted.title, outcome.refused))
                continue
            self._imported.new += outcome.new
            self._imported.known += not outcome.new
            committed.append(wanted)
        self._journal.add(committed)
        self._unshown += len(committed)
        if self._unshown >= max(_SHOWN_AFTER, self._imported.done // 4):
            self._show()
            self._unshown = 0

    def _show(self) -> None:
        """Brings to the readers what was committed, by this run or by one that was ended."""
        pending = self._delivery.outbox.pending()
        self._imported.delayed = list(dict.fromkeys(self._delivery.settle(pending).failed))


def _finished(running: dict[Future[Artifact | str], Wanted]) -> Iterator[tuple[Wanted, Artifact | str]]:
    done, _ = wait(running, return_when=FIRST_COMPLETED)
    for future in done:
        yield running.pop(future), future.result()


def _read(wanted: Wanted, file: Path) -> Artifact:
    if wanted.ecosystem == "oci":
        return oci.read(file, wanted.repository, wanted.tag)
    return npm.read(file) if wanted.ecosystem == "npm" else pypi.read(file)
