"""`python -m registry import`: imports packages and images in bulk."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from registry import RegistryError
from registry.commands import Outputs, Principal

if TYPE_CHECKING:
    from registry.importing import Found
    from registry.importing.pipeline import Imported

app = typer.Typer()


@app.command("import")
def import_packages(
    stack_outputs: Outputs,
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            help="directories, package-lock.json, requirements.txt, npm:name\\[@version], pypi:name[==version], "
            "oci:host/repository[:tag|@digest]"
        ),
    ] = None,
    from_npm: Annotated[
        list[str] | None, typer.Option(help="a package to import with all its dependencies, as npm resolves them")
    ] = None,
    from_pip: Annotated[
        list[str] | None, typer.Option(help="a package to import with all its dependencies, as pip resolves them")
    ] = None,
    npm_registry: Annotated[
        str, typer.Option(help="registry to fetch npm:… from; by default the one that npm is configured with")
    ] = "",
    pypi_index: Annotated[
        str, typer.Option(help="index (PEP 691) to fetch pypi:… from; by default those that pip is configured with")
    ] = "",
    all_versions: Annotated[
        bool, typer.Option(help="import all versions of npm:… and pypi:…, and all tags of oci:…, not only the newest")
    ] = False,
    repository: Annotated[
        str, typer.Option(help="repository to import the image of oci:… to; by default the source's name")
    ] = "",
    referrers: Annotated[bool, typer.Option(help="import images with their referrers: signatures, SBOMs")] = True,
    plain_http: Annotated[bool, typer.Option(help="fetch oci:… without TLS, from this machine only")] = False,
    journal: Annotated[
        Path | None, typer.Option(help="file that lists imported packages, to continue an interrupted import")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="packages to import in parallel")] = 8,
    principal: Principal = "",
) -> None:
    """Import existing packages and images. If you repeat an import, it continues where the previous import stopped.

    A package that fails does not stop the import of the other packages.
    """
    from registry import caller
    from registry.importing import apis, clients
    from registry.importing.images.carry import ImageRegistries
    from registry.importing.journal import Journal
    from registry.importing.pipeline import Import
    from registry.importing.sources import Sources, or_refused
    from registry.target import read_target

    target = read_target(stack_outputs)
    if not (sources or from_npm or from_pip):
        raise RegistryError(
            "nothing to import; name a directory, a lockfile, npm:…, pypi:… or oci:…, --from-npm or --from-pip"
        )
    if repository and sum(source.startswith("oci:") for source in sources or ()) != 1:
        raise RegistryError(
            f"--repository {repository}: names the repository of one oci:… source; import that source alone"
        )
    kept = Journal(journal or Path(f"import-{target.environment}.journal"))
    api, registries = apis.Api(), ImageRegistries(referrers=referrers)
    with tempfile.TemporaryDirectory(prefix="clients-") as scratch:
        named = Sources(api, registries, Path(scratch), npm_registry, pypi_index, all_versions, repository, plain_http)

        def wanted() -> Iterator[Found]:
            for source in sources or ():
                yield from or_refused(source, named.of(source))
            if from_npm:
                yield from or_refused("--from-npm", clients.npm_tree(from_npm, Path(scratch) / "npm"))
            if from_pip:
                yield from or_refused("--from-pip", named.resolved_by_pip(from_pip))

        with _progress(_total(sources or (), from_npm, from_pip)) as report:
            by = caller.by(target, "import", principal)
            importing = Import(target, by, kept, api, registries, workers=workers, report=report)
            try:
                importing.run(wanted())
            except BaseException:
                _print_summary(importing.imported)
                print("error: the import ended early; run the same command again to continue", file=sys.stderr)
                raise
            finally:
                kept.close()
    _print_result(importing.imported)


def _total(sources: Sequence[str], *unknown: Sequence[str] | None) -> int | None:
    """Returns the number of items to import. Returns None if the number is unknown, because a source is not a local
    directory.
    """
    from registry.importing.directory import wanted_in

    directories = [Path(source) for source in sources]
    if any(unknown) or not all(path.is_dir() for path in directories):
        return None
    return sum(1 for path in directories for _ in wanted_in(path))


@contextmanager
def _progress(total: int | None) -> Generator[Callable[[Imported], None]]:
    """Shows the progress bar of an import on a terminal. Yields the function that updates the bar."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=total)

        def report(imported: Imported) -> None:
            description = f"{imported.failed[-1][0]} failed" if imported.failed else ""
            progress.update(task, completed=imported.done, description=description)

        yield report


def _print_result(imported: Imported) -> None:
    """Prints the result of an import, and exits with 1 if anything failed."""
    _print_summary(imported)
    if imported.failed or imported.delayed:
        sys.exit(1)


def _print_summary(imported: Imported) -> None:
    for title, reason in imported.failed:
        print(f"error: {_line(title, reason)}", file=sys.stderr)
    for reason in imported.delayed:
        print(
            f"error: imported, but not delivered to readers: {reason}; deliver with: python -m registry purges drain",
            file=sys.stderr,
        )
    for title, reason in imported.left_out:
        print(f"left out: {_line(title, reason)}", file=sys.stderr)
    kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(imported.kinds.items()))
    left_out = f"; left out {len(imported.left_out)} ({kinds})" if imported.left_out else ""
    skipped = f", {imported.skipped} by the journal" if imported.skipped else ""
    there = imported.known + imported.skipped
    print(f"imported {imported.new}; there already {there}{skipped}{left_out}; failed {len(imported.failed)}")


def _line(title: str, reason: str) -> str:
    """Returns the message for an imported item that failed or was left out: the item's title, and the reason. If the
    reason already contains the title or the filename, the message does not repeat it.
    """
    if title in reason:
        return reason
    filename = title.rsplit(" ", 1)[-1]
    return f"{title}: {reason.removeprefix(f'{filename}: ')}"
