"""Runs the runbooks of docs/deploying.md on a stack in the emulated clouds, which run no machines."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from emulation import services
from emulation.engine.environment import shell_environment
from emulation.engine.find import ensure_engine
from emulation.layout import Sandbox
from local import operator
from local.checkout import CHECKOUT
from local.stack import PASSPHRASE
from tests.support.runbooks import runbook
from tests.support.sandbox.operator_shell import OperatorShell, checkout_with_copies
from tests.support.sandbox.serving_reports import machines_report

pytestmark = pytest.mark.nightly

PAGE = "docs/deploying.md"
LOOPBACK = "127.69"
ROLE = "artifact-edge-local-shield"


@pytest.fixture(scope="module")
def shell() -> Iterator[OperatorShell]:
    """Provides the shell of an operator of the stack `local`."""
    directory = Path(tempfile.mkdtemp(prefix="ae-"))
    directory.chmod(0o755)
    sandbox = Sandbox(directory=directory / "sandbox", loopback=LOOPBACK)
    try:
        services.start(sandbox, services.CLOUDS)
        operator.make_keys(sandbox, "local", CHECKOUT / "stacks")
        operator.add_edge_zone(sandbox, "local", CHECKOUT / "stacks")
        environment = shell_environment(ensure_engine(print), sandbox, passphrase=PASSPHRASE)
        shell = OperatorShell(checkout_with_copies(directory, "stacks"), environment, directory / "commands")
        shell.run("pulumi stack select --create local")
        shell.run("pulumi up --skip-preview")
        with machines_report(sandbox.aws_url, "local", ("us-east-1", "eu-west-1")):
            yield shell
    finally:
        services.stop_all(sandbox)
        shutil.rmtree(directory, ignore_errors=True)


def test_policies_that_were_added_by_hand_are_listed_and_removed(shell: OperatorShell) -> None:
    """The test removes from the state the two resources that forbid other policies of a role. A stack of an older
    release does not have these resources.
    """
    by_hand = runbook(PAGE, "Roles whose policies were changed by hand")
    exported = json.loads(shell.run("pulumi stack export"))
    older = [
        each["urn"]
        for each in exported["deployment"]["resources"]
        if re.search(r"Role(Policies|PolicyAttachments)Exclusive::shield$", each["urn"])
    ]
    assert len(older) == 2
    for urn in older:
        shell.run(f"pulumi state delete '{urn}'")
    everything = json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    )
    shell.run(f"aws iam put-role-policy --role-name {ROLE} --policy-name by-hand --policy-document '{everything}'")
    assert "by-hand" not in shell.run(by_hand.command("pulumi preview --refresh"))

    (lists,) = by_hand.blocks({"<role>": ROLE})
    assert "by-hand" in shell.run(lists)
    shell.run(by_hand.command("pulumi up"))
    assert "by-hand" not in shell.run(lists)


def test_a_plan_that_the_gate_refuses_is_applied_in_the_printed_parts(shell: OperatorShell) -> None:
    refused = runbook(PAGE, "When the plan gate refuses")
    shell.run("pulumi config set --path 'artifact-edge:shields[0].machine_type' i4i.xlarge")
    (plan,) = refused.blocks({"--stack prod": "--stack local", "limits/prod.yaml": "limits/local.yaml"})
    said = shell.run(plan, status=1)
    assert "2 of 2 machines of us-east-1 are replaced at once; the limit is 1" in said
    parts = re.split(r"apply \d of \d: ", said)[1:]
    assert len(parts) > 1
    for part in parts:
        targets = " ".join(re.findall(r"--target '[^']+'", part))
        shell.run(f"pulumi up --stack local {targets}")
    shell.run(plan)
