"""Commands for the model of co-downloads (packages that clients request in the same install). The model tells the edge
which packages to prefetch in addition to dependencies.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from registry.commands import Outputs, Principal
from registry.commands.packages import report_delay

if TYPE_CHECKING:
    from registry.co_downloads.model import Model

app = typer.Typer(no_args_is_help=True, help=__doc__)


@app.callback()
def root() -> None:
    """Train and apply the model of co-downloads. Co-downloads are packages that clients request in the same install,
    although neither package depends on the other.
    """


@app.command()
def train(
    logs: Annotated[Path, typer.Option(help="directory with a copy of the shields' access logs")],
    stack_outputs: Outputs,
    held_out_days: Annotated[int, typer.Option(min=1, help="the last days of the logs, which test the model")] = 7,
    support: Annotated[int, typer.Option(min=2, help="fewest installs that must contain both packages of a pair")] = 20,
    confidence: Annotated[
        int, typer.Option(min=1, max=100, help="fewest installs with both packages, in percent of those with the first")
    ] = 50,
    most: Annotated[int, typer.Option(min=1, help="most successors of a package")] = 8,
    out: Annotated[Path, typer.Option(help="file for the model")] = Path("model.json"),
) -> None:
    """Train a model from the access logs of the shields (regional caches). The model predicts which packages clients
    request in the same install.

    The model leaves out the dependencies of a package, because the edge prefetches them without a model. The last days
    of the logs only test the model. Print the model's size, recall and precision. The logs need the field `install`.
    """
    from registry.co_downloads import lists, model
    from registry.co_downloads.training import Settings, Training
    from registry.target import read_target

    repository = read_target(stack_outputs).repository
    training = Training(logs)
    known = lists.reached(training.packages(), lists.listed(repository))
    made = training.train(known, Settings(held_out_days, support, confidence, most))
    model.write(made, out)
    _print(made, out)


@app.command("apply")
def apply_model(
    file: Annotated[Path, typer.Argument(help="model of `predict train`, or a .csv file with the table `successors`")],
    stack_outputs: Outputs,
    principal: Principal = "",
) -> None:
    """Apply a new model to the edge, which then prefetches the packages that the model predicts. If you apply an empty
    model, the edge no longer prefetches predicted packages.

    The command writes the model's predictions into the documents of packages. It ignores packages that the registry
    does not have.
    """
    from registry import caller
    from registry import publish as publishing
    from registry.co_downloads import applying, model
    from registry.target import read_target

    successors, target = model.read(file), read_target(stack_outputs)
    packages = applying.published(target.repository)
    changes = list(applying.changes(target.repository, packages, successors))
    report = publishing.apply(target, changes, caller.by(target, "predict apply", principal))
    print(f"changed packages: {sum(each.new for each in report.published):,}")
    unknown = len(successors.keys() - set(packages))
    if unknown:
        print(f"left out, as the registry does not have them: {unknown:,} packages", file=sys.stderr)
    report_delay(report)


def _print(made: Model, out: Path) -> None:
    figures = made.figures
    pairs = sum(len(each) for each in made.successors.values())
    print(f"trained with {figures.installs:,} installs, {made.first_day} to {made.last_day}")
    print(f"size: packages: {len(made.successors):,}; successors: {pairs:,}; bytes of {out}: {out.stat().st_size:,}")
    print(f"held out: {figures.held_out_installs:,} installs")
    print(f"recall: {_share(figures.recall)}, {figures.hits:,} of {figures.wanted:,} packages that no list leads to")
    print(f"precision: {_share(figures.precision)}, {figures.hits:,} of {figures.predicted:,} packages predicted")


def _share(value: float | None) -> str:
    return "none" if value is None else f"{value:.1%}"
