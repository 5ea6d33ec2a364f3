"""Advisories: known malware and vulnerabilities that the edge refuses."""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from registry import RegistryError
from registry.commands import Outputs, Principal

if TYPE_CHECKING:
    from registry.advisories.data_set import Counts, DataSet

app = typer.Typer(no_args_is_help=True, help=__doc__)


@app.callback()
def root() -> None:
    """Advisories: known malware and vulnerabilities that the edge refuses."""


@app.command("import")
def import_advisories(
    sources: Annotated[
        list[Path], typer.Argument(help="zip archives and directories of OSV records, one record in each .json file")
    ],
    stack_outputs: Outputs,
    fewer: Annotated[
        bool, typer.Option("--fewer", help="accept that an ecosystem loses more than a tenth of its advisories")
    ] = False,
    principal: Principal = "",
) -> None:
    """Replace all advisories with the advisories in archives and directories. All PoPs apply the change within 5
    seconds.

    The command names each record that cannot be read. It still imports the other records, and then exits with status 1.
    """
    from registry import caller
    from registry.advisories import in_force
    from registry.advisories.data_set import DataSet
    from registry.target import read_target

    target = read_target(stack_outputs)
    by = caller.by(target, "advisories import", principal)
    with tempfile.TemporaryDirectory(prefix="advisories-") as scratch:
        made = DataSet(Path(scratch) / "advisories.db")
        left_out, failed = _read(sources, made)
        done = in_force.put(target, by, made, fewer=fewer)
        made.close()
    _print_counts(done.counts)
    kinds = "".join(f"; left out {number} {reason}" for reason, number in sorted(left_out.items()))
    print(f"{'in force' if done.new else 'already in force'}: data set {done.digest[:12]}{kinds}; failed {failed}")
    if done.edge_error:
        print(
            f"warning: the edge's key-value store could not be updated: {done.edge_error}; the metadata API names the "
            "data set to the edge, but repeat the command before that API may be down",
            file=sys.stderr,
        )
    if failed:
        sys.exit(1)


@app.command()
def status(stack_outputs: Outputs) -> None:
    """Show the advisories that are in force: how many there are, who imported them, and when."""
    from registry.advisories import in_force
    from registry.target import read_target

    found = in_force.current(read_target(stack_outputs))
    if found is None:
        raise RegistryError("there are no advisories yet; import some: python -m registry advisories import")
    _print_counts(found.counts)
    print(f"data set {found.digest[:12]}, by {found.by.principal} at {found.at}")


def _read(sources: list[Path], made: DataSet) -> tuple[Counter[str], int]:
    """Adds the OSV records in `sources` (archives and directories) to the data set `made`. Returns the number of
    skipped records for each reason, and the number of invalid records.
    """
    from registry.advisories import osv
    from registry.advisories.sources import records

    left_out, failed = Counter[str](), 0
    for source in sources:
        for record in records(source):
            try:
                if record.error:
                    raise RegistryError(record.error)
                found = osv.read(record.text)
            except RegistryError as error:
                print(f"error: {record.title}: {error}", file=sys.stderr)
                failed += 1
                continue
            if isinstance(found, osv.LeftOut):
                left_out[found.reason] += 1
            else:
                made.add(found)
    return left_out, failed


def _print_counts(counts: Counts) -> None:
    for ecosystem, numbers in sorted(counts.items()):
        print(
            f"{ecosystem}: packages: {numbers['packages']}; advisories: {numbers['advisories']}, of which malware: "
            f"{numbers['malware']}"
        )
