"""Tests the commands that `make up` prints for npm, pip, uv and skopeo: only clients with a suitable token succeed."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from local.clients import Client, Identity
from tests.support.sandbox.shell import READER, shell
from tests.support.sandbox.up import Up, local

REFUSED = {Identity.OUTSIDER: "refused with 403:", Identity.ANONYMOUS: "refused with 401:"}
UV = f"{Path(sys.prefix) / 'bin' / 'uv'} pip install --reinstall acme-greeter"


def test_the_printed_commands_install_the_packages(up: Up, tmp_path: Path) -> None:
    set_up, npm, pip, skopeo = up.commands(READER)
    assert [npm, pip] == ["npm install @acme/web", "pip install acme-greeter"]

    page = "node -p \"require('@acme/web').page('Ada')\" > page"
    greet = "python -c \"import acme_greeter; print(acme_greeter.greet('Ada'))\" >"
    result = shell(tmp_path, set_up, npm, page, pip, f"{greet} pip", UV, f"{greet} uv", skopeo)
    assert result.returncode == 0, result.stdout + result.stderr
    assert ["Ada" in (tmp_path / name).read_text() for name in ("page", "pip", "uv")] == [True, True, True]
    assert (tmp_path / "node_modules/@acme/greeting/package.json").exists()
    blobs = tmp_path / "app/blobs"
    index = json.loads((tmp_path / "app/index.json").read_text())
    manifest = json.loads((blobs / index["manifests"][0]["digest"].replace(":", "/")).read_text())
    for part in (manifest["config"], *manifest["layers"]):
        stored = (blobs / part["digest"].replace(":", "/")).read_bytes()
        assert part["digest"] == f"sha256:{hashlib.sha256(stored).hexdigest()}"


@pytest.mark.parametrize(
    ("identity", "reasons"),
    [
        (Identity.OUTSIDER, ("E403", "403 Client Error", "denied", "403 Forbidden")),
        (Identity.ANONYMOUS, ("E401", "401 Client Error", "unauthorized", "401 Unauthorized")),
    ],
)
def test_the_same_commands_of_other_clients_are_refused(
    up: Up, tmp_path: Path, identity: Identity, reasons: tuple[str, ...]
) -> None:
    (set_up,) = up.commands(REFUSED[identity])
    _, npm, pip, skopeo = up.commands(READER)
    commands = {"npm": npm, "pip": pip, "skopeo": skopeo, "uv": UV}
    refused = [f"if {command} > {name} 2>&1; then echo {name}; fi" for name, command in commands.items()]
    result = shell(tmp_path, set_up, *refused, 'cat "$PIP_LOG" >> pip')
    assert (result.returncode, result.stdout, result.stderr) == (0, "", ""), "these commands were not refused"
    for name, reason in zip(commands, reasons, strict=True):
        assert reason in (tmp_path / name).read_text(), name


def test_an_unknown_client_name_is_an_error_that_says_what_to_do(up: Up, tmp_path: Path) -> None:
    (set_up,) = up.commands(REFUSED[Identity.ANONYMOUS])
    printed = set_up.removeprefix('eval "$(').removesuffix(')"')
    unknown = shell(tmp_path, printed.replace("anonymous", "nobody"))
    assert (unknown.returncode, "Traceback" in unknown.stderr) == (2, False)
    unframed = re.sub(r"[│\s]+", " ", unknown.stderr)
    assert "'nobody' is not one of 'reader', 'outsider', 'anonymous'" in unframed
    missing = shell(tmp_path, printed.replace(str(up.sandbox.directory), str(tmp_path / "none")))
    assert missing.returncode == 1
    assert missing.stderr == f"error: no client anonymous is configured in {tmp_path / 'none'}; run: make up\n"


def test_the_printed_pulumi_command_reports_no_change(up: Up) -> None:
    (command,) = up.commands("set up for the emulated clouds:")
    command = command.replace(
        "-m local env", f"-m local env --directory {up.sandbox.directory}"
    )  # the command must use the emulated clouds of the tests, and not those of the user's `make up`
    result = subprocess.run(["bash", "-c", command], cwd="/", capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert re.search(r"Resources:\n +\d+ unchanged\n", result.stdout), result.stdout


def test_no_printed_line_and_no_exported_variable_contains_a_token(up: Up) -> None:
    for identity in (Identity.READER, Identity.OUTSIDER):
        token = Client(up.sandbox, identity, "").token()
        assert token is not None
        exported = local(up.sandbox, "client", identity)
        assert exported.returncode == 0, exported.stderr
        assert token not in up.printed + exported.stdout
