"""Experiments at the edge: A/B tests that the edge policy defines."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from registry import RegistryError

if TYPE_CHECKING:
    from rich.table import Table

    from registry.edge_policy.experiment_log import Request
    from registry.edge_policy.experiment_report import Estimate, Measured
    from registry.edge_policy.experiments import Experiment

app = typer.Typer(no_args_is_help=True, help=__doc__)

# The command `report` warns about a variant that has fewer clients than this number. For so few clients, the computed
# confidence intervals are narrower than the true intervals.
_FEW_CLIENTS = 20
# The command assumes that the terminal is this number of characters wide. The rows of the report's table are therefore
# never wrapped.
_WIDTH = 400
# The command makes a chi-squared test of how the clients are split among the variants. It warns if the p-value is below
# this number. In this case, the assignment of clients to variants or the log is probably wrong.
_IMPROBABLE = 0.001


@app.callback()
def root() -> None:
    """Measure experiments at the edge, which are A/B tests that the edge policy defines."""


@app.command()
def report(
    experiment: Annotated[str, typer.Argument(help="name of the experiment")],
    logs: Annotated[list[Path], typer.Argument(help="files with the worker's log, or - for standard input")],
    policy: Annotated[
        Path | None,
        typer.Option(help="file with the edge policy; its first variant is the control, and its weights are checked"),
    ] = None,
    control: Annotated[str, typer.Option(help="variant to compare the others with; by default the first by name")] = "",
) -> None:
    """Compare the variants of an experiment. The data are the requests in the edge worker's log.

    For each variant, print the requests, the bytes, and the time to the first byte. Print which share of the objects
    came from the edge, from the shields (regional caches) and from the origin. Print confidence intervals of 95 %, and
    the difference of each variant from the control variant.
    """
    from rich.console import Console

    from registry.edge_policy import experiment_log, experiment_report

    known = None if policy is None else _experiment(policy, experiment)
    requests: list[Request] = []
    seen: set[str] = set()
    for event in experiment_log.events(_lines(logs)):
        seen.update(event["variants"])
        found = experiment_log.request_in(event, experiment)
        requests.extend([found] if found else [])
    names = [each.name for each in known.variants] if known else _variants(requests)
    there = control or (names[0] if names else "")
    if there not in _variants(requests):
        others = ", ".join(sorted(seen)) or "none"
        raise RegistryError(
            f"experiment {experiment!r}: the log has no request with the variant {there!r}; "
            f"experiments in the log: {others}"
        )
    measured = experiment_report.compare(requests, there)
    Console(width=_WIDTH).print(_table(measured))
    if known is not None:
        _check_split(measured, known)
    for each in measured:
        if each.clients < _FEW_CLIENTS:
            print(f"warning: {each.variant} has {each.clients} clients; too few for an interval", file=sys.stderr)


def _variants(requests: Sequence[Request]) -> list[str]:
    return sorted({request.variant for request in requests})


def _experiment(policy: Path, name: str) -> Experiment:
    from registry.edge_policy.document import parsed

    try:
        text = policy.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise RegistryError(f"policy {policy}: cannot be read: {error}") from None
    for experiment in parsed(text, str(policy)).experiments:
        if experiment.name == name:
            return experiment
    raise RegistryError(f"{policy}: has no experiment {name!r}")


def _lines(logs: Sequence[Path]) -> Iterator[str]:
    for log in logs:
        if str(log) == "-":
            yield from sys.stdin
            continue
        try:
            with log.open(errors="replace") as lines:
                yield from lines
        except OSError as error:
            raise RegistryError(f"log {log}: cannot be read: {error}") from None


def _check_split(measured: Sequence[Measured], experiment: Experiment) -> None:
    from registry.edge_policy.experiment_report import split_probability

    probability = split_probability(measured, {each.name: each.weight for each in experiment.variants})
    print(f"split of the clients: probability {probability:.3f}, if the weights are those of the policy")
    if probability < _IMPROBABLE:
        print(
            "warning: the split does not fit the weights, so the variants may differ in their clients; "
            "check that the log has all of the experiment and no time with other weights",
            file=sys.stderr,
        )


def _table(measured: Sequence[Measured]) -> Table:
    from rich.table import Table

    control, *others = measured
    table = Table()
    table.add_column("")
    for each in measured:
        table.add_column(each.variant, justify="right")
    for each in others:
        table.add_column(f"{each.variant} - {control.variant}", justify="right")
    for name in ("clients", "requests", "size"):
        label = "bytes" if name == "size" else name
        table.add_row(label, *(f"{getattr(each, name):,}" for each in measured), *("" for _ in others))
    for name in control.measures:
        cells = [_text(each.measures[name], name) for each in measured]
        table.add_row(name, *cells, *(_text(each.differences[name], name, "+") for each in others))
    return table


def _text(estimate: Estimate, name: str, sign: str = "") -> str:
    """Formats a measured value for the report's table. Prints a share in percent, and a difference of shares in
    percentage points. Does not change other values.
    """
    is_share = name.startswith(("answers", "errors"))
    factor, unit = (100, " points" if sign else " %") if is_share else (1, "")
    bounds = (estimate.low, estimate.high)
    value = f"{estimate.value * factor:{sign},.1f}{unit}"
    if bounds[0] is None or bounds[1] is None:
        return value
    return f"{value} ({bounds[0] * factor:{sign},.1f} to {bounds[1] * factor:{sign},.1f})"
