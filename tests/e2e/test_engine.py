"""Tests the real Pulumi engine on the emulated AWS: runs `pulumi` commands, and reads the resources with boto3."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import boto3
import pytest

from emulation import processes, services
from emulation.engine.environment import provider_ports, shell_environment
from emulation.engine.find import ensure_engine
from emulation.layout import AWS_PORT, Sandbox

OWNER = "platform-team-7f3a"

Pulumi = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    sandbox = Sandbox(directory=tmp_path_factory.mktemp("sandbox"), loopback="127.91")
    aws_environment = {
        "AWS_ENDPOINT_URL": sandbox.aws_url,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
    }
    try:
        processes.start(
            sandbox,
            "aws",
            services.command(sandbox, "aws"),
            ready=lambda: processes.listening(sandbox.aws_address, AWS_PORT),
            timeout=120,
        )
        processes.start(
            sandbox,
            "providers",
            services.command(sandbox, "providers"),
            env=aws_environment,
            ready=lambda: bool(provider_ports(sandbox)),
            timeout=120,
        )
        yield sandbox
    finally:
        for name in processes.names(sandbox):
            processes.stop(sandbox, name)


@pytest.fixture(scope="module")
def pulumi(sandbox: Sandbox) -> Pulumi:
    program = sandbox.directory / "program"
    shutil.copytree(Path(__file__).parent / "program", program)
    engine = ensure_engine(print)
    environment = {
        **os.environ,
        **shell_environment(engine, sandbox, passphrase="any"),
    }

    def run(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["pulumi", *arguments, "--non-interactive"],
            cwd=program,
            env=environment,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )

    assert run("stack", "init", "local").returncode == 0
    assert run("config", "set", "--secret", "owner", stdin=OWNER).returncode == 0
    assert run("config", "set", "aws:region", "us-east-1").returncode == 0
    return run


def client(sandbox: Sandbox, service: str, region: str) -> Any:
    return cast(Any, boto3).client(
        service,
        region_name=region,
        endpoint_url=sandbox.aws_url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def changes(preview: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """Maps the name of each resource in the JSON output of `pulumi preview` to its planned operation. Unchanged
    resources are left out.
    """
    assert preview.returncode == 0, preview.stdout + preview.stderr
    steps = json.loads(preview.stdout)["steps"]
    return {step["urn"].rsplit("::", 1)[1]: step["op"] for step in steps if step["op"] != "same"}


def test_a_stack_is_created_unchanged_drifts_and_is_destroyed(sandbox: Sandbox, pulumi: Pulumi) -> None:
    s3 = client(sandbox, "s3", "eu-west-1")

    up = pulumi("up", "--yes", "--skip-preview")
    assert up.returncode == 0, up.stdout + up.stderr
    assert s3.get_bucket_versioning(Bucket="probe-blobs")["Status"] == "Enabled"
    assert s3.get_bucket_tagging(Bucket="probe-blobs")["TagSet"] == [{"Key": "owner", "Value": OWNER}]
    assert client(sandbox, "dynamodb", "us-east-1").list_tables()["TableNames"] == ["probe-packages"]
    assert pulumi("stack", "output", "bucket").stdout.strip() == "probe-blobs.s3.eu-west-1.amazonaws.com"

    exported = pulumi("stack", "export").stdout
    assert "probe-blobs" in exported
    assert OWNER not in exported

    assert changes(pulumi("preview", "--json")) == {}

    s3.put_bucket_versioning(Bucket="probe-blobs", VersioningConfiguration={"Status": "Suspended"})
    assert changes(pulumi("preview", "--json")) == {}
    assert "update" in changes(pulumi("preview", "--json", "--refresh")).values()
    assert pulumi("up", "--yes", "--skip-preview", "--refresh").returncode == 0
    assert s3.get_bucket_versioning(Bucket="probe-blobs")["Status"] == "Enabled"

    s3.put_object(Bucket="probe-blobs", Key="left-behind", Body=b"x")
    assert pulumi("destroy", "--yes", "--skip-preview").returncode == 0
    assert s3.list_buckets()["Buckets"] == []
    assert client(sandbox, "dynamodb", "us-east-1").list_tables()["TableNames"] == []


def test_the_engine_writes_no_log_files(sandbox: Sandbox, pulumi: Pulumi) -> None:
    assert pulumi("stack", "ls").returncode == 0
    assert list(sandbox.directory.glob("pulumi/home/**/*.log")) == []


def test_a_users_mistake_is_one_line_without_a_stack_trace(pulumi: Pulumi) -> None:
    pulumi("config", "set", "region", "mars-1")
    try:
        preview = pulumi("preview")
    finally:
        pulumi("config", "rm", "region")
    assert preview.returncode != 0
    output = preview.stdout + preview.stderr
    assert output.count("error: artifact-edge-probe:region: 'mars-1' is not an AWS region") >= 1
    assert "Traceback" not in output


def test_a_killed_engine_leaves_no_file_that_blocks_later_commands(sandbox: Sandbox, pulumi: Pulumi) -> None:
    """By default, Pulumi's file backend writes a file with the suffix .attrs beside the state file each time it writes
    the state.

    If the engine is killed during this write, the .attrs file is empty, and no later command can read the state.
    """
    assert pulumi("up", "--yes", "--skip-preview").returncode == 0
    for file in (sandbox.directory / "pulumi" / "state").rglob("*.attrs"):
        file.write_bytes(b"")
    read = pulumi("stack", "export")
    assert read.returncode == 0, read.stderr
    assert pulumi("destroy", "--yes", "--skip-preview").returncode == 0
