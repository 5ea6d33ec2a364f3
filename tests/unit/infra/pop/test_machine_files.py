"""Tests that NGINX, workerd, Traffic Server and systemd accept the configuration files of a PoP machine. They must
refuse invalid settings.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import pytest

from emulation.cloudflare.workerd import binary
from infra.edge import ShieldNode
from infra.pop import PopSettings, Ports
from infra.pop.machine_files import PopSettingsError, render
from tests.support import own_pop
from tests.support.certificates import Authority
from tests.support.enterable_directory import enterable_directory
from tests.support.free_ports import free_ports
from tests.support.own_pop import SETTINGS


@pytest.fixture(scope="module")
def machine() -> Generator[tuple[Path, PopSettings]]:
    """Yields a directory with the files of a PoP machine, and the PoP's settings. Traffic Server's user can enter the
    directory.
    """
    authority = Authority("tests")
    with enterable_directory() as root:
        nodes = [ShieldNode("us-east-1-0.shield.test:8443", "us-east-1")]
        pop = own_pop.settings(root, Ports(*free_ports(5)), nodes, authority.certificate)
        own_pop.install(root, pop, authority)
        yield root, pop


def run(command: list[str], root: Path, environment: dict[str, str] | None = None, user: str | None = None) -> str:
    result = subprocess.run(
        command,
        env={**os.environ, **(environment or {})},
        cwd=root,
        user=user if os.geteuid() == 0 else None,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return f"{result.returncode} {result.stdout}{result.stderr}"


def test_nginx_accepts_its_configuration(machine: tuple[Path, PopSettings]) -> None:
    root, pop = machine
    said = run(["nginx", "-t", "-c", f"{pop.directories.etc}/nginx.conf"], root)
    assert said.startswith("0 "), said
    # NGINX warns about the directive `user` if NGINX does not run as root. The test ignores this warning.
    warnings = [line for line in said.splitlines() if "[warn]" in line and 'the "user" directive' not in line]
    assert warnings == []
    assert "[emerg]" not in said


def test_nginx_refuses_an_unknown_directive(machine: tuple[Path, PopSettings], tmp_path: Path) -> None:
    root, pop = machine
    broken = tmp_path / "nginx.conf"
    broken.write_text((Path(pop.directories.etc) / "nginx.conf").read_text().replace("auth_request ", "auth_requests "))
    assert 'unknown directive "auth_requests"' in run(["nginx", "-t", "-c", str(broken)], root)


def test_workerd_accepts_its_configuration(machine: tuple[Path, PopSettings], tmp_path: Path) -> None:
    root, pop = machine
    compiled = tmp_path / "compiled"
    command = [str(binary()), "compile", "--config-only", "--import-path=/", f"{pop.directories.etc}/worker.capnp"]
    with compiled.open("wb") as output:
        result = subprocess.run(command, cwd=root, stdout=output, stderr=subprocess.PIPE, timeout=120, check=False)
    assert result.returncode == 0, result.stderr.decode()
    assert b"pop.js" in compiled.read_bytes()


def test_traffic_server_accepts_its_configuration(machine: tuple[Path, PopSettings]) -> None:
    root, pop = machine
    environment = {"TS_RUNROOT": f"{pop.directories.etc}/runroot.yaml"}
    said = run(["traffic_server", "-C", "verify_config"], root, environment, own_pop.TRAFFIC_SERVER_USER)
    assert said.startswith("0 "), said
    assert "VERIFY" in said
    assert "ERROR" not in said
    assert "Unrecognized" not in said


def test_traffic_server_refuses_a_rule_with_an_unknown_plugin(
    machine: tuple[Path, PopSettings], tmp_path: Path
) -> None:
    root, pop = machine
    etc = tmp_path / "etc"
    shutil.copytree(pop.directories.etc, etc)
    (etc / "remap.config").write_text((etc / "remap.config").read_text().replace("tslua.so", "no_such_plugin.so"))
    layout = (etc / "runroot.yaml").read_text().replace(f"sysconfdir: {pop.directories.etc}", f"sysconfdir: {etc}")
    (etc / "runroot.yaml").write_text(layout)
    environment = {"TS_RUNROOT": str(etc / "runroot.yaml")}
    said = run(["traffic_server", "-C", "verify_config"], root, environment)
    assert not said.startswith("0 ")
    assert "Failed to load remap.config" in said


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd")
def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    for file in render(SETTINGS):
        if file.path.startswith("/etc/systemd/system/"):
            (tmp_path / Path(file.path).name).write_text(file.content)
    said = run(["systemd-analyze", "verify", *map(str, tmp_path.iterdir())], tmp_path)
    assert "Unknown" not in said


def test_each_service_gives_up_privileges_and_writes_only_below_its_own_directories() -> None:
    units = {file.path: file.content for file in render(SETTINGS) if file.path.endswith(".service")}
    assert len(units) == 8
    for path, content in units.items():
        settings = set(content.splitlines())
        assert {"NoNewPrivileges=true", "ProtectSystem=strict", "ProtectHome=true", "PrivateTmp=true"} <= settings, path


def test_systemd_starts_each_lasting_service_again_without_a_limit() -> None:
    # By default, systemd gives up after five starts in ten seconds. An operator would then have to start the service by
    # hand.
    units = {file.path: file.content.splitlines() for file in render(SETTINGS) if file.path.endswith(".service")}
    lasting = {path: lines for path, lines in units.items() if "Type=oneshot" not in lines}
    assert len(lasting) == 6
    for path, lines in lasting.items():
        assert {"Restart=always", "StartLimitIntervalSec=0"} <= set(lines), path


def test_the_target_starts_as_many_workers_as_nginx_knows() -> None:
    files = {file.path: file.content for file in render(replace(SETTINGS, processes=3))}
    wants = "artifact-edge-worker@0.service artifact-edge-worker@1.service artifact-edge-worker@2.service"
    assert f"Wants={wants}\n" in files["/etc/systemd/system/artifact-edge-worker.target"]
    assert files["/etc/artifact-edge/nginx.conf"].count("/worker-") == 3


def test_no_placeholder_is_left_and_the_same_settings_give_the_same_files() -> None:
    assert render(SETTINGS) == render(replace(SETTINGS))
    for file in render(SETTINGS):
        assert "@L1_PORT@" not in file.content
        assert not [
            line
            for line in file.content.splitlines()
            if "@" in line and line.count("@") > 1 and "@plugin" not in line and "worker@" not in line
        ], file.path


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (replace(SETTINGS, hostname="Packages"), "hostname 'Packages' is not a host name"),
        (replace(SETTINGS, shields=[]), "shields is empty"),
        (replace(SETTINGS, sources=replace(SETTINGS.sources, regions=[])), "regions is empty"),
        (replace(SETTINGS, processes=0), "processes is 0; a PoP runs 1 to 64"),
        (replace(SETTINGS, memory="4 GB"), "memory is '4 GB'; write a size such as 512M"),
    ],
)
def test_invalid_settings_are_refused_by_name(settings: PopSettings, message: str) -> None:
    with pytest.raises(PopSettingsError, match=message):
        render(settings)
