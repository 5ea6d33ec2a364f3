"""Runs a bulk import. The import fetches, checks and stores packages in parallel, commits them in batches, and delivers
committed packages to readers from time to time.

Only a few packages are in memory or on disk at the same time. For each package, the import stores the objects before it
commits the metadata. After an interruption, readers therefore see no incomplete package, and the next import continues.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from registry import RegistryError
from registry.catalog.artifact import Artifact
from registry.catalog.audit import By
from registry.catalog.facts import Facts
from registry.delivery.deliver import Delivery
from registry.ecosystems import npm, oci, pypi
from registry.ecosystems.upstream import Upstream
from registry.importing import Found, LeftOut, Refused, Wanted, check_digest
from registry.importing.apis import Api
from registry.importing.images import RemoteImage
from registry.importing.images.carry import Carrier, ImageRegistries
from registry.importing.journal import Journal
from registry.metadata.grouped_reads import GroupedReads
from registry.publish import signed
from registry.target import Target

# The maximum number of imported items that one transaction commits.
_BATCH = 25
# An import makes its committed items visible to clients when at least this many items are not visible yet, and when
# these are at least a quarter of all items so far. Each time, the registry renders the list of all projects. If it did
# so after each batch, the total time would grow with the square of the number of items.
_DELIVERED_AFTER = 200

# If the import leaves out a part of a package or image, it reports the reason in a message such as `layer sha256:…: the
# source does not have it`. The words before the first match of this pattern, here `layer`, name the kind of the part.
# The import counts the messages by kind.
_KIND_ENDS = re.compile(r":| sha(?:256|512):")

Progress = Callable[["Imported"], None]


@dataclass
class _Stored:
    """The result of fetching one item of an import, such as one version of a package. The origin already has the
    objects of `artifacts`, but their metadata is not committed yet. `left_out` contains a reason for each part of the
    item that the import leaves out.
    """

    artifacts: list[Artifact]
    left_out: list[str]


# The result of storing an item of an import: a _Stored if the item's objects are at the origin, or else a string with
# the reason why the item cannot be imported.
_Ready = _Stored | str


@dataclass
class Imported:
    """The progress and the result of a bulk import.

    `known` is the number of items that were published before the import. `skipped` is the number of items that the
    import skipped, because the journal file of earlier imports lists them (journal.py). `failed` contains the title and
    the reason of each failed item. `left_out` contains the title and the reason of everything that the import left out
    on purpose. `kinds` is the number of these entries of each kind. `delayed` says why published items are not visible
    to clients yet.
    """

    new: int = 0
    known: int = 0
    skipped: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    left_out: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    kinds: Counter[str] = field(default_factory=Counter[str])
    delayed: list[str] = field(default_factory=list[str])

    @property
    def done(self) -> int:
        return self.new + self.known + self.skipped + len(self.failed)

    def leave_out(self, title: str, reason: str, kind: str = "") -> None:
        """Records a package, or a part of a package, that the import leaves out on purpose. The summary of the import
        shows the number of these records of each `kind`.

        If `kind` is empty, the method takes the kind from the beginning of `reason`, such as `manifest` or `upload
        time`.
        """
        self.left_out.append((title, reason))
        self.kinds[kind or _KIND_ENDS.split(reason)[0].removeprefix("its ")] += 1


class Import:
    """A bulk import into one stack. `workers` is the number of items that the import fetches, checks and stores in
    parallel.

    `imported` contains the counts and failures so far, even when the import ended early.
    """

    def __init__(
        self,
        target: Target,
        by: By,
        journal: Journal,
        api: Api,
        registries: ImageRegistries,
        *,
        workers: int,
        report: Progress,
    ) -> None:
        self._target = target
        self._by = by
        self._journal = journal
        self._workers = workers
        self._report = report
        self._origin = target.origin
        repository = GroupedReads(target.repository)
        self._facts = Facts(repository)
        self._delivery = Delivery(repository, self._origin, target.edge, target.url)
        self._api = api
        self._registries = registries
        self.imported = Imported()
        self._undelivered = 0

    def run(self, wanted: Iterable[Found]) -> Imported:
        """Imports all items, and returns the counts and failures.

        Raises RegistryError or a cloud client's error when the import cannot continue. Items that were already
        committed stay published.
        """
        batch: list[tuple[Wanted, _Stored]] = []
        with (
            tempfile.TemporaryDirectory(prefix="import-") as scratch,
            Carrier(self._registries, self._origin, Path(scratch) / "layers", workers=self._workers) as carrier,
            ThreadPoolExecutor(self._workers) as pool,
        ):

            def submit(wanted: Wanted, directory: Path) -> Future[_Ready]:
                return pool.submit(self._store, carrier, wanted, directory)

            for each, ready in self._stored(wanted, submit, Path(scratch)):
                if isinstance(ready, str):
                    self.imported.failed.append((each.title, ready))
                else:
                    batch.append((each, ready))
                if len(batch) == _BATCH:
                    self._commit(batch)
                    batch = []
                self._report(self.imported)
            self._commit(batch)
        self._deliver()
        return self.imported

    def _stored(
        self,
        wanted: Iterable[Found],
        submit: Callable[[Wanted, Path], Future[_Ready]],
        scratch: Path,
    ) -> Iterator[tuple[Wanted, _Ready]]:
        """Fetches, checks and stores the items in parallel. Yields each item with its result as soon as the item is
        done.

        The result contains the item's artifacts, or the reason why the item failed. At most twice as many items as
        workers are in progress at the same time.
        """
        running: dict[Future[_Ready], Wanted] = {}
        for number, each in enumerate(wanted):
            if isinstance(each, Refused):
                self.imported.failed.append((each.title, each.reason))
                continue
            if isinstance(each, LeftOut):
                self.imported.leave_out(each.title, each.reason, each.kind)
                continue
            try:
                is_imported = self._journal.has(each)
            except OSError as error:  # such as a symbolic link to a missing file
                self.imported.failed.append((each.title, f"cannot be read: {error.strerror}"))
                continue
            if is_imported:
                self.imported.skipped += 1
                self._report(self.imported)
                continue
            running[submit(each, scratch / str(number))] = each
            if len(running) >= 2 * self._workers:
                yield from _finished(running)
        while running:
            yield from _finished(running)

    def _store(self, carrier: Carrier, wanted: Wanted, directory: Path) -> _Ready:
        try:
            stored = _Stored([], list(wanted.left_out))
            for artifact in self._artifacts(carrier, wanted, directory, stored.left_out):
                self._facts.refuse_unpublished(artifact)
                for blob in artifact.blobs:
                    self._origin.create(blob)
                stored.artifacts += signed(self._target, [artifact])
            return stored
        except RegistryError as error:
            # The message for operators leaves out the path of the temporary directory, because the path tells them
            # nothing.
            return str(error).replace(f"{directory}/", "")
        finally:
            shutil.rmtree(directory, ignore_errors=True)

    def _artifacts(self, carrier: Carrier, wanted: Wanted, directory: Path, left_out: list[str]) -> Iterator[Artifact]:
        """Fetches an item of the import, and yields its artifact. For an image, also yields the artifacts of the
        image's referrers.

        Adds to `left_out` a reason for each part that is not imported.
        """
        if isinstance(wanted.location, RemoteImage):
            for artifact, parts in carrier.described(wanted, wanted.location, directory, left_out):
                self._facts.refuse_unpublished(artifact)
                left_out += carrier.carry(wanted.location, parts)
                yield artifact
            return
        file = self._at_hand(wanted, wanted.location, directory)
        if wanted.digest:
            check_digest(file, wanted.digest, wanted.title)
        artifact = _read(wanted, file, self._upstream(wanted, left_out))
        left_out += artifact.left_out
        yield artifact

    def _upstream(self, wanted: Wanted, left_out: list[str]) -> Upstream | None:
        """Returns the data about an npm version from the registry that it is imported from. Returns None if `wanted` is
        not an npm version.

        If the registry cannot be read, adds the reason to `left_out`. Otherwise, adds a reason for each part of the
        data that the import does not copy, such as the version's provenance.
        """
        found = wanted.upstream
        if found is None and wanted.registry:
            try:
                found = self._api.npm_upstream(wanted.registry, wanted.spec)
            except RegistryError as error:
                left_out.append(f"its time, dist-tags and deprecation: {error}")
        left_out += found.left_out if found else ()
        return found

    def _at_hand(self, wanted: Wanted, location: Path | str, directory: Path) -> Path:
        if isinstance(location, Path):
            return location
        if not wanted.digest:
            raise RegistryError(f"{wanted.title}: the source gives no digest; it was not imported")
        directory.mkdir()
        # The name of a Python file states the project and the version. The URL of an npm tarball may end with anything,
        # such as a long signature.
        file = directory / (Path(wanted.filename).name if wanted.ecosystem == "pypi" else "package.tgz")
        self._api.download(location, file)
        return file

    def _commit(self, batch: list[tuple[Wanted, _Stored]]) -> None:
        outcomes = iter(self._facts.commit([each for _, stored in batch for each in stored.artifacts], self._by))
        committed: list[Wanted] = []
        for wanted, stored in batch:
            of_it = list(islice(outcomes, len(stored.artifacts)))
            refused = [outcome.refused for outcome in of_it if outcome.refused]
            if refused:
                self.imported.failed.append((wanted.title, refused[0]))
                continue
            new = any(outcome.new for outcome in of_it)
            self.imported.new += new
            self.imported.known += not new
            for reason in stored.left_out:
                self.imported.leave_out(wanted.spec or wanted.title, reason)
            committed.append(wanted)
        self._journal.add(committed)
        self._undelivered += len(committed)
        if self._undelivered >= max(_DELIVERED_AFTER, self.imported.done // 4):
            self._deliver()
            self._undelivered = 0

    def _deliver(self) -> None:
        """Delivers all committed changes in the outbox, so that clients see them. Also delivers the changes of earlier
        imports that were interrupted.
        """
        pending = self._delivery.outbox.pending()
        self.imported.delayed = list(dict.fromkeys(self._delivery.deliver_intents(pending).failed))


def _finished(running: dict[Future[_Ready], Wanted]) -> Iterator[tuple[Wanted, _Ready]]:
    done, _ = wait(running, return_when=FIRST_COMPLETED)
    for future in done:
        yield running.pop(future), future.result()


def _read(wanted: Wanted, file: Path, upstream: Upstream | None) -> Artifact:
    if wanted.ecosystem == "oci":
        return oci.read(file, wanted.repository, wanted.tag)
    if wanted.ecosystem == "npm":
        return npm.read(file, upstream=upstream, spec=wanted.spec, imported=True)
    return pypi.read(file, wanted.project, listing=wanted.listing)
