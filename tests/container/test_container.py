"""Runs the commands of docs/container.md with a real docker daemon. The commands build the image, start the container,
install packages from outside the container, and stop the container.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.checkout import CHECKOUT
from tests.clients.programs import how_to_install, program
from tests.container.base import base_image
from tests.container.daemon import Docker, docker
from tests.support.printed_commands import blocks
from tests.support.waiting import eventually

BUILD_AND_START, INSTALL, OPERATE, STOP, _BEHIND_A_PROXY = (
    block.text for block in blocks(CHECKOUT / "docs/container.md")
)
IMAGE = "artifact-edge-test"
CONTAINER = "artifact-edge-test"
READY = "clients connect through the proxy on port 3129"

pytestmark = pytest.mark.skipif(program("dockerd") is None, reason=f"needs docker; {how_to_install('dockerd')}")


@pytest.fixture(scope="module")
def daemon() -> Iterator[Docker]:
    with docker() as running:
        yield running


@pytest.fixture(scope="module")
def started(daemon: Docker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Docker]:
    """Builds the image, starts the container, and waits until clients can connect to it. Removes both after
    the tests.
    """
    directory = tmp_path_factory.mktemp("container")
    build, run, _ = BUILD_AND_START.splitlines()
    (published,) = re.findall(r"^ARG BASE=(\S+)$", (CHECKOUT / "Dockerfile").read_text(), re.MULTILINE)
    options = f"--network host --build-arg BASE={base_image(daemon, published, directory)}"
    build = build.replace("docker build", f"docker build {options} --secret id=settings,src={settings(directory)}")
    built = shell(daemon, build, CHECKOUT)
    assert built.returncode == 0, built.stdout[-5000:]
    try:
        ran = shell(daemon, run.replace("--rm", ""), CHECKOUT)
        assert ran.returncode == 0, ran.stdout
        assert eventually(lambda: READY in log(daemon) or not is_running(daemon), seconds=600), log(daemon)
        assert is_running(daemon), log(daemon)
        yield daemon
    finally:
        daemon.run("rm", "--force", "--volumes", CONTAINER)
        daemon.run("rmi", IMAGE)


def settings(directory: Path) -> Path:
    """Writes a file with this machine's settings for package indexes and certificates, for the image build.

    docs/container.md describes this file for users behind a proxy.
    """
    names = re.compile(r"(?i)(https?|no)_proxy|UV_.*INDEX.*|NPM_CONFIG_REGISTRY|GO(PROXY|SUMDB|FLAGS)|PIP_INDEX_URL")
    lines = [f"export {name}='{value}'" for name, value in os.environ.items() if names.fullmatch(name)]
    certificates = "/etc/ssl/certs/ca-certificates.crt"
    lines += [f"export {name}={certificates}" for name in ("NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "PIP_CERT")]
    file = directory / "settings.sh"
    file.write_text("\n".join([*lines, "export GOTOOLCHAIN=local", ""]))
    return file


def shell(daemon: Docker, script: str, directory: Path) -> subprocess.CompletedProcess[str]:
    """Runs commands from docs/container.md. The test uses other names for the image and the container than the page
    does, so that the commands do not replace an image or a container of the user.
    """
    script = re.sub(r"(?<![\w./])artifact-edge(?![\w.-])", IMAGE, script)
    script = re.sub(r"\bdocker (?=[a-z])", f"{program('docker')} ", script)
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=directory,
        env=daemon.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def log(daemon: Docker) -> str:
    return daemon.run("logs", CONTAINER).stdout


def is_running(daemon: Docker) -> bool:
    return daemon.run("inspect", "--format", "{{.State.Running}}", CONTAINER).stdout.strip() == "true"


def test_clients_outside_install_through_the_one_port(started: Docker, tmp_path: Path) -> None:
    ports = started.run("inspect", "--format", "{{json .NetworkSettings.Ports}}", CONTAINER).stdout
    assert json.loads(ports) == {"3129/tcp": [{"HostIp": "127.0.0.1", "HostPort": "3129"}]}
    result = shell(started, INSTALL, tmp_path)
    assert result.returncode == 0, result.stdout
    assert json.loads((tmp_path / "node_modules/@acme/web/package.json").read_text())["name"] == "@acme/web"
    assert list((tmp_path / "greeter").glob("acme_greeter-*.dist-info"))
    assert json.loads((tmp_path / "app/index.json").read_text())["manifests"]
    assert (tmp_path / "reader" / "token").stat().st_mode & 0o077 == 0


def test_a_client_without_grants_is_refused(started: Docker, tmp_path: Path) -> None:
    result = shell(started, INSTALL.replace("reader", "outsider"), tmp_path)
    assert result.returncode != 0 and "403" in result.stdout, result.stdout


def test_an_operator_works_inside(started: Docker, tmp_path: Path) -> None:
    enter, *commands = OPERATE.splitlines()
    assert enter.startswith("docker exec ")
    inside = enter.replace(" --interactive --tty", "") + " -euc '" + "\n".join(commands) + "'"
    result = shell(started, inside, tmp_path)
    assert result.returncode == 0 and "reader" in result.stdout, result.stdout


def test_stopping_ends_every_process_and_exits_with_0(started: Docker, tmp_path: Path) -> None:
    """This test must be the last of the module, because it stops the container."""
    result = shell(started, STOP, tmp_path)
    assert result.returncode == 0, result.stdout
    assert "ending every process" in log(started)
    state = json.loads(started.run("inspect", "--format", "{{json .State}}", CONTAINER).stdout)
    assert (state["Status"], state["ExitCode"]) == ("exited", 0), log(started)
