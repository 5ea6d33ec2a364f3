"""`python -m costs PLAN…`: estimates what the stacks in the given Pulumi plans or states cost a month, at
list prices.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from costs import Estimate, PriceMissing, Resource, estimate
from costs.prices import load as load_prices
from gates.plan import PlanError, load, read_resources

app = typer.Typer(add_completion=False)


@app.command()
def show(
    files: Annotated[
        list[Path],
        typer.Argument(help="files with the output of `pulumi preview --json --show-sames` or `pulumi stack export`"),
    ],
    lines: Annotated[bool, typer.Option(help="list each resource with its cost")] = False,
    budget: Annotated[float | None, typer.Option(help="US dollars a month; a higher estimate is an error")] = None,
) -> None:
    """Estimate what each tier of a stack (such as `shield`) costs a month at list prices, without charges for use."""
    console, prices = Console(highlight=False, soft_wrap=True), load_prices()
    over: list[str] = []
    for file in files:
        resources = [Resource(each.type, each.urn, each.inputs) for each in read_resources(load(file)) if each.custom]
        found = estimate(resources)
        stack = resources[0].urn.split("::")[0].rsplit(":", 1)[-1] if resources else file.stem
        console.print(f"{stack}: an estimate at prices put together on {prices.dated}")
        console.print(_table(found, lines))
        for kind, number in sorted(found.metered.items()):
            console.print(f"by use, {number} {kind}: {prices.metered[kind]}")
        console.print(f"nothing: {sum(found.free.values())} resources of {len(found.free)} types")
        if budget is not None and found.total > budget:
            over.append(f"{stack}: {found.total:,.2f} is over the budget of {budget:,.2f} US dollars a month")
    for problem in over:
        print(f"error: {problem}", file=sys.stderr)
    raise typer.Exit(1 if over else 0)


def _table(found: Estimate, lines: bool) -> Table:
    table = Table()
    table.add_column("tier")
    table.add_column("US dollars a month", justify="right")
    for tier, monthly in found.by_tier().items():
        table.add_row(tier, f"{monthly:,.2f}", end_section=lines)
        for line in found.lines if lines else []:
            if line.resource.tier == tier:
                table.add_row(f"  {line.resource.name}: {line.item}", f"{line.monthly:,.2f}")
    table.add_section()
    table.add_row("total", f"{found.total:,.2f}")
    return table


def main() -> None:
    try:
        app()
    except (PlanError, PriceMissing) as error:
        sys.exit("\n".join(f"error: {line}" for line in str(error).splitlines()))


if __name__ == "__main__":
    main()
