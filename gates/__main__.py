"""`python -m gates`: checks a Pulumi plan before `pulumi up` applies it."""

from __future__ import annotations

import datetime
import sys
from pathlib import Path
from typing import Annotated

import typer

from gates import rules, stages, state, upgrade
from gates.limits import Limits
from gates.plan import PlanError, load, read_plan, read_resources
from gates.resilience import Statements, prove
from gates.settings import SettingsError, read_settings

# Errors in a file that a command reads. The user can correct the file, so the command prints the message of the error
# and no traceback.
_ENDINGS = (PlanError, SettingsError, state.StateError)

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)

Preview = Annotated[Path, typer.Argument(help="file with the output of `pulumi preview --json --show-sames`")]


Limiting = Annotated[Path | None, typer.Option(help="file with the limits of one apply, instead of the defaults")]


@app.command("plan")
def check_plan(preview: Preview, limits: Limiting = None) -> None:
    """Refuse a plan that changes too much in one `pulumi up`, and say how to split the plan."""
    plan, most, today = read_plan(load(preview)), _limits(limits), _today()
    refusals = rules.judge(plan, most, today)
    split = stages.lines(stages.split(plan, most, today)) if refusals else []
    _end([*map(str, refusals), *split])


@app.command("next")
def print_next(preview: Preview, limits: Limiting = None) -> None:
    """Split a plan that the plan gate refuses into stages, and print the `--target` options of the first stage, one per
    line. The plan gate checks Pulumi plans for dangerous changes. Each stage is a separate run of `pulumi up`.

    An operator applies one stage at a time. The command prints nothing if the plan gate accepts the plan. Exits with
    status 1 if the plan gate refuses the first stage too.
    """
    plan, most, today = read_plan(load(preview)), _limits(limits), _today()
    if not rules.judge(plan, most, today):
        return
    first, *_ = stages.split(plan, most, today)
    if first.refusals:
        sys.exit("\n".join(f"error: {refusal}" for refusal in first.refusals))
    print(*(f"--target={urn}" for urn in first.urns), sep="\n")


@app.command("failures")
def check_failures(
    graph: Annotated[
        Path,
        typer.Argument(help="file with the output of `pulumi preview --json --show-sames` or `pulumi stack export`"),
    ],
    survive: Annotated[Path, typer.Option(help="file that states what the environment survives, and what not")],
) -> None:
    """Simulate each loss in turn, such as the loss of a region. Check that after each loss, clients can still read
    packages on every path from the stack's hostname to a bucket. Name the paths that a loss breaks.
    """
    proof = prove(read_resources(load(graph)), read_settings(survive, Statements))
    if not proof.findings:
        print(f"{proof.paths} read paths are as declared after each of {proof.sets} failures")
    _end(proof.findings)


@app.command("upgrade")
def check_upgrade(
    preview: Preview,
    stack: Annotated[str, typer.Option(help="name of the stack, to pick its allowances")],
    allowances: Annotated[Path | None, typer.Option(help="file with intended replacements and their reasons")] = None,
) -> None:
    """Refuse an upgrade that deletes or replaces a resource, if clients reach the resource or Pulumi cannot create its
    content again. PREVIEW must be the Pulumi plan of an upgrade from a released version.
    """
    allowed = upgrade.read_allowances(allowances) if allowances else upgrade.Allowances()
    _end(list(upgrade.findings(read_plan(load(preview)), allowed.of(stack))))


@app.command()
def record(
    export: Annotated[Path, typer.Argument(help="file with the output of `pulumi stack export --show-secrets`")],
    target: Annotated[Path, typer.Argument(help="file to write (JSON, compressed)")],
    secrets: Annotated[
        Path | None,
        typer.Option(help="JSON file with the name and value of each secret, so that the state keeps the name"),
    ] = None,
) -> None:
    """Save the Pulumi state of a deployed release. Previews read the saved state to plan upgrades from this release.
    The values of secrets are left out.
    """
    named: dict[str, str] = load(secrets) if secrets else {}
    state.write(state.scrub(load(export), named), target)


def _limits(file: Path | None) -> Limits:
    return read_settings(file, Limits) if file else Limits()


def _today() -> datetime.date:
    return datetime.datetime.now(datetime.UTC).date()


def _end(findings: list[str]) -> None:
    for finding in findings:
        print(finding)
    raise typer.Exit(1 if findings else 0)


def main() -> None:
    try:
        app()
    except _ENDINGS as error:
        sys.exit("\n".join(f"error: {line}" for line in str(error).splitlines()))


if __name__ == "__main__":
    main()
