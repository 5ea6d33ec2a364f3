"""The operator's command line: a module for each group of commands; `registry/__main__.py` puts them together.

Commands import the registry's rooms in their bodies: so `--help` and each command load only what they need.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Outputs = Annotated[
    Path, typer.Option("--stack-outputs", help="file with `pulumi stack output --json`, or - for standard input")
]
Principal = Annotated[
    str,
    typer.Option(
        "--principal", help="who does it, for the audit log", envvar="ARTIFACT_EDGE_PRINCIPAL", show_default="you"
    ),
]
