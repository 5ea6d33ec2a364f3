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
from itertools import islice
from pathlib import Path

from registry import RegistryError
from registry.catalog.artifact import Artifact
from registry.catalog.audit import By
from registry.catalog.facts import Facts
from registry.ecosystems import npm, oci, pypi
from registry.importing import Refused, Wanted, check_digest
from registry.importing.apis import Api
from registry.importing.images import RemoteImage
from registry.importing.images.carry import Carrier, ImageRegistries
from registry.importing.journal import Journal
from registry.target import Target

_BATCH = 25  # artifacts a transaction, as far as they fit
_SHOWN_AFTER = 200
"""Committed artifacts until readers see them; then a quarter of what was imported. The list of all projects, rendered
for each batch, would make the whole quadratic."""

Told = Callable[["Imported"], None]
_Ready = list[Artifact] | str
"""What is stored and can be committed, or why it cannot."""


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

    def __init__(
        self,
        target: Target,
        by: By,
        journal: Journal,
        api: Api,
        registries: ImageRegistries,
        *,
        workers: int,
        told: Told,
    ) -> None:
        self._by = by
        self._journal = journal
        self._workers = workers
        self._told = told
        self._origin = target.origin
        self._facts = Facts(target.repository)
        self._delivery = target.delivery
        self._api = api
        self._registries = registries
        self._imported = Imported()
        self._unshown = 0

    def run(self, wanted: Iterable[Wanted | Refused]) -> Imported:
        """Raises RegistryError, and what the clouds refuse, where nothing more can be imported; what was, is."""
        batch: list[tuple[Wanted, list[Artifact]]] = []
        with (
            tempfile.TemporaryDirectory(prefix="import-") as scratch,
            Carrier(self._registries, self._origin, Path(scratch) / "layers", workers=self._workers) as carrier,
            ThreadPoolExecutor(self._workers) as pool,
        ):

            def submit(wanted: Wanted, directory: Path) -> Future[_Ready]:
                return pool.submit(self._store, carrier, wanted, directory)

            for each, ready in self._stored(wanted, submit, Path(scratch)):
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
        self,
        wanted: Iterable[Wanted | Refused],
        submit: Callable[[Wanted, Path], Future[_Ready]],
        scratch: Path,
    ) -> Iterator[tuple[Wanted, _Ready]]:
        """Each with its artifacts, or with why it cannot be imported; never more than a few ahead of who asks."""
        running: dict[Future[_Ready], Wanted] = {}
        for number, each in enumerate(wanted):
            if isinstance(each, Refused):
                self._imported.failed.append((each.title, each.reason))
                continue
            if self._journal.has(each):
                self._imported.skipped += 1
                self._told(self._imported)
                continue
            running[submit(each, scratch / str(number))] = each
            if len(running) >= 2 * self._workers:
                yield from _finished(running)
        while running:
            yield from _finished(running)

    def _store(self, carrier: Carrier, wanted: Wanted, directory: Path) -> _Ready:
        try:
            artifacts: list[Artifact] = []
            for artifact in self._artifacts(carrier, wanted, directory):
                self._facts.refuse_unpublished(artifact)
                for blob in artifact.blobs:
                    self._origin.create(blob)
                artifacts.append(artifact)
            return artifacts
        except RegistryError as error:
            return str(error)
        finally:
            shutil.rmtree(directory, ignore_errors=True)

    def _artifacts(self, carrier: Carrier, wanted: Wanted, directory: Path) -> Iterator[Artifact]:
        """One, but of an image also what refers to it."""
        if isinstance(wanted.location, RemoteImage):
            for artifact, parts in carrier.described(wanted, wanted.location, directory):
                self._facts.refuse_unpublished(artifact)
                carrier.carry(wanted.location, parts)
                yield artifact
            return
        file = self._at_hand(wanted, wanted.location, directory)
        if wanted.digest:
            check_digest(file, wanted.digest, wanted.title)
        yield _read(wanted, file)

    def _at_hand(self, wanted: Wanted, location: Path | str, directory: Path) -> Path:
        if isinstance(location, Path):
            return location
        if not wanted.digest:
            raise RegistryError(f"{wanted.title}: the source gives no digest; it was not imported")
        directory.mkdir()
        file = directory / Path(wanted.filename).name
        self._api.download(location, file)
        return file

    def _commit(self, batch: list[tuple[Wanted, list[Artifact]]]) -> None:
        outcomes = iter(self._facts.commit([artifact for _, artifacts in batch for artifact in artifacts], self._by))
        committed: list[Wanted] = []
        for wanted, artifacts in batch:
            of_it = list(islice(outcomes, len(artifacts)))
            refused = [outcome.refused for outcome in of_it if outcome.refused]
            if refused:
                self._imported.failed.append((wanted.title, refused[0]))
                continue
            new = any(outcome.new for outcome in of_it)
            self._imported.new += new
            self._imported.known += not new
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


def _finished(running: dict[Future[_Ready], Wanted]) -> Iterator[tuple[Wanted, _Ready]]:
    done, _ = wait(running, return_when=FIRST_COMPLETED)
    for future in done:
        yield running.pop(future), future.result()


def _read(wanted: Wanted, file: Path) -> Artifact:
    if wanted.ecosystem == "oci":
        return oci.read(file, wanted.repository, wanted.tag)
    return npm.read(file) if wanted.ecosystem == "npm" else pypi.read(file)
