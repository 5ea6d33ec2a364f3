"""Tests that the Dockerfile agrees with the code. The tests compare Debian packages, ports, and the files that an image
build must ignore.
"""

from __future__ import annotations

import json
import re
from typing import Any

import typer

from local.__main__ import app
from local.checkout import CHECKOUT
from local.prerequisites import OLDEST_NODE, PACKAGES

DOCKERFILE = (CHECKOUT / "Dockerfile").read_text()
DEVCONTAINER: dict[str, Any] = json.loads(
    re.sub(r"(?m)^\s*//.*$", "", (CHECKOUT / ".devcontainer" / "devcontainer.json").read_text())
)
COMMANDS: Any = typer.main.get_command(app)


def installed() -> list[str]:
    """Returns the Debian packages that the Dockerfile installs, in the order of the file."""
    found = re.search(r"--no-install-recommends \\\n((?:\s+[\w.+-]+ \\\n)+)", DOCKERFILE)
    assert found
    return found[1].replace("\\\n", " ").split()


def option(command: str, name: str) -> Any:
    return next(each for each in COMMANDS.commands[command].params if each.name == name)


def test_the_image_has_every_required_program() -> None:
    packages = installed()
    assert packages == sorted(packages)
    # skopeo needs a policy file, which defines the image signatures to check. The file is in the package
    # golang-github-containers-common. The Debian package of skopeo only recommends this package.
    assert {*PACKAGES.values(), "golang-github-containers-common", "make", "python3-venv"} <= set(packages)


def test_the_default_base_has_a_supported_node() -> None:
    found = re.search(r"^ARG BASE=node:(\d+)-bookworm$", DOCKERFILE, re.MULTILINE)
    assert found and int(found[1]) >= OLDEST_NODE[0]


def test_the_image_exposes_the_port_of_the_proxy_on_all_addresses() -> None:
    (port,) = re.findall(r"^EXPOSE (\d+)$", DOCKERFILE, re.MULTILINE)
    assert option("serve", "port").default == int(port)
    assert option("client-files", "proxy").default == f"http://localhost:{port}"
    assert DEVCONTAINER["forwardPorts"] == [int(port)]
    (command,) = re.findall(r"^CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)
    assert json.loads(command) == ["serve", "--address", "0.0.0.0"]  # noqa: S104 the published port needs it


def test_the_image_does_not_run_as_root() -> None:
    users = re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE)
    assert users == [DEVCONTAINER["remoteUser"]] and f"--shell /bin/bash {users[0]}" in DOCKERFILE


def test_an_image_build_ignores_all_files_that_git_ignores() -> None:
    """An image build must ignore packages that were installed on another machine. It must also ignore files with stack
    outputs, plans and states, which can contain secrets.
    """
    left_out = {line.strip("/").removeprefix("**/") for line in lines(".dockerignore")}
    assert {line.strip("/") for line in lines(".gitignore")} <= left_out
    assert ".git" in left_out


def lines(name: str) -> list[str]:
    return [line for line in (CHECKOUT / name).read_text().splitlines() if line and not line.startswith("#")]
