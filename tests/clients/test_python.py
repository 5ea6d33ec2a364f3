"""Tests what each client of Python packages, such as pip and uv, can do through the edge: install packages, check a
lockfile, and get a token from each supported source. The tests start with empty caches.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from local.clients import Client
from tests.clients import matrix
from tests.clients.matrix import Section
from tests.clients.package_programs import PYTHON
from tests.clients.package_setting import output
from tests.clients.published_packages import Packages
from tests.clients.python_client import Credential, PythonClient
from tests.clients.python_clients import client_of
from tests.support.sandbox.up import Up

APP = "clients-app"
# The Python projects that clients must install. `clients_lib` also has a version 2.0, but this version is yanked.
INSTALLED = {"clients_app": "1.0", "clients_lib": "1.0"}
Refused = Callable[[str], None]


def rows(action: str, *names: str) -> pytest.MarkDecorator:
    """Runs a test once for each of the named clients of Python packages, or once for every client if none is named."""
    return matrix.rows(Section.PYTHON, names or PYTHON, action)


@pytest.fixture
def client(name: str, packages: Packages, tmp_path: Path) -> PythonClient:
    """Provides a Python client in an empty home directory, with a token in netrc that may pull the test packages."""
    return client_of(name, packages.identity, tmp_path / "home", packages.token)


def check_installs(client: PythonClient) -> None:
    client.configure()
    done = client.add(APP)
    assert done.returncode == 0, output(done)
    assert client.installed() == INSTALLED


@rows("install")
def test_a_project_is_installed_with_its_dependency(client: PythonClient) -> None:
    check_installs(client)


@rows("install from the lockfile")
def test_the_lockfile_installs_the_same_without_caches(
    client: PythonClient, packages: Packages, tmp_path: Path
) -> None:
    check_installs(client)
    write_requirements(client, packages)
    again = client.in_an_empty_home(tmp_path / "again")
    done = again.install_locked()
    assert done.returncode == 0, output(done)
    assert again.installed() == INSTALLED


@rows("reject a file that differs from the lockfile")
def test_a_file_that_differs_from_the_lockfile_is_rejected(
    client: PythonClient, packages: Packages, tmp_path: Path
) -> None:
    check_installs(client)
    write_requirements(client, packages)
    again = client.in_an_empty_home(tmp_path / "again")
    assert again.change_digests() > 0
    done = again.install_locked()
    assert done.returncode != 0, output(done)
    assert re.search("hash|checksum", output(done), re.IGNORECASE), output(done)
    assert again.installed() == {}


def write_requirements(client: PythonClient, packages: Packages) -> None:
    """Writes a requirements file for pip, which pins the versions and digests of the packages. pip itself writes no
    lockfile.
    """
    pins = [("clients-app", "1.0", "clients_app"), ("clients-lib", "1.0", "clients_lib")]
    lines = [
        f"{project}=={version} --hash=sha256:{packages.digests[f'{stem}-{version}-py3-none-any.whl']}\n"
        for project, version, stem in pins
    ]
    if client.setting.family == "pip":
        client.setting.write("project/requirements.txt", "".join(lines))


@rows(Credential.URL)
def test_the_token_is_in_the_url(client: PythonClient) -> None:
    check_installs(replace(client, credential=Credential.URL))


@rows(Credential.VARIABLE)
def test_the_token_is_in_a_variable(client: PythonClient) -> None:
    check_installs(replace(client, credential=Credential.VARIABLE))


@rows(Credential.NETRC)
def test_the_token_is_in_netrc(client: PythonClient) -> None:
    check_installs(replace(client, credential=Credential.NETRC))


@rows(Credential.SETTING, "uv 0.13", "poetry 2.5", "pdm 2.29")
def test_the_token_is_in_the_configuration_of_the_client(client: PythonClient) -> None:
    check_installs(replace(client, credential=Credential.SETTING))


@rows(Credential.COMMAND, *(name for name in PYTHON if name != "poetry 2.5"))
def test_the_token_comes_from_the_command_of_keyring(client: PythonClient) -> None:
    check_installs(replace(client, credential=Credential.COMMAND))


@rows(Credential.LIBRARY, *(name for name in PYTHON if name != "uv 0.13"))
def test_the_token_comes_from_the_library_of_keyring(client: PythonClient) -> None:
    check_installs(replace(client, credential=Credential.LIBRARY))


@rows("reports a wrong token")
def test_a_wrong_token_installs_nothing(name: str, packages: Packages, tmp_path: Path, refused: Refused) -> None:
    client = client_of(name, packages.identity, tmp_path / "home", packages.wrong_token)
    client.configure()
    done = client.add(APP)
    assert done.returncode != 0
    assert client.installed() == {}
    match client.setting.family:
        case "pip":
            assert f"User for {client.setting.host}: " in output(done), output(done)
            silent = client.run("pip", "--no-input", "install", "--target", "site", APP)
            assert "No matching distribution found" in output(silent), output(silent)
            refused("pip asks for another user and password; with `--no-input` it finds no distribution")
        case "pdm":
            assert "Unable to find candidates" in output(done), output(done)
            assert "Client Error(401)" in output(client.run("pdm", "add", "-v", APP))
            refused("pdm finds no candidates; `pdm add -v` shows the status 401")
        case "pipenv":
            assert "No matching distribution found" in output(done), output(done)
            refused("pipenv finds no distribution, and shows no status")
        case _:
            assert re.search("401 Unauthorized|Authorization error", output(done)), output(done)


@rows("refused without a grant")
def test_a_token_without_the_grant_finds_no_project(name: str, up: Up, packages: Packages, tmp_path: Path) -> None:
    outsider = Client(up.sandbox, "outsider", packages.identity.url)
    client = client_of(name, outsider, tmp_path / "home", outsider.token() or "")
    client.configure()
    done = client.add(APP)
    assert done.returncode != 0
    assert client.installed() == {}
    expected = "no matching distribution|not found|could not find|unable to find|no candidate"
    assert re.search(expected, output(done), re.IGNORECASE), output(done)
