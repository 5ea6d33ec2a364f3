"""Tests which actions each client of npm packages can do through the edge, starting with empty caches."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from local.clients import Client
from tests.clients import matrix
from tests.clients.matrix import Section
from tests.clients.npm_clients import Credential, NpmClient, client_of
from tests.clients.package_programs import NPM
from tests.clients.package_setting import output
from tests.clients.published_packages import SCOPE, Packages
from tests.support.sandbox.up import Up

APP, LIB = f"{SCOPE}/app", f"{SCOPE}/lib"
INSTALLED = {APP: "1.0.0", LIB: "1.0.0"}
Refused = Callable[[str], None]


def rows(action: str, *names: str) -> pytest.MarkDecorator:
    """Runs a test once for each of the named clients of npm packages, or once for every client if none is named."""
    return matrix.rows(Section.NPM, names or NPM, action)


@pytest.fixture
def client(name: str, packages: Packages, tmp_path: Path) -> NpmClient:
    """Provides an npm client in an empty home directory, with a token that may pull the test packages."""
    return client_of(name, packages.identity, tmp_path / "home", packages.token)


@rows("install")
def test_a_package_is_installed_with_its_dependency(client: NpmClient) -> None:
    done = client.add(APP)
    assert done.returncode == 0, output(done)
    assert client.installed() == INSTALLED


@rows("install from the lockfile")
def test_the_lockfile_installs_the_same_without_caches(client: NpmClient, tmp_path: Path) -> None:
    assert client.add(APP).returncode == 0
    again = client.in_an_empty_home(tmp_path / "again")
    done = again.install_locked()
    assert done.returncode == 0, output(done)
    assert again.installed() == INSTALLED


@rows("reject a file that differs from the lockfile")
def test_a_file_that_differs_from_the_lockfile_is_rejected(client: NpmClient, tmp_path: Path) -> None:
    assert client.add(APP).returncode == 0
    again = client.in_an_empty_home(tmp_path / "again")
    assert again.change_digests() > 0
    done = again.install_locked()
    assert done.returncode != 0, output(done)
    assert re.search("integrity|checksum", output(done), re.IGNORECASE), output(done)


@rows("install a dist-tag")
def test_a_version_is_installed_by_its_dist_tag(client: NpmClient) -> None:
    done = client.add(f"{LIB}@next")
    assert done.returncode == 0, output(done)
    assert client.installed() == {LIB: "2.0.0-rc.1"}


@rows("one scope from here")
def test_the_packages_of_one_scope_come_from_the_registry(client: NpmClient) -> None:
    client.configure(scope=SCOPE)
    done = client.add(APP)
    assert done.returncode == 0, output(done)
    assert client.installed() == INSTALLED


@rows("`_authToken` from a variable")
def test_the_token_comes_from_a_variable(client: NpmClient) -> None:
    client.configure(Credential.VARIABLE)
    done = client.add(APP)
    assert done.returncode == 0, output(done)
    assert client.installed() == INSTALLED


@rows("`_auth`")
def test_the_token_is_the_password_of_basic_authentication(client: NpmClient) -> None:
    client.configure(Credential.BASIC)
    done = client.add(APP)
    assert done.returncode == 0, output(done)
    assert client.installed() == INSTALLED


@rows("reports a wrong token")
def test_a_wrong_token_is_refused_and_the_client_prints_the_refusal(
    name: str, packages: Packages, tmp_path: Path
) -> None:
    client = client_of(name, packages.identity, tmp_path / "home", packages.wrong_token)
    done = client.add(APP)
    assert done.returncode != 0
    assert re.search(r"401|unauthorized|invalid authentication|a valid token is needed", output(done), re.IGNORECASE), (
        output(done)
    )
    assert client.installed() == {}


@rows("refused without a grant")
def test_a_token_without_the_grant_is_refused_and_the_client_prints_the_refusal(
    name: str, up: Up, packages: Packages, tmp_path: Path
) -> None:
    outsider = Client(up.sandbox, "outsider", packages.identity.url)
    client = client_of(name, outsider, tmp_path / "home", outsider.token() or "")
    done = client.add(APP)
    assert done.returncode != 0
    assert re.search(r"403|forbidden|does not allow", output(done), re.IGNORECASE), output(done)
    assert client.installed() == {}


@rows("show a package")
def test_a_package_is_shown(client: NpmClient) -> None:
    done = client.show(APP)
    assert done.returncode == 0, output(done)
    assert LIB in done.stdout


@rows("audit")
def test_an_audit_ends_with_an_error(client: NpmClient, refused: Refused) -> None:
    assert client.add(APP).returncode == 0
    done = client.audit()
    assert done.returncode != 0, output(done)
    if client.setting.name == "yarn 1":
        assert "https://registry.yarnpkg.com/-/npm/v1/security/audits" in output(done)
        refused("yarn 1 asks registry.yarnpkg.com for advisories, whatever `.npmrc` says")
        return
    assert re.search(r"404|no security advisories|_NOT_EXISTS", output(done)), output(done)
    refused("the registry answers no queries about advisories (404)")


@rows("`audit signatures`", "npm 9", "npm 10", "npm 11", "pnpm 12")
def test_signatures_are_verified(client: NpmClient, refused: Refused) -> None:
    assert client.add(APP).returncode == 0
    done = client.run("audit", "signatures")
    if client.setting.family == "npm":
        # `npm audit signatures` always requests the public keys of npmjs.com from a server of Sigstore, which the
        # sandbox cannot reach. The test verifies the signatures with npm's library instead.
        assert done.returncode != 0
        assert "2 verified" not in output(done)
        verified = client.verify_signatures([f"{APP}@1.0.0", f"{LIB}@1.0.0"])
        assert verified.stdout.splitlines() == [f"{APP}@1.0.0 1", f"{LIB}@1.0.0 1"], output(verified)
        refused("npm first fetches Sigstore's keys from the Internet; its library verifies these signatures")
        return
    assert done.returncode == 0, output(done)
    assert "2 packages have verified registry signatures" in output(done), output(done)
