"""Tests `pulumi up` of the bootstrap program with the real engine and the permissions that docs/state.md names.

The emulated AWS evaluates the permissions for each API call of the provider.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from emulation.engine.command import pulumi
from infra.iam import Statement
from local.checkout import CHECKOUT
from previews.temporary_sandbox import TemporarySandbox, temporary_sandbox
from tests.support.bootstrap_stack import bootstrapping_role
from tests.support.provider_credentials import aws_of, restart_provider
from tests.support.runbooks import runbook

pytestmark = pytest.mark.plans

PAGE = "docs/state.md"
ROLES = "arn:aws:iam::123456789012:role/artifact-edge-bootstrap-"


@pytest.fixture
def sandbox() -> Iterator[TemporarySandbox]:
    with temporary_sandbox("127.70", print) as temporary, pytest.MonkeyPatch.context() as environment:
        aws_of(temporary, environment)
        shutil.copytree(CHECKOUT / "bootstrap", temporary.project / "bootstrap")
        yield temporary


def bootstrap(sandbox: TemporarySandbox, *arguments: str) -> tuple[int, str]:
    """Runs a `pulumi` command on the bootstrap stack."""
    directory = Path(sandbox.project) / "bootstrap"
    search = os.pathsep.join([str(directory.parent), str(CHECKOUT)])
    result = pulumi(
        sandbox.engine, sandbox.clouds, directory, *arguments, passphrase="test", env={"PYTHONPATH": search}
    )
    return result.returncode, result.stdout + result.stderr


def printed_statements() -> list[Statement]:
    """Returns the statements of the IAM policy that a command of docs/state.md prints. A person with this policy can
    deploy the bootstrap stack.
    """
    page = runbook(PAGE, "Bootstrap")
    command = page.command("python -m bootstrap.administrator --account <account>", {"<account>": "123456789012"})
    python, *arguments = shlex.split(command)
    assert python == "python"
    done = subprocess.run([sys.executable, *arguments], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)["Statement"]


def without(action: str, statements: list[Statement]) -> list[Statement]:
    """Returns copies of IAM policy statements that no longer allow `action`. At least one of the statements must have
    allowed it.
    """
    kept: list[Statement] = [
        {**each, "Action": [name for name in each["Action"] if name != action]} for each in statements
    ]
    assert kept != statements
    return kept


def test_bootstrap_runs_without_an_administrator_and_a_missing_permission_is_named(sandbox: TemporarySandbox) -> None:
    statements = printed_statements()
    restart_provider(sandbox, bootstrapping_role(without("iam:PutRolePolicy", statements)))
    assert bootstrap(sandbox, "stack", "init", "bootstrap")[0] == 0
    up = ("up", "--yes", "--skip-preview", "--stack", "bootstrap")
    status, output = bootstrap(sandbox, *up)
    assert status != 0
    # The engine starts no further operation after the first error. The error message names one role, and the order of
    # the operations decides which. The test therefore compares only the beginning of the role's name.
    assert f"is not authorized to perform: iam:PutRolePolicy on resource: {ROLES}" in output, output
    bootstrapping_role(statements)
    status, output = bootstrap(sandbox, *up)
    assert status == 0, output
    status, output = bootstrap(sandbox, "up", "--yes", "--refresh", "--expect-no-changes", "--stack", "bootstrap")
    assert status == 0, output
