"""Runs the runbooks of docs/deploying.md on a stack in emulated clouds. No machines run in these clouds."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import tempfile
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, cast

import boto3
import httpx
import pytest

from contract.shields import HEALTH_PATH
from emulation import services
from emulation.engine.environment import shell_environment
from emulation.engine.find import PYTHONPATH_VARIABLE, ensure_engine
from emulation.layout import LOOPBACK_VARIABLE, POP_HTTPS_PORT, POPS, Pop, Sandbox
from local import operator
from local.checkout import CHECKOUT
from local.stack import PASSPHRASE
from tests.support.background import in_background
from tests.support.runbooks import runbook
from tests.support.sandbox.operator_shell import OperatorShell, checkout_with_copies
from tests.support.sandbox.serving_reports import machines_report
from tests.support.waiting import eventually

pytestmark = pytest.mark.nightly

PAGE = "docs/deploying.md"
# The loopback network of the sandbox (the emulated clouds). The environment variable ARTIFACT_EDGE_LOOPBACK can name
# another network.
LOOPBACK = os.environ.get(LOOPBACK_VARIABLE, "127.69")
HOST = "packages.artifact-edge.test"
ROLE = "artifact-edge-local-shield"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """Provides a sandbox that runs only the emulated cloud APIs and Pulumi providers, and no emulated machines."""
    directory = Path(tempfile.mkdtemp(prefix="ae-"))
    directory.chmod(0o755)
    sandbox = Sandbox(directory=directory / "sandbox", loopback=LOOPBACK)
    try:
        services.start(sandbox, services.CLOUDS)
        yield sandbox
    finally:
        services.stop_all(sandbox)
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="module")
def shell(sandbox: Sandbox) -> Iterator[OperatorShell]:
    """Provides a shell in which the tests run an operator's commands. The stack `local` is already deployed."""
    directory = sandbox.directory.parent
    operator.make_keys(sandbox, "local", CHECKOUT / "stacks")
    operator.add_edge_zone(sandbox, "local", CHECKOUT / "stacks")
    environment = shell_environment(ensure_engine(print), sandbox, passphrase=PASSPHRASE)
    checkout = checkout_with_copies(directory, "stacks", "workers")
    # The operator works in a copy of the checkout. Pulumi's language host imports the program from this copy, so that
    # `pulumi up` deploys the edge worker of the copy, which a test may have changed.
    environment[PYTHONPATH_VARIABLE] = str(checkout)
    shell = OperatorShell(checkout, environment, directory / "commands")
    shell.run("pulumi stack select --create local")
    shell.run("pulumi up --skip-preview")
    with machines_report(sandbox.aws_url, "local", ("us-east-1", "eu-west-1")):
        yield shell


def test_policies_that_were_added_by_hand_are_listed_and_removed(shell: OperatorShell) -> None:
    """In the current release, two Pulumi resources list all policies of the shields' role. Pulumi therefore removes
    every policy that somebody adds to this role by hand. A stack of an older release lacks the two resources. To
    emulate such a stack, the test removes them from the Pulumi state.
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


def test_a_worker_is_released_by_percentage_and_pulumi_does_not_interfere(
    shell: OperatorShell, sandbox: Sandbox
) -> None:
    release = runbook(PAGE, "Release the worker by percentage")
    by_itself, by_hand = release.blocks({"--stack prod": "--stack local"})
    status, advance, rollback = by_hand.splitlines()
    start, _ = by_itself.splitlines()
    up = release.command("pulumi up") + " --stack local"
    preview = release.command("pulumi preview") + " --stack local"
    index = shell.directory / "workers/edge/src/index.ts"
    index.write_text(index.read_text().replace('"ok\\n"', '"still ok\\n"'))
    assert "answers 10 % of the requests" in shell.run(start)
    for command in (preview, up):
        assert "under way (90 % and 10 %)" in shell.run(f"{command} 2>&1 && exit 1 || true")
    with requests_to_the_edge(sandbox) as bodies:
        assert eventually(lambda: {"ok\n", "still ok\n"} <= set(bodies))
        assert "errors" in shell.run(status)
        assert "answers 50 % of the requests" in shell.run(advance)
        assert "rolled back" in shell.run(rollback)
        assert "was rolled back" in shell.run(f"{up} 2>&1 && exit 1 || true")
        said = shell.run(by_itself)
        assert "at 50 %: good" in said
        bodies.clear()
        assert eventually(lambda: len(bodies) > 100)
    assert set(bodies) == {"still ok\n"}
    shell.run(up)
    assert "answers all requests" in shell.run(status)


@contextmanager
def requests_to_the_edge(sandbox: Sandbox) -> Generator[list[str]]:
    """Sends health checks to the PoPs during the `with` block. Yields a list, to which the function adds the body of
    each response.
    """
    bodies = list[str]()

    def send(pop: Pop, ended: threading.Event) -> None:
        url = f"https://{sandbox.pop_address(pop)}:{POP_HTTPS_PORT}{HEALTH_PATH}"
        headers, extensions = {"Host": HOST}, {"sni_hostname": HOST}
        with httpx.Client(verify=False) as client:  # noqa: S501  the names of the test are in no certificate store
            while not ended.is_set():
                # A PoP restarts after each deployment and then accepts no connections for a moment.
                with contextlib.suppress(httpx.TransportError):
                    bodies.append(client.get(url, headers=headers, extensions=extensions).text)

    with in_background(*(partial(send, pop) for pop in POPS)):
        yield bodies


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


def secrets_of(up: Sandbox) -> dict[str, str]:
    """Returns a mapping from the name of each secret of the stack to its content."""
    manager: Any = cast(Any, boto3).client(
        "secretsmanager",
        "us-east-1",
        endpoint_url=up.aws_url,
        aws_access_key_id="any",
        aws_secret_access_key="any",
    )
    names = [each["Name"] for each in manager.list_secrets()["SecretList"]]
    return {name: manager.get_secret_value(SecretId=name)["SecretString"] for name in names}


def test_a_stack_without_a_key_for_purges_gets_one_before_its_update(shell: OperatorShell, sandbox: Sandbox) -> None:
    """The stack has the secrets of an older release: the secret `edge-purge` exists, and the secret `purge-signing`
    does not.
    """
    before = runbook(PAGE, "Stacks whose shields present private certificates")
    old = before.command("artifact-edge/<environment>/edge-purge", {"<environment>": "local"})
    delete = "aws secretsmanager delete-secret --force-delete-without-recovery --secret-id"
    shell.run(f"{delete} artifact-edge/local/purge-signing")
    shell.run(f"aws secretsmanager create-secret --name {old} --secret-string old")
    kept = secrets_of(sandbox)
    assert "artifact-edge/local/purge-signing" in shell.run("pulumi up --skip-preview", status=1)

    initialize = before.command("registry keys init")
    shell.run(f"python -m {initialize} --environment local --domain artifact-edge.test --region us-east-1")
    now = secrets_of(sandbox)
    assert now.keys() - kept.keys() == {"artifact-edge/local/purge-signing"}
    assert {name: now[name] for name in kept} == kept
    shell.run(before.command("pulumi up"))
    shell.run(f"{delete} {old}")
    shell.run("pulumi preview --expect-no-changes")
