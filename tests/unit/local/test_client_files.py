"""Tests the archive that `python -m local client-files` writes. The tests check paths, file permissions, and which
files contain the client's token."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from pathlib import Path

import pytest

from emulation.layout import Sandbox
from local.client_files import packed
from local.clients import Client
from local.health import edge_authority

URL = "https://packages.artifact-edge.test"
PROXY = "http://localhost:3129"
AUTHORITY = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
# The path of a file on a client's machine. The path contains characters that a shell would split or expand.
TARGET = Path("/Users/ann lee/$work/reader")


def client(directory: Path, token: str | None) -> Client:
    sandbox = Sandbox(directory=directory / "sandbox")
    sandbox.path("pki", "x")
    edge_authority(sandbox).write_text(AUTHORITY)
    made = Client(sandbox, "reader", URL)
    made.configure(token)
    return made


def unpacked(archive: bytes) -> dict[str, str]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        assert {member.mode for member in tar} == {0o600}
        return {name: tar.extractfile(name).read().decode() for name in tar.getnames()}  # pyright: ignore


def test_the_files_name_the_paths_and_the_proxy_of_the_other_machine(tmp_path: Path) -> None:
    made = client(tmp_path, "secret-token")
    files = unpacked(packed(made, TARGET, PROXY))
    assert set(files) == {
        f"reader/{name}" for name in ("npmrc", "netrc", "auth.json", "certificates/edge.crt", "token", "environment")
    }
    assert not [name for name, text in files.items() if str(tmp_path) in text or made.sandbox.loopback in text]
    assert f"cafile={TARGET}/certificates/edge.crt" in files["reader/npmrc"].splitlines()
    assert f"https-proxy={PROXY}" in files["reader/npmrc"].splitlines()
    assert files["reader/certificates/edge.crt"] == AUTHORITY


@pytest.mark.parametrize("token", ["secret-token", None])
def test_each_program_gets_the_token_and_the_environment_does_not(token: str | None, tmp_path: Path) -> None:
    files = unpacked(packed(client(tmp_path, token), TARGET, PROXY))
    with_token = {name for name, text in files.items() if "secret-token" in text}
    assert with_token == ({"reader/npmrc", "reader/netrc", "reader/token"} if token else set())
    assert bool(json.loads(files["reader/auth.json"])["auths"]) == bool(token)


def test_a_shell_reads_the_environment(tmp_path: Path) -> None:
    text = unpacked(packed(client(tmp_path, None), TARGET, PROXY))["reader/environment"]
    shell = subprocess.run(
        ["sh", "-euc", text + 'printf "%s\\n" "$NPM_CONFIG_USERCONFIG" "$https_proxy" "${NO_PROXY-unset}"'],
        env={"NO_PROXY": "*"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert shell.stdout.splitlines() == [f"{TARGET}/npmrc", PROXY, "unset"]
