"""Tests how the emulation reads user data and systemd units. It must apply known keys, and refuse each unknown key with
a message that names the key.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from emulation.layout import Sandbox
from emulation.machines import cloud_init, systemd
from emulation.machines.hypervisor import Hypervisor
from emulation.machines.instance import Instance
from emulation.machines.substitutions import SUBSTITUTIONS, Place, substituted
from emulation.machines.supervisor import Alarm
from emulation.machines.systemd import Command
from emulation.processes import INTERPRETER_VARIABLE
from tests.support.enterable_directory import enterable_directory

HEAD = "#cloud-config\n"


def test_known_keys_are_read() -> None:
    config = cloud_init.parse(
        HEAD
        + "bootcmd: [[systemctl, mask, a.service]]\n"
        + "runcmd:\n- [systemctl, daemon-reload]\n"
        + "write_files:\n- {path: /etc/a, permissions: '0640', content: text}\n"
        + "- {path: /etc/b, permissions: '0755', encoding: gz+b64, content: H4sIAAAAAAAC/8tIzcnJBwCGphA2BQAAAA==}\n"
    )
    assert config.boot_commands == (("systemctl", "mask", "a.service"),)
    assert config.run_commands == (("systemctl", "daemon-reload"),)
    assert [(file.path, file.permissions, file.content) for file in config.files] == [
        ("/etc/a", 0o640, "text"),
        ("/etc/b", 0o755, "hello"),
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("runcmd: []", "must begin with the line '#cloud-config'"),
        (HEAD + "ssh_authorized_keys: []", "ssh_authorized_keys not supported"),
        (HEAD + "packages: [trafficserver]", "packages not supported"),
        (HEAD + "write_files:\n- {path: /a, permissions: '0644', content: x, append: true}", "append not supported"),
        (HEAD + "write_files:\n- {path: a, permissions: '0644', content: x}", "needs an absolute path, not 'a'"),
        (HEAD + "write_files:\n- {path: /../a, permissions: '0644', content: x}", "absolute path"),
        (HEAD + "write_files:\n- {path: /a, permissions: 0644, content: x}", "must be text"),
        (HEAD + "write_files:\n- {path: /a, permissions: '0999', content: x}", "/a: invalid literal"),
        (HEAD + "write_files:\n- {path: /a, permissions: '0644', encoding: hex, content: x}", "encoding 'hex'"),
        (HEAD + "write_files:\n- {path: /a, permissions: '0644', encoding: gz+b64, content: '!'}", "write_files /a"),
        (HEAD + "runcmd: [reboot]", "runcmd must be a list, not str"),
        (HEAD + "runcmd: {a: b}", "runcmd must be a list, not dict"),
        (HEAD + "a: [", "user data is not YAML"),
    ],
)
def test_an_unknown_key_is_refused_by_name(text: str, problem: str) -> None:
    with pytest.raises(cloud_init.UserDataError) as refused:
        cloud_init.parse(text)
    assert problem in str(refused.value)


SERVICE = """\
[Unit]
Description=x
[Service]
User=nobody
RuntimeDirectory=artifact-edge
ExecStartPre=+/bin/first 'a b'
ExecStartPre=/bin/second
ExecStart=/bin/third
Restart=always
RestartSec=2
"""


def test_service_is_read_with_its_commands_in_order() -> None:
    service = systemd.parse_service("x.service", SERVICE)
    first, second = Command(("/bin/first", "a b"), privileged=True), Command(("/bin/second",))
    assert service.prepare == (first, second)
    assert service.command == Command(("/bin/third",))
    assert (service.user, service.restart_seconds, service.directories) == ("nobody", 2.0, ("/run/artifact-edge",))


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("User=nobody", "DynamicUser=yes", "DynamicUser= in [Service] is not supported"),
        ("Description=x", "Requires=y", "Requires= in [Unit] is not supported"),
        ("ExecStart=/bin/third", "ExecStart=third", "does not begin with an absolute path"),
        ("ExecStart=/bin/third\n", "", "needs one ExecStart, not 0"),
        ("Restart=always", "Restart=on-failure", "Restart=on-failure is not supported"),
        ("RestartSec=2", "RestartSec=2 fortnights", "'2 fortnights' is not a supported time span"),
    ],
)
def test_an_unknown_directive_is_refused(old: str, new: str, problem: str) -> None:
    with pytest.raises(systemd.UnitError) as refused:
        systemd.parse_service("x.service", SERVICE.replace(old, new))
    assert problem in str(refused.value)


def test_timer_is_read() -> None:
    timer = systemd.parse_timer(
        "x.timer", "[Timer]\nOnActiveSec=90s\nOnActiveSec=3s\nOnUnitActiveSec=2min\n[Install]\nWantedBy=a\n"
    )
    assert (timer.service, timer.after, timer.every) == ("x.service", (3.0, 90.0), 120.0)


def test_a_timer_that_never_starts_is_refused() -> None:
    with pytest.raises(systemd.UnitError, match=r"x\.timer: a timer without OnActiveSec is not supported"):
        systemd.parse_timer("x.timer", "[Timer]\nOnUnitActiveSec=2min\n")


def test_a_timer_runs_its_service_at_each_time_after_its_start_and_then_regularly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, ran = [100.0], list[float]()
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    service: Any = SimpleNamespace(run_once=lambda: ran.append(now[0] - 100))
    alarm = Alarm(systemd.Timer("x.timer", "x.service", (2.0, 4.0), 10.0), service)
    for _ in range(26):
        alarm.tend()
        now[0] += 1
    assert ran == [2, 4, 14, 24]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(Sandbox(directory=tmp_path, loopback="127.9"), Path("/w/root"), "127.9.2.1")


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        ("/etc/systemd/system/x.service", "ExecStart=/usr/local/sbin/x", "ExecStart=/w/root/usr/local/sbin/x"),
        ("/etc/systemd/system/x.service", "ExecStart=/usr/bin/traffic_manager", "ExecStart=/usr/bin/traffic_manager"),
        ("/etc/artifact-edge/hosts", "127.0.0.1 x", "127.9.2.1 x"),
        (
            "/etc/artifact-edge/remap.config",
            "map /o/ https://b.s3.eu-west-1.amazonaws.com/",
            "map /o/ http://b.s3.eu-west-1.amazonaws.com:5000/",
        ),
        ("/etc/other", "https://b.s3.eu-west-1.amazonaws.com/", "https://b.s3.eu-west-1.amazonaws.com/"),
    ],
)
def test_only_listed_substitutions_are_made(place: Place, path: str, before: str, after: str) -> None:
    assert substituted(path, before, place) == after


def test_programs_run_with_the_python_of_the_emulation(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(INTERPRETER_VARIABLE, "/tests/python")
    first_lines = {name: f"#!/usr/bin/python3\n# {name}\n" for name in ("ship-logs", "fetch-settings")}
    adapted = [substituted(f"/usr/local/sbin/{name}", text, place) for name, text in first_lines.items()]
    assert adapted == ["#!/tests/python\n# ship-logs\n", f"#!{sys.executable}\n# fetch-settings\n"]


def test_listeners_and_clients_use_the_machines_address(place: Place) -> None:
    line = "CONFIG proxy.config.http.server_ports STRING 8443:ssl 8080 9001:ip-in=127.0.0.1\n"
    first, *_ = substituted("/etc/artifact-edge/records.config", line, place).splitlines()
    bound = "ip-in=127.9.2.1:ip-out=127.9.2.1"
    assert first.split(" ")[3:] == [f"8443:ssl:{bound}", f"8080:{bound}", f"9001:{bound}"]


def test_traffic_server_asks_the_sandboxs_name_server_and_has_one_disk_thread(place: Place) -> None:
    lines = substituted("/etc/artifact-edge/records.config", "CONFIG a INT 1\n", place).splitlines()
    assert lines == [
        "CONFIG a INT 1",
        "CONFIG proxy.config.dns.nameservers STRING 127.9.0.53:5353",
        "CONFIG proxy.config.dns.resolv_conf STRING /dev/null",
        "CONFIG proxy.config.cache.threads_per_disk INT 1",
    ]


def test_each_substitution_has_a_reason() -> None:
    assert len({rule.why for rule in SUBSTITUTIONS}) == len(SUBSTITUTIONS)


class _One:
    def __init__(self, user_data: str) -> None:
        self.instances = [Instance("i-1", "127.9.2.1", user_data)]

    def running(self) -> list[Instance]:
        return self.instances


def chrony(line: str) -> str:
    """Returns user data that writes one line of configuration for chrony and restarts chrony."""
    file = {"path": "/etc/chrony/chrony.conf", "permissions": "0644", "content": f"# comment\n{line}\n"}
    return HEAD + yaml.safe_dump({"write_files": [file], "runcmd": [["systemctl", "restart", "chrony.service"]]})


@pytest.mark.parametrize(
    ("user_data", "problem"),
    [
        (HEAD + "runcmd: [[rm, -rf, /]]", "user data runs 'rm -rf /', which is not supported"),
        (HEAD + "runcmd: [[/usr/local/sbin/install-packages, curl]]", "package curl is not supported"),
        (
            HEAD + "runcmd: [[systemctl, enable, --now, x.service]]",
            "enables x.service, which write_files does not contain",
        ),
        (HEAD + "runcmd: [[systemctl, restart, chrony.service]]", "chrony has no time source"),
        (chrony("pool 2.debian.pool.ntp.org iburst"), "cannot rely on the time source 2.debian.pool.ntp.org"),
        (chrony("server metadata.google.internal"), "cannot rely on the time source metadata.google.internal"),
        (chrony("sourcedir /run/chrony-dhcp"), "sourcedir in chrony.conf lets other files name time sources"),
    ],
)
def test_machine_that_cannot_boot_is_reported_once(user_data: str, problem: str) -> None:
    reports: list[str] = []
    with enterable_directory() as directory:
        hypervisor = Hypervisor(Sandbox(directory=directory, loopback="127.9"), [_One(user_data)], reports.append)
        hypervisor.reconcile()
        hypervisor.reconcile()
    refused = [report for report in reports if "does not boot" in report]
    assert len(refused) == 1
    assert problem in refused[0]


def test_a_removed_machine_leaves_no_files() -> None:
    with enterable_directory() as directory:
        source = _One(HEAD + "write_files:\n- {path: /etc/a, permissions: '0644', content: x}\n")
        hypervisor = Hypervisor(Sandbox(directory=directory, loopback="127.9"), [source], lambda _: None)
        hypervisor.reconcile()
        written = directory / "machines/i-1/root/etc/a"
        assert written.read_text() == "x"
        source.instances = []
        hypervisor.reconcile()
        assert not (directory / "machines/i-1").exists()


def notes_of_timer(script: str, runs: int, environment: str = "") -> str:
    """Boots a machine with a systemd timer. The timer's service runs the shell script `script`. Waits until the timer
    has started the service `runs` times. Returns what the script has written to /etc/artifact-edge/notes.

    `environment` is the text of the service's environment file.
    """
    unit = "[Service]\nType=oneshot\nEnvironmentFile=/etc/artifact-edge/env\nExecStart=/usr/local/sbin/note\n"
    files = {
        "/etc/artifact-edge/env": ("0644", environment),
        "/usr/local/sbin/note": ("0755", f"#!/bin/sh\n{script}\n"),
        "/etc/systemd/system/note.service": ("0644", unit),
        "/etc/systemd/system/note.timer": ("0644", "[Timer]\nOnActiveSec=0s\nOnUnitActiveSec=0s\n"),
    }
    entries = [{"path": path, "permissions": mode, "content": text} for path, (mode, text) in files.items()]
    commands = [["systemctl", "enable", "--now", "note.timer"]]
    with enterable_directory() as directory:
        source = _One(HEAD + yaml.safe_dump({"write_files": entries, "runcmd": commands}))
        reports: list[str] = []
        hypervisor = Hypervisor(Sandbox(directory=directory, loopback="127.9"), [source], reports.append)
        for _ in range(runs):
            hypervisor.reconcile()
        notes = directory / "machines/i-1/root/etc/artifact-edge/notes"
        assert notes.is_file(), reports
        return notes.read_text()


def test_timer_runs_its_service_each_time_it_is_due() -> None:
    script = "echo $WORD >> /etc/artifact-edge/notes"
    assert notes_of_timer(script, runs=2, environment="WORD=ran\n") == "ran\nran\n"


def test_a_machine_reads_its_instance_id_where_cloud_init_keeps_it() -> None:
    script = "cp /var/lib/cloud/data/instance-id /etc/artifact-edge/notes"
    assert notes_of_timer(script, runs=1) == "i-1\n"
