"""npm, pip and skopeo: the commands that `make up` prints work as they stand, and are refused as they should be."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess

import pytest

from local.clients import Client
from tests.support.world.commands import run
from tests.support.world.up import Up


def test_the_printed_commands_install_the_packages(up: Up) -> None:
    npm, pip, skopeo = up.commands("granted the packages:")
    installed = Client(up.world, "reader", up.outputs()["url"]).directory / "installed"

    result = run(npm)
    assert result.returncode == 0, result.stderr
    assert (installed / "npm/node_modules/@acme/greeting/package.json").exists()
    said = run(f"node -p \"require('{installed}/npm/node_modules/@acme/web').page('Ada')\"")
    assert "Ada" in said.stdout, said.stderr

    result = run(pip)
    assert result.returncode == 0, result.stderr
    said = run(f"PYTHONPATH={installed}/python python3 -c \"import acme_greeter; print(acme_greeter.greet('Ada'))\"")
    assert "Ada" in said.stdout, said.stderr

    result = run(skopeo)
    assert result.returncode == 0, result.stderr
    blobs = installed / "image/blobs"
    index = json.loads((installed / "image/index.json").read_text())
    manifest = json.loads((blobs / index["manifests"][0]["digest"].replace(":", "/")).read_text())
    for part in (manifest["config"], *manifest["layers"]):
        stored = (blobs / part["digest"].replace(":", "/")).read_bytes()
        assert part["digest"] == f"sha256:{hashlib.sha256(stored).hexdigest()}"


@pytest.mark.parametrize(
    ("heading", "reasons"),
    [
        ("refused with 401:", ("E401", "401", "unauthorized")),
        ("refused with 403:", ("E403", "403", "denied")),
    ],
)
def test_the_printed_commands_are_refused(up: Up, heading: str, reasons: tuple[str, str, str]) -> None:
    for command, reason in zip(up.commands(heading), reasons, strict=True):
        result = run(command)
        assert result.returncode != 0, command
        assert reason in result.stdout + result.stderr, command


def test_the_printed_pulumi_command_sees_no_change(up: Up) -> None:
    (command,) = up.commands("told where the emulated clouds are:")
    command = command.replace("-m local env", f"-m local env --directory {up.world.directory}")  # not the default world
    result = subprocess.run(["bash", "-c", command], cwd="/", capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert re.search(r"Resources:\n +\d+ unchanged\n", result.stdout), result.stdout


def test_a_printed_token_is_in_no_command_line(up: Up) -> None:
    for identity in ("reader", "outsider"):
        token = Client(up.world, identity, "").token()
        assert token is not None
        assert token not in up.printed
