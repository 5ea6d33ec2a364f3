"""The operator's command line, with one module for each group of commands. `registry/__main__.py` combines the groups.

Each command imports its modules inside its own function. Other commands and `--help` therefore start fast.
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
        "--principal",
        help="name of the person or system that acts, for the audit log",
        envvar="ARTIFACT_EDGE_PRINCIPAL",
        show_default="<user>@<host>",
    ),
]
