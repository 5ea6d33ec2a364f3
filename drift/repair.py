"""`python -m drift.repair`: corrects the Pulumi state of a stack after the Pulumi engine was killed."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Annotated

import typer
import yaml

from drift import DriftError
from drift.__main__ import differences, main
from drift.pending import adopt
from drift.search import found
from drift.state import State, read, tag_of

app = typer.Typer(add_completion=False)


@app.command()
def repair(
    stack: Annotated[str, typer.Option(help="stack whose update was killed")],
    unlock: Annotated[
        bool, typer.Option("--unlock", help="remove the lock first; only when its process has ended")
    ] = False,
) -> None:
    """Repair the state of a stack whose update was killed. Exits with status 1 if state and clouds still differ.

    The command looks in the clouds for each resource that the update was creating. If the resource exists, the command
    adds it to the state. The command then runs `pulumi refresh`, which changes nothing in the clouds.
    """
    if unlock:
        _pulumi("cancel", "--yes", stack)
    exported = json.loads(_pulumi("stack", "export", "--stack", stack))
    unknown = adopt(exported["deployment"], found)
    # only the owner can read this directory, which holds the exported Pulumi state
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "state.json"
        file.write_text(json.dumps(exported))
        _pulumi("stack", "import", "--stack", stack, "--file", str(file))
    _pulumi("refresh", "--stack", stack, "--yes", "--skip-preview", "--suppress-outputs")
    lines = [f"check whether this resource exists in the cloud, and import or delete it: {urn}" for urn in unknown]
    lines += differences(_state(stack))
    print(*lines or [f"repaired: the accounts and the state of {stack} have the same resources"], sep="\n")
    raise typer.Exit(1 if lines else 0)


def _state(stack: str) -> State:
    """Returns the Pulumi state of the stack. The name of the Pulumi project comes from the resources in the state, or
    from Pulumi.yaml if the stack has no resources.
    """
    exported = json.loads(_pulumi("stack", "export", "--stack", stack))
    if exported["deployment"].get("resources"):
        return read(exported)
    project: str = yaml.safe_load(Path("Pulumi.yaml").read_text())["name"]
    return State(tag_of(project), stack, [])


def _pulumi(*arguments: str) -> str:
    """Runs a `pulumi` command in the current directory, and returns its output. Raises DriftError if it fails."""
    result = subprocess.run(
        ["pulumi", *arguments, "--non-interactive", "--color", "never"], capture_output=True, text=True, check=False
    )
    if result.returncode:
        raise DriftError(f"pulumi {' '.join(arguments)}: {(result.stderr or result.stdout).strip()}")
    return result.stdout


if __name__ == "__main__":
    main(app)
