"""Runs the runbooks of docs/state.md on the bootstrap stack, in the order of the page.

As the page describes, the test moves the Pulumi state from a directory into the bucket that the stack creates.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

import boto3
import httpx
import pytest

from emulation import services
from emulation.engine.environment import shell_environment
from emulation.engine.find import ensure_engine
from emulation.layout import LOOPBACK_VARIABLE, Sandbox
from tests.support.runbooks import Runbook, runbook
from tests.support.sandbox.operator_shell import OperatorShell, checkout_with_copies, gcloud_environment

PAGE = "docs/state.md"
# The loopback network of the sandbox (the emulated clouds). The environment variable ARTIFACT_EDGE_LOOPBACK can name a
# network other than this default.
LOOPBACK = os.environ.get(LOOPBACK_VARIABLE, "127.99")
BUCKET = "artifact-edge-state-example"
STACK = {"<stack>": "bootstrap"}
NO_CHANGES = "pulumi preview --expect-no-changes"

pytestmark = pytest.mark.nightly


@pytest.fixture(scope="module")
def shell() -> Iterator[OperatorShell]:
    directory = Path(tempfile.mkdtemp(prefix="ae-"))
    directory.chmod(0o755)
    sandbox = Sandbox(directory=directory / "sandbox", loopback=LOOPBACK)
    checkout = checkout_with_copies(directory, "bootstrap")
    try:
        services.start(sandbox, services.CLOUDS)
        environment = shell_environment(ensure_engine(print), sandbox, passphrase="")
        home = {"HOME": str(directory / "home")}
        yield OperatorShell(checkout, environment | home, directory / "commands")
    finally:
        services.stop_all(sandbox)
        shutil.rmtree(directory, ignore_errors=True)


def blocks_of(cut_off: Runbook) -> list[str]:
    """Returns the commands for the bootstrap stack in the runbook "An update that was cut off"."""
    return cut_off.blocks({**STACK, "--stack prod": "--stack bootstrap", "<urn>": "PARENT"})


def started(shell: OperatorShell, command: str, created: str) -> tuple[subprocess.Popen[str], str]:
    """Starts a Pulumi command. Returns as soon as the engine reports that it has created the resource `created`, such
    as `Policy prod-boundary`. Returns the process, and what the command has written so far.

    The function reads the engine's report. It does not ask the emulated AWS, because the command could end before AWS
    answers.
    """
    process = subprocess.Popen(
        ["bash", "-c", f"exec {command}"],
        cwd=shell.directory,
        env=shell.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    output = read_until(process, f"{created} created")
    return process, output


def read_until(process: subprocess.Popen[str], text: str) -> str:
    """Returns what a command writes up to the end of the first line that contains `text`. Fails if the command ends
    without such a line.
    """
    output = ""
    for line in cast(IO[str], process.stdout):
        output += line
        if text in line:
            return output
    raise AssertionError(f"{text!r} is missing in:\n{output}")


def killed_when(shell: OperatorShell, command: str, created: str) -> None:
    """Starts a Pulumi command, and kills all of its processes as soon as it has created the resource `created`."""
    process, _ = started(shell, command, created)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def interrupted_when(shell: OperatorShell, command: str, created: str, *, times: int) -> str:
    """Starts a Pulumi command. As soon as the command has created the resource `created`, interrupts it `times` times.
    Returns the output of the command.

    The function sends each interrupt to all processes of the command, as a terminal does on Ctrl-C. After each
    interrupt, the function waits until the engine has reported it.
    """
    process, output = started(shell, command, created)
    for _ in range(times):
        os.killpg(process.pid, signal.SIGINT)
        output += read_until(process, "^C received")
    output += cast(IO[str], process.stdout).read()
    process.wait()
    return output


def role_exists(name: str) -> bool:
    """Returns whether the emulated AWS has the given IAM role of the bootstrap stack."""
    url = f"http://{LOOPBACK}.0.1:5000"
    iam: Any = cast(Any, boto3).client(
        "iam", "us-east-1", endpoint_url=url, aws_access_key_id="any", aws_secret_access_key="any"
    )
    try:
        iam.get_role(RoleName=f"artifact-edge-bootstrap-{name}")
    except iam.exceptions.NoSuchEntityException:
        return False
    return True


def test_the_state_of_bootstrap_moves_into_its_bucket(shell: OperatorShell) -> None:
    create, move = runbook(PAGE, "Bootstrap").blocks({"<bucket>": BUCKET})
    shell.run(create)
    shell.run(move)
    assert shell.environment["PULUMI_BACKEND_URL"].startswith("s3://")
    assert f"s3://{BUCKET}/dev?region=us-east-1" in shell.run("pulumi stack output")


def test_a_killed_update_leaves_a_lock_and_is_repaired_as_the_page_says(shell: OperatorShell) -> None:
    lock, cut_off = runbook(PAGE, "A lock that nobody holds"), runbook(PAGE, "An update that was cut off")
    shell.run("pulumi config set --path 'artifact-edge-bootstrap:environments[3]' test")
    killed_when(shell, "pulumi up --yes --skip-preview", "Policy test-boundary")
    refused = " ".join(shell.run("pulumi up", status=1).split())
    (printed,) = re.findall(r"```text\n(.*?)```", lock.text, re.DOTALL)
    assert " ".join(printed.split()) in refused
    assert "created by" in refused and "(pid " in refused
    (unlock,) = lock.blocks(STACK)
    shell.run(unlock)

    repair, again, *_ = blocks_of(cut_off)
    assert "have the same resources" in shell.run(repair)
    shell.run(again)
    assert role_exists("test-deploy")
    shell.run(NO_CHANGES)


def test_after_ctrl_c_the_command_goes_on_and_after_two_the_state_is_repaired(shell: OperatorShell) -> None:
    ctrl_c, cut_off = runbook(PAGE, "Ctrl-C"), runbook(PAGE, "An update that was cut off")
    add = "pulumi config set --path 'artifact-edge-bootstrap:environments[{}]' {}"
    shell.run(add.format(4, "once"))
    once = interrupted_when(shell, "pulumi up --yes --skip-preview", "Policy once-boundary", times=1)
    assert "^C received; cancelling" in once
    assert "once-" in shell.run(ctrl_c.command("pulumi stack"))
    repair, again, *_ = blocks_of(cut_off)
    shell.run(again)
    shell.run(NO_CHANGES)

    shell.run(add.format(5, "twice"))
    twice = interrupted_when(shell, "pulumi up --yes --skip-preview", "Policy twice-boundary", times=2)
    assert "^C received; terminating" in twice
    assert "have the same resources" in shell.run(repair)
    shell.run(again)
    shell.run(NO_CHANGES)
    shell.run("\n".join(f"pulumi config rm --path 'artifact-edge-bootstrap:environments[{at}]'" for at in (5, 4)))
    shell.run("pulumi up")


def test_a_resource_that_the_state_lacks_is_listed_and_imported(shell: OperatorShell) -> None:
    cut_off = runbook(PAGE, "An update that was cut off")
    *_, adopt, compare = blocks_of(cut_off)
    assert "no drift" in shell.run(compare)
    urns = re.findall(r"URN: (\S+)", shell.run(cut_off.command("pulumi stack --show-urns")))
    (role,) = (urn for urn in urns if urn.endswith("aws:iam/role:Role::prod-deploy"))
    (parent,) = (urn for urn in urns if urn.endswith("::artifact-edge:bootstrap:Roles::roles"))
    shell.run(f"pulumi state delete '{role}' --target-dependents --force")
    repair, *_ = blocks_of(cut_off)
    assert "missing from the state: " in shell.run(repair, status=1)
    shell.run(adopt.replace("PARENT", f"'{parent}'"))
    assert "no drift" in shell.run(compare)
    shell.run("pulumi up")


def test_a_preview_shows_that_the_checkout_is_older_than_the_state(shell: OperatorShell) -> None:
    runbook(PAGE, "An older checkout").command("pulumi up")
    config = shell.directory / "Pulumi.bootstrap.yaml"
    newer = config.read_bytes()
    shell.run("pulumi config rm --path 'artifact-edge-bootstrap:environments[3]'")
    assert "aws:iam:Role test-deploy delete" in shell.run("pulumi preview")
    config.write_bytes(newer)


def test_an_older_state_is_put_back(shell: OperatorShell) -> None:
    before = json.loads(shell.run("pulumi stack export"))
    wrong = runbook(PAGE, "A state that is wrong")
    key = "bootstrap/.pulumi/stacks/artifact-edge-bootstrap/bootstrap.json"
    list_versions = wrong.command("aws s3api list-object-versions")
    newest = f"--bucket {BUCKET} --prefix {key} --query 'Versions[?IsLatest].VersionId' --output text"
    id = shell.run(f"{list_versions} {newest}").split()[0]
    (role,) = (each["urn"] for each in before["deployment"]["resources"] if each["urn"].endswith("Role::prod-deploy"))
    shell.run(f"pulumi state delete '{role}' --target-dependents --force")
    assert "prod-deploy create" in shell.run("pulumi preview")
    values = {"<bucket>": BUCKET, "<environment>": "bootstrap", "/artifact-edge/": "/artifact-edge-bootstrap/"}
    (restore,) = wrong.blocks({**STACK, **values, "<id>": id})
    shell.run(restore)
    shell.run(NO_CHANGES)


@pytest.fixture
def probe(tmp_path: Path) -> Path:
    """Makes the directory of a Pulumi project without resources."""
    (tmp_path / "Pulumi.yaml").write_text("name: probe\nruntime: python\n")
    return tmp_path


def test_a_new_stack_writes_to_the_file_that_the_page_names(shell: OperatorShell, probe: Path) -> None:
    named = runbook(PAGE, "Backends").command("stacks/Pulumi.<environment>.yaml", {"<environment>": "probe"})
    backend = f"PULUMI_BACKEND_URL=file://{probe} PULUMI_CONFIG_PASSPHRASE=any"
    shell.run(f"(cd {probe} && {backend} pulumi stack init probe)")
    assert "encryptionsalt: " in (probe / Path(named).name).read_text()


@pytest.fixture
def google_shell(shell: OperatorShell, probe: Path) -> OperatorShell:
    """Provides the shell of an operator whose `gcloud` and Pulumi engine reach the emulated Cloud Storage."""
    google = {
        **gcloud_environment(f"http://{LOOPBACK}.0.3:5002", probe),
        # The Cloud Storage library of the Pulumi engine expects an address without a scheme in this variable.
        "STORAGE_EMULATOR_HOST": f"{LOOPBACK}.0.3:5002",
    }
    return OperatorShell(probe, {**shell.environment, **google}, probe / "commands")


@pytest.mark.nightly
@pytest.mark.skipif(not shutil.which("gcloud"), reason="the Google Cloud CLI is not installed")
def test_a_state_is_kept_in_a_bucket_on_cloud_storage(google_shell: OperatorShell, probe: Path) -> None:
    backends = runbook(PAGE, "Backends")
    (create,) = backends.blocks({"<bucket>": "artifact-edge-state-example"})
    google_shell.run(create)
    bucket = httpx.get(f"http://{LOOPBACK}.0.3:5002/storage/v1/b/artifact-edge-state-example").json()
    assert bucket["versioning"] == {"enabled": True}
    assert bucket["iamConfiguration"] == {
        "publicAccessPrevention": "enforced",
        "uniformBucketLevelAccess": {"enabled": True},
    }

    url = backends.command(
        "gs://<bucket>/<environment>", {"<bucket>": "artifact-edge-state-example", "<environment>": "probe"}
    )
    login = backends.command("pulumi login")
    google_shell.run("unset PULUMI_BACKEND_URL; export PULUMI_CONFIG_PASSPHRASE=any")
    google_shell.run(f"{login} {url}; pulumi stack init probe")
    first = (probe / "Pulumi.probe.yaml").read_text()
    google_shell.run(backends.command("pulumi stack change-secrets-provider") + " passphrase --stack probe")
    assert (probe / "Pulumi.probe.yaml").read_text() != first
    assert json.loads(google_shell.run("pulumi stack export --stack probe"))["version"] == 3


def test_a_state_with_an_empty_attribute_file_is_read_again(shell: OperatorShell, probe: Path) -> None:
    unreadable = runbook(PAGE, "A state that cannot be read")
    backend = f"PULUMI_BACKEND_URL=file://{probe} PULUMI_CONFIG_PASSPHRASE=any"
    export = f"(cd {probe} && {backend} pulumi stack export --stack probe)"
    shell.run(f"(cd {probe} && {backend} pulumi stack init probe)")
    (attributes,) = probe.rglob("probe.json.attrs")
    attributes.write_bytes(b"")
    assert "error: failed to load checkpoint: EOF" in shell.run(export, status=1)
    unreadable.command("error: failed to load checkpoint: EOF")
    (remove,) = unreadable.blocks({"<directory of states>": str(probe)})
    shell.run(f"({remove}\n)")
    shell.run(export)
