"""Tests imports from a registry that requires tokens: the project's own edge, with a client's npm and pip
configuration.
"""

from __future__ import annotations

from pathlib import Path

import httpx

from local.clients import Client
from local.health import edge_authority
from local.samples import NPM_PACKAGE, PYTHON_PACKAGE
from tests.support.sandbox.commands import registry
from tests.support.sandbox.up import Up


def configured(up: Up, identity: str) -> dict[str, str]:
    client = Client(up.sandbox, identity, up.outputs()["url"])
    index = httpx.URL(f"{up.outputs()['url']}/pypi/simple/")
    token = client.token()
    return {
        "NPM_CONFIG_USERCONFIG": str(client.directory / "npmrc"),
        "PIP_INDEX_URL": str(index.copy_with(username="__token__", password=token) if token else index),
        "HTTPS_PROXY": client.proxy,
        "SSL_CERT_FILE": str(edge_authority(up.sandbox)),
    }


def test_private_packages_are_imported_with_the_clients_credentials(up: Up, tmp_path: Path) -> None:
    sources = [f"npm:{NPM_PACKAGE}", f"pypi:{PYTHON_PACKAGE}"]
    # The test imports packages from the edge into the edge's own registry, which therefore already has the packages.
    # The first import only adds metadata that the edge states about the packages, such as upload times.
    first = registry(up, "import", *sources, "--journal", tmp_path / "first", **configured(up, "reader"))
    assert first.returncode == 0, first.stderr
    imported = registry(up, "import", *sources, "--journal", tmp_path / "1", **configured(up, "reader"))
    assert imported.stdout == "imported 0; there already 2; failed 0\n", imported.stderr
    refused = registry(up, "import", *sources, "--journal", tmp_path / "2", **configured(up, "anonymous"))
    assert refused.stdout == "imported 0; there already 0; failed 2\n"
    assert "E401" in refused.stderr
    assert "cannot be fetched: 401" in refused.stderr
