"""Tests the edge policy, which denies package versions, and security advisories. Real npm, pip and skopeo neither
select nor download a denied version.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from emulation.engine.environment import cloud_environment
from emulation.layout import CLIENT_LOCATIONS, ClientLocation
from local import operator, samples
from local.clients import Client
from tests.support.osv_records import malware, write
from tests.support.packages import npm_and_wheel
from tests.support.runbooks import runbook
from tests.support.sandbox.commands import registry
from tests.support.sandbox.edge import AP_SOUTHEAST, EU_WEST, US_EAST, access
from tests.support.sandbox.installs import npm_install, pip_install, skopeo_copy
from tests.support.sandbox.operator_shell import OperatorShell
from tests.support.sandbox.up import Up
from tests.support.waiting import eventually

NAME, IMAGE, HIJACKED = "policed", "acme/policed", "hijacked"
EXEMPTION = {"advisory": "MAL-2026-1", "ecosystem": "npm", "packages": [HIJACKED], "reason": "our own experiment"}
# Seconds that a test waits until every PoP applies an edge policy. The project promises that this takes at most 5 s,
# but a busy machine can take longer.
WITHIN = 30.0


def rule(name: str, ecosystem: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "action": "deny", "ecosystem": ecosystem, "packages": [NAME], **more}


DENYING = {
    "format": 1,
    "rules": [
        rule("no-policed-2", "npm", versions=">=2", reason="2 is broken"),
        rule("no-python-2", "pypi", versions=">=2"),
        {"name": "no-images", "action": "deny", "ecosystem": "oci", "packages": [IMAGE], "tags": ["2*"]},
    ],
}


def publish(up: Up, directory: Path, name: str, *versions: str) -> None:
    """Publishes versions of an npm package and of a wheel with the same name."""
    files = [file for version in versions for file in npm_and_wheel(directory, name, name, version)]
    published = registry(up, "publish", *files)
    assert published.returncode == 0, published.stderr


@pytest.fixture(scope="module")
def reader(up: Up, tmp_path_factory: pytest.TempPathFactory) -> Client:
    """Publishes two versions of a package in each ecosystem, and returns a client that may pull all packages."""
    directory = tmp_path_factory.mktemp("packages")
    publish(up, directory, NAME, "1.0.0", "2.0.0")
    layout = samples.build(directory / "samples").image
    for tag in ("1.0", "2.0"):
        published = registry(up, "publish", layout, "--repository", IMAGE, "--tag", tag)
        assert published.returncode == 0, published.stderr
    client = Client(up.sandbox, "policy-reader", up.outputs()["url"])
    grants = ["npm:*:pull", "pypi:*:pull", "oci:*:pull"]
    client.configure(operator.issue_token(up.sandbox, up.outputs(), "policy-reader", grants))
    return client


@pytest.fixture(autouse=True)
def no_policy(up: Up, tmp_path: Path) -> Iterator[None]:
    """After each test, replaces the edge policy in force (such as denied package versions) by one without rules."""
    yield
    put(up, tmp_path / "empty.json", {"format": 1, "rules": []})


@pytest.fixture
def no_advisories(up: Up, tmp_path: Path) -> Iterator[None]:
    """After the test, replaces the imported security advisories by an advisory on a package that was never released."""
    yield
    empty = write(tmp_path / "none", malware("MAL-2026-3", "npm", "never-published"))
    assert registry(up, "advisories", "import", empty, "--fewer").returncode == 0


def policy(up: Up, *arguments: str | Path) -> str:
    done = registry(up, "edge", "policy", *arguments, "--principal", "tests")
    assert done.returncode == 0, done.stderr
    return done.stdout


def put(up: Up, file: Path, document: object) -> None:
    file.write_text(json.dumps(document))
    shown = registry(up, "edge", "policy", "get")
    replaces = shown.stderr.split()[1].rstrip(",") if shown.returncode == 0 else "0"
    policy(up, "put", file, "--replaces", replaces)


def await_status(up: Up, path: str, status: int, locations: Sequence[ClientLocation] = CLIENT_LOCATIONS) -> None:
    """Waits until clients at all these locations get the status `status` for `path`. There is a PoP for each client
    location. Fails after `WITHIN` seconds.
    """
    start = time.monotonic()
    for location in locations:
        with httpx.Client(**access(up, location, "policy-reader")) as client:
            while (found := client.get(path).status_code) != status:
                assert time.monotonic() - start < WITHIN, f"{location.name} still answers {found} and not {status}"
                time.sleep(0.05)
    print(f"{status} at the last PoP: {time.monotonic() - start:.2f} s")


def fill_caches(up: Up, name: str) -> None:
    """Downloads version 2.0.0 of the npm package and the wheel, and the lists of versions, so that caches have them."""
    paths = [f"/npm/{name}", f"/npm/{name}/-/{name}-2.0.0.tgz"]
    paths += [f"/pypi/simple/{name}/", f"/pypi/files/{name}/{name}-2.0.0-py3-none-any.whl"]
    with httpx.Client(**access(up, CLIENT_LOCATIONS[0], "policy-reader")) as client:
        for path in paths:
            assert client.get(path).status_code == 200, path


def npm_version(reader: Client, spec: str, directory: Path) -> tuple[str, str]:
    """Installs a package with npm. Returns the installed version and npm's error output. The version is empty if the
    installation fails.
    """
    done = npm_install(reader, spec, directory, npm_config_cache=str(directory / "cache"))
    manifest = directory / "node_modules" / spec.split("@")[0] / "package.json"
    return json.loads(manifest.read_text())["version"] if done.returncode == 0 else "", done.stderr


def pip_version(reader: Client, spec: str, directory: Path) -> tuple[str, str]:
    done = pip_install(reader, spec, directory)
    installed = [path.name.split("-")[1].removesuffix(".dist") for path in directory.glob("*.dist-info")]
    return installed[0] if done.returncode == 0 else "", done.stderr


def test_clients_resolve_to_the_allowed_version_and_read_the_rule_for_the_denied_one(
    up: Up, reader: Client, tmp_path: Path
) -> None:
    tar, file = f"/npm/{NAME}/-/{NAME}-2.0.0.tgz", f"/pypi/files/{NAME}/{NAME}-2.0.0-py3-none-any.whl"
    fill_caches(up, NAME)
    put(up, tmp_path / "policy.json", DENYING)
    await_status(up, tar, 403)
    await_status(up, file, 403)

    assert npm_version(reader, NAME, tmp_path / "npm1")[0] == "1.0.0"
    installed, messages = npm_version(reader, f"{NAME}@2.0.0", tmp_path / "npm2")
    assert installed == ""
    assert "refused by rule no-policed-2 of the edge policy: 2 is broken" in messages, messages
    assert pip_version(reader, NAME, tmp_path / "pip1")[0] == "1.0.0"
    assert pip_version(reader, f"{NAME}==2.0.0", tmp_path / "pip2")[0] == ""
    with httpx.Client(**access(up, CLIENT_LOCATIONS[0], "policy-reader")) as client:
        assert "rule no-python-2 of the edge policy" in client.get(file).text
        assert eventually(lambda: client.get(f"/npm/{NAME}").headers["x-cache"] == "edge; hit")
    copied = skopeo_copy(reader, f"{IMAGE}:2.0", tmp_path / "image2")
    assert copied.returncode != 0
    assert "refused by rule no-images of the edge policy" in copied.stderr, copied.stderr
    copied = skopeo_copy(reader, f"{IMAGE}:1.0", tmp_path / "image1")
    assert copied.returncode == 0, copied.stderr

    assert policy(up, "rollback").startswith("in force: version ")
    await_status(up, tar, 200)
    assert npm_version(reader, NAME, tmp_path / "npm3")[0] == "2.0.0"
    assert pip_version(reader, NAME, tmp_path / "pip3")[0] == "2.0.0"
    log = registry(up, "audit").stdout
    assert "edge policy put" in log
    assert "edge policy rollback" in log


def test_a_network_is_blocked_everywhere_within_seconds_by_the_commands_of_the_runbook(
    up: Up, reader: Client, tmp_path: Path
) -> None:
    """Blocks the addresses of all clients in Virginia and in Ireland. Clients in Singapore have another address."""
    networks = [f"{up.sandbox.client_location_address(location)}/32" for location in (US_EAST, EU_WEST)]
    printed = {"192.0.2.0/24": networks[0], "2001:db8::/32": networks[1]}
    block, unblock = runbook("docs/operations.md", "Block an address range now").blocks(printed)
    (tmp_path / "outputs.json").write_text(json.dumps(up.outputs()))
    environment = {**cloud_environment(up.sandbox, {}), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    shell = OperatorShell(tmp_path, environment, tmp_path / "commands")
    path = f"/npm/{NAME}"

    assert "\n{}\n{}\n".format(*networks) in shell.run(block)
    await_status(up, path, 403, (US_EAST, EU_WEST))
    with httpx.Client(**access(up, US_EAST, "policy-reader")) as client:
        assert client.get("/npm/-/whoami").json()["error"].startswith("blocked-address: ")
        assert client.get("/healthz").status_code == 200
    with httpx.Client(**access(up, AP_SOUTHEAST, "policy-reader")) as client:
        assert client.get(path).status_code == 200

    assert f"no longer blocked: {', '.join(networks)}" in shell.run(unblock)
    await_status(up, path, 200)
    assert "edge unblock" in registry(up, "audit").stdout


def test_clients_do_not_get_known_malware_even_if_it_is_published_later(
    up: Up, reader: Client, tmp_path: Path, no_advisories: None
) -> None:
    publish(up, tmp_path, HIJACKED, "1.0.0", "2.0.0")
    tar, file = f"/npm/{HIJACKED}/-/{HIJACKED}-2.0.0.tgz", f"/pypi/files/{HIJACKED}/{HIJACKED}-2.0.0-py3-none-any.whl"
    fill_caches(up, HIJACKED)
    records = [
        malware("MAL-2026-1", "npm", HIJACKED, "2.0.0", "3.0.0"),
        malware("MAL-2026-2", "PyPI", HIJACKED, "2.0.0"),
    ]
    imported = registry(up, "advisories", "import", write(tmp_path / "osv", *records), "--fewer")
    assert imported.returncode == 0, imported.stderr
    await_status(up, tar, 403)
    await_status(up, file, 403)

    assert npm_version(reader, HIJACKED, tmp_path / "npm1")[0] == "1.0.0"
    installed, messages = npm_version(reader, f"{HIJACKED}@2.0.0", tmp_path / "npm2")
    assert installed == ""
    assert "refused by rule known-malware of the edge policy: MAL-2026-1 says that this is malware" in messages, (
        messages
    )
    assert pip_version(reader, HIJACKED, tmp_path / "pip1")[0] == "1.0.0"
    assert pip_version(reader, f"{HIJACKED}==2.0.0", tmp_path / "pip2")[0] == ""
    with httpx.Client(**access(up, CLIENT_LOCATIONS[0], "policy-reader")) as client:
        assert "MAL-2026-2 says that this is malware" in client.get(file).text

    publish(up, tmp_path, HIJACKED, "3.0.0")
    await_status(up, tar.replace("2.0.0", "3.0.0"), 403)
    assert npm_version(reader, f"{HIJACKED}@latest", tmp_path / "npm3")[0] == "1.0.0"
    with httpx.Client(**access(up, CLIENT_LOCATIONS[0], "policy-reader")) as client:
        assert eventually(lambda: f"{HIJACKED}-3.0.0" in client.get(f"/pypi/simple/{HIJACKED}/").text)

    put(up, tmp_path / "exempt.json", {"format": 1, "rules": [], "exemptions": [EXEMPTION]})
    await_status(up, tar, 200)
    assert npm_version(reader, f"{HIJACKED}@2.0.0", tmp_path / "npm4")[0] == "2.0.0"
