"""Tests the import of security advisories. The tests check the objects at the origin, the data that the edge reads, and
the messages to the operator.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from contract.advisories import PackageFilter
from registry import RegistryError
from registry.__main__ import app
from registry.advisories import in_force
from registry.catalog import audit
from registry.edge_policy import versions
from registry.edge_policy.document import Policy
from tests.support.osv_records import github, malware, package, pypa, record, write
from tests.support.registry import ACCOUNT, Network, network
from workers.entitlements.policies import policies_feed

__all__ = ["network"]

MALWARE = malware("MAL-2026-1", "npm", "left-pad")
VULNERABLE = github("GHSA-aaaa-bbbb-cccc", "web", "HIGH", {"introduced": "1.0.0"}, {"fixed": "1.2.3"})
PYTHON = pypa("PYSEC-2026-1", "Demo", {"introduced": "0"}, {"fixed": "1.1"})


def run(network: Network, directory: Path, *arguments: str | Path) -> Result:
    outputs = directory / "outputs.json"
    outputs.write_text(network.target.model_dump_json())
    command = ["advisories", *map(str, arguments), "--stack-outputs", str(outputs)]
    return CliRunner().invoke(app, command, env={"ARTIFACT_EDGE_PRINCIPAL": "carol"})


def imported(network: Network, directory: Path, *found: dict[str, Any]) -> Result:
    return run(network, directory, "import", write(directory / "records", *found))


def named(network: Network) -> list[str]:
    """Returns the digests of the data sets of security advisories, the newest first. Reads them from the feed document,
    which the metadata API serves to the edge.
    """

    class Database:
        def token(self, digest: str) -> None: ...

        def documents(self, partition: str, after: str) -> list[str]:
            return [json.dumps(dict(item.document)) for item in network.target.repository.items(partition, after=after)]

    return json.loads(policies_feed().answer(Database(), 1000).body)["advisories"]


def packages(network: Network) -> dict[str, Any]:
    """Returns the packages in the current advisory data set. Reads them from the objects that the edge reads."""
    index = network.json(f"advisories/{named(network)[0]}.json")
    found: dict[str, Any] = {}
    for digest in filter(None, index["shards"]):
        body = network.get(f"advisories/shards/{digest}.json")
        assert hashlib.sha256(body).hexdigest() == digest
        found |= json.loads(body)["packages"]
    return found


def test_an_import_names_a_data_set_whose_objects_the_edge_can_read(network: Network, tmp_path: Path) -> None:
    done = imported(network, tmp_path, MALWARE, VULNERABLE, PYTHON)
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[:2] == [
        "npm: packages: 2; advisories: 2, of which malware: 1",
        "pypi: packages: 1; advisories: 1, of which malware: 0",
    ]
    digest = named(network)[0]
    assert done.stdout.splitlines()[2] == f"in force: data set {digest[:12]}; failed 0"
    assert hashlib.sha256(network.get(f"advisories/{digest}.json")).hexdigest() == digest
    found = packages(network)
    assert set(found) == {"npm:left-pad", "npm:web", "pypi:demo"}
    assert found["npm:web"]["advisories"] == [
        {"id": "GHSA-aaaa-bbbb-cccc", "level": "high", "aliases": ["CVE-2026-1"], "spans": [[1, 2]]}
    ]
    values = network.edge.kv.namespaces.values
    namespace = network.target.entitlements.namespace_id
    entry = json.loads(values.get("edge-policy", account_id=ACCOUNT, namespace_id=namespace).read())
    assert entry == {"version": 1, "policies": [], "advisories": [digest]}
    (log,) = audit.entries(network.target.repository)
    assert (log.by.principal, log.by.action) == ("carol", "advisories import")
    shown = run(network, tmp_path, "status")
    assert f"data set {digest[:12]}, by carol at " in shown.stdout


def test_a_policy_and_a_data_set_do_not_displace_each_other(network: Network, tmp_path: Path) -> None:
    imported(network, tmp_path, MALWARE)
    changed = versions.put(network.target, audit.By("carol", "", "edge policy put"), Policy(format=1, rules=()), 0)
    assert changed.edge_error == ""
    digest = named(network)
    imported(network, tmp_path, VULNERABLE)
    assert named(network)[1:] == digest
    values = network.edge.kv.namespaces.values
    namespace = network.target.entitlements.namespace_id
    entry = json.loads(values.get("edge-policy", account_id=ACCOUNT, namespace_id=namespace).read())
    assert entry["policies"] == [changed.version.digest]
    assert entry["advisories"] == named(network)


def test_bad_records_are_named_and_the_others_come_into_force(network: Network, tmp_path: Path) -> None:
    archive = tmp_path / "all.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("MAL-2026-1.json", json.dumps(MALWARE))
        file.writestr("broken.json", "{")
        file.writestr("GHSA-1.json", json.dumps(record("GHSA-1", package("npm", "web"))))
        file.writestr("GHSA-2.json", json.dumps(VULNERABLE | {"withdrawn": "2026-11-02T00:00:00Z"}))
        file.writestr("GO-1.json", json.dumps(record("GO-1", package("Go", "web", versions=["1"]))))
        file.writestr("README.md", "no record")
        file.writestr("damaged.json", "{}" * 100, zipfile.ZIP_DEFLATED)
        at = file.getinfo("damaged.json").header_offset + len("damaged.json") + 30  # the first byte of the content
    archive.write_bytes(archive.read_bytes()[:at] + b"\xff" + archive.read_bytes()[at + 1 :])
    done = run(network, tmp_path, "import", archive)
    assert done.exit_code == 1
    assert f"error: {archive}: broken.json: is no JSON" in done.stderr
    assert f"error: {archive}: GHSA-1.json: affected.0: names neither versions nor a range" in done.stderr
    assert f"error: {archive}: damaged.json: cannot be unpacked" in done.stderr
    assert "; left out 1 of other ecosystems; left out 1 withdrawn; failed 3" in done.stdout
    assert set(packages(network)) == {"npm:left-pad"}


def test_of_two_records_with_one_id_the_one_that_was_modified_last_counts(network: Network, tmp_path: Path) -> None:
    old = write(tmp_path / "old", VULNERABLE | {"modified": "2026-10-01T00:00:00Z", "aliases": ["CVE-2020-1"]})
    new = write(tmp_path / "new", VULNERABLE)
    for sources in ((old, new), (new, old)):
        assert run(network, tmp_path, "import", *sources).exit_code == 0
        assert packages(network)["npm:web"]["advisories"][0]["aliases"] == ["CVE-2026-1"]


def test_the_same_records_again_change_nothing(network: Network, tmp_path: Path) -> None:
    imported(network, tmp_path, MALWARE, PYTHON)
    objects, digests = network.objects(), named(network)
    again = imported(network, tmp_path, MALWARE, PYTHON)
    assert "already in force" in again.stdout
    assert (network.objects(), named(network)) == (objects, digests)
    assert len(list(audit.entries(network.target.repository))) == 1


def test_an_import_without_an_ecosystem_in_force_needs_consent(network: Network, tmp_path: Path) -> None:
    imported(network, tmp_path, MALWARE, PYTHON)
    before = named(network)
    only = write(tmp_path / "only", PYTHON)
    refused = run(network, tmp_path, "import", only)
    assert isinstance(refused.exception, RegistryError)
    assert "npm: the sources have advisories: 0, and the data set in force has 1" in str(refused.exception)
    assert named(network) == before
    assert run(network, tmp_path, "import", only, "--fewer").exit_code == 0
    assert set(packages(network)) == {"pypi:demo"}


def test_an_import_at_the_same_time_is_refused(
    network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported(network, tmp_path, MALWARE)
    write_shards = in_force._write  # pyright: ignore[reportPrivateUsage]
    raced: list[bool] = []

    def slower(*arguments: Any) -> None:
        write_shards(*arguments)
        if not raced:
            raced.append(True)
            assert imported(network, tmp_path / "other", MALWARE, VULNERABLE).exit_code == 0

    monkeypatch.setattr(in_force, "_write", slower)
    (tmp_path / "other").mkdir()
    late = imported(network, tmp_path, MALWARE, PYTHON)
    assert "another operator imported advisories at the same time" in str(late.exception)
    assert "npm:web" in packages(network)


@pytest.mark.parametrize("name", ["missing.zip", "empty", "text.zip"])
def test_a_source_without_records_is_an_error(network: Network, tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.zip").write_text("no archive")
    failed = run(network, tmp_path, "import", tmp_path / name)
    assert isinstance(failed.exception, RegistryError)
    assert str(tmp_path / name) in str(failed.exception)
    assert named(network) == []


def test_the_filter_holds_all_packages_and_hardly_any_other() -> None:
    known = PackageFilter(5_000)
    for number in range(5_000):
        known.add(f"npm:package-{number}")
    assert all(f"npm:package-{number}" in known for number in range(5_000))
    assert sum(f"npm:other-{number}" in known for number in range(5_000)) < 250
    assert len(base64.b64decode(known.text)) == 65_536 // 8
