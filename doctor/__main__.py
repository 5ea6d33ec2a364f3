"""`python -m doctor`: checks the accounts of a stack before its first `pulumi up`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError
from cloudflare import CloudflareError

from doctor import aws, cloudflare, domain, google
from stacks.config import ConfigError
from stacks.stack_file import StackFileError, read_stack

_STACKS = Path(__file__).resolve().parents[1] / "stacks"

app = typer.Typer(add_completion=False, help=__doc__)


@app.command()
def check(stack: Annotated[str, typer.Option(help="name of the stack, such as dev")]) -> None:
    """Check credentials, names, quotas, zone, DNS and enabled APIs before the first `pulumi up`.

    Prints a line for each check, with the way to correct a problem. Changes nothing. The exit code is 1 if there is a
    problem.
    """
    found, project = read_stack(_STACKS, stack)
    problems = 0
    for findings in (
        aws.check(found),
        cloudflare.check(found),
        domain.check(found.config.domain),
        google.check(found, project),
    ):
        for finding in findings:
            problems += finding.is_problem
            print(finding.line(), flush=True)
    print(f"{problems} problems" if problems else f"the accounts are ready for: pulumi up --stack {stack}")
    raise typer.Exit(1 if problems else 0)


def main() -> None:
    try:
        app()
    except (StackFileError, ConfigError) as error:
        sys.exit("\n".join(f"error: {line}" for line in str(error).splitlines()))
    except (BotoCoreError, ClientError, CloudflareError) as error:
        sys.exit(f"error: {' '.join(str(error).split())}")


if __name__ == "__main__":
    main()
