"""The edge network: its policy."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from registry import RegistryError

app = typer.Typer(no_args_is_help=True, help=__doc__)
policy_app = typer.Typer(no_args_is_help=True, help="The edge policy: which packages and versions the edge refuses.")
app.add_typer(policy_app, name="policy")

Document = Annotated[Path, typer.Argument(help="file with the policy (JSON), or - for standard input")]


@app.callback()
def root() -> None:
    """The edge network: its policy."""


@policy_app.callback()
def policy_root() -> None:
    """The edge policy: which packages and versions the edge refuses."""


@policy_app.command()
def check(document: Document) -> None:
    """Validate a policy document. Print each mistake with its rule, its value and what is accepted."""
    from registry.edge_policy.document import parsed

    policy = parsed(_text(document), str(document))
    print(f"{document}: valid; number of rules: {len(policy.rules)}")


def _text(document: Path) -> str:
    try:
        return sys.stdin.read() if str(document) == "-" else document.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise RegistryError(f"policy {document}: cannot be read: {error}") from None
