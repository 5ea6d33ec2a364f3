"""Tests an emulated machine whose user data adds a user: its services run as the machine's own users, in a mount
namespace, and its programs control these services. Other tests run such a machine with its real programs
(tests/e2e/test_pop_machine.py).
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import yaml

from emulation.layout import Sandbox
from emulation.machines import refusals
from emulation.machines.hypervisor import Hypervisor
from emulation.machines.instance import Instance
from emulation.machines.machine import stop
from tests.support.enterable_directory import enterable_directory
from tests.support.needs_root import needs_root
from tests.support.waiting import eventually

LOOPBACK = "127.65"
ETC = "/etc/artifact-edge"
ADD_USER = ["adduser", "--system", "--group", "--no-create-home", "artifact-edge"]


@dataclass
class Host:
    """An emulated hypervisor with one machine. `reports` contains the messages that the hypervisor has reported."""

    sandbox: Sandbox
    instance: Instance
    reports: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        self._hypervisor = Hypervisor(self.sandbox, [self], self.reports.append)

    def running(self) -> list[Instance]:
        return [self.instance]

    def tend(self) -> None:
        self._hypervisor.reconcile()

    def reboot(self) -> None:
        self.instance = replace(self.instance, reboots=self.instance.reboots + 1)
        self.tend()

    @property
    def root(self) -> Path:
        return self.sandbox.directory / "machines" / self.instance.id / "root"

    def notes(self) -> list[str]:
        """Returns the lines that the machine's services have written."""
        file = self.root / "var/log/artifact-edge/notes"
        return file.read_text().splitlines() if file.exists() else []


@contextmanager
def host(files: Mapping[str, str], *commands: list[str]) -> Generator[Host]:
    """Yields an emulated hypervisor with one machine. The machine's user data contains the given files, and `commands`,
    which run at the first boot.
    """
    entries = [{"path": path, "permissions": "0755", "content": text} for path, text in files.items()]
    user_data = "#cloud-config\n" + yaml.safe_dump({"write_files": entries, "runcmd": list(commands)})
    with enterable_directory() as directory:
        made = Host(Sandbox(directory=directory, loopback=LOOPBACK), Instance("i-1", f"{LOOPBACK}.2.1", user_data))
        try:
            yield made
        finally:
            stop(made.sandbox, made.instance.id)


TEMPORARY = {
    "/etc/tmpfiles.d/a.conf": "# comment\nd /run/artifact-edge 0755 root root\n"
    "d /var/log/artifact-edge 0750 artifact-edge artifact-edge\n"
}
CREATE = ["systemd-tmpfiles", "--create", "/etc/tmpfiles.d/a.conf"]
RELOAD = "ExecReload=/usr/local/sbin/reload $MAINPID\n"
NOTE = "#!/bin/sh\n{} >> /var/log/artifact-edge/notes\nexec sleep 600\n"


def unit(command: str, more: str = "") -> str:
    return f"[Service]\nUser=artifact-edge\n{more}ExecStart={command}\nRestart=always\n"


@needs_root
def test_services_run_as_the_machines_own_user_with_its_groups_and_umask() -> None:
    files = {
        **TEMPORARY,
        "/usr/local/sbin/note": NOTE.format('echo "$(id -un) $(id -gn) $(umask) $(pwd) $WORD $1"'),
        "/etc/systemd/system/note@.service": unit("/usr/local/sbin/note %i", "Environment=WORD=w\nUMask=0007\n"),
        "/etc/systemd/system/all.target": "[Unit]\nWants=note@7.service note@8.service\n",
    }
    with host(files, ADD_USER, CREATE, ["systemctl", "enable", "--now", "all.target"]) as machine:
        machine.tend()
        assert eventually(lambda: len(machine.notes()) == 2), machine.reports
        assert sorted(machine.notes()) == [f"artifact-edge artifact-edge 0007 / w {number}" for number in (7, 8)]
        written = machine.root / "var/log/artifact-edge/notes"
        assert written.stat().st_mode & 0o777 == 0o660
        assert "artifact-edge" not in Path("/etc/passwd").read_text()


@needs_root
def test_a_machines_program_restarts_a_service_and_reloads_it() -> None:
    files = {
        **TEMPORARY,
        "/usr/local/sbin/note": NOTE.format("echo started"),
        "/usr/local/sbin/reload": "#!/bin/sh\necho reload $1 >> /var/log/artifact-edge/notes\n",
        "/etc/systemd/system/note.service": unit("/usr/local/sbin/note", RELOAD),
        "/usr/local/sbin/control": (
            "#!/bin/sh\nfor verb in 'is-active --quiet' restart reload; do\n"
            f"systemctl $verb note.service; echo $verb $? >> {ETC}/codes; done\n"
        ),
        "/etc/systemd/system/control.service": "[Service]\nType=oneshot\nExecStart=/usr/local/sbin/control\n",
        "/etc/systemd/system/control.timer": "[Timer]\nOnActiveSec=0s\nOnUnitActiveSec=1h\n",
        f"{ETC}/codes": "",
    }
    commands = [
        ["systemctl", "start", "control.service"],
        ["systemctl", "enable", "--now", "note.service"],
        ["systemctl", "enable", "--now", "control.timer"],
    ]
    with host(files, ADD_USER, CREATE, *commands) as machine:
        machine.tend()
        codes = (machine.root / "etc/artifact-edge/codes").read_text().splitlines()
        # The program `control` runs for the first time before the service `note` has started. `systemctl is-active`
        # then exits with status 3.
        assert codes[0] == "is-active --quiet 3"
        assert codes[3:] == ["is-active --quiet 0", "restart 0", "reload 0"], machine.reports
        # Each of the two runs restarts the service, so the two reloads have different process IDs.
        assert sorted(note.partition(" ")[0] for note in machine.notes()) == ["reload", "reload", "started", "started"]
        reloaded = {note.partition(" ")[2] for note in machine.notes() if note.startswith("reload ")}
        assert len(reloaded) == 2


@needs_root
@pytest.mark.parametrize("verb", ["restart", "reload"])
def test_a_program_that_waits_for_a_service_ordered_after_its_own_is_refused(verb: str) -> None:
    files = {
        **TEMPORARY,
        "/usr/local/sbin/note": NOTE.format("echo started"),
        "/usr/local/sbin/reload": "#!/bin/sh\n",
        "/etc/systemd/system/note.service": "[Unit]\nAfter=network.target control.service\n"
        + unit("/usr/local/sbin/note", RELOAD),
        "/usr/local/sbin/control": f"#!/bin/sh\nsystemctl {verb} note.service\n",
        "/etc/systemd/system/control.service": "[Service]\nType=oneshot\nExecStart=/usr/local/sbin/control\n",
    }
    with host(files, ADD_USER, CREATE, ["systemctl", "start", "control.service"]) as machine:
        machine.tend()
        assert f"`systemctl {verb} note.service` never returns" in machine.reports[-1]
        assert machine.notes() == []


@needs_root
def test_a_protected_service_writes_only_to_its_own_paths_and_has_no_other_capability() -> None:
    script = """#!/bin/sh
    exec >> /var/log/artifact-edge/notes
    touch /etc/artifact-edge/x && echo wrote || echo read-only
    grep -E '^(CapBnd|CapEff|NoNewPrivs):' /proc/self/status
    systemctl restart note.service && echo restarted
    """
    protected = "ProtectSystem=strict\nReadWritePaths=/var/log/artifact-edge\nNoNewPrivileges=true\n"
    files = {
        **TEMPORARY,
        "/etc/artifact-edge/a": "",
        "/usr/local/sbin/note": NOTE.format("echo started"),
        "/usr/local/sbin/try": script,
        "/etc/systemd/system/note.service": f"[Service]\n{protected}ExecStart=/usr/local/sbin/note\nRestart=always\n",
        "/etc/systemd/system/try.service": "[Service]\nType=oneshot\nCapabilityBoundingSet=CAP_CHOWN CAP_DAC_OVERRIDE\n"
        f"{protected}ExecStart=/usr/local/sbin/try\n",
    }
    with host(files, ADD_USER, CREATE, ["systemctl", "start", "try.service"]) as machine:
        machine.tend()
        assert eventually(lambda: len(machine.notes()) == 6), (machine.notes(), machine.reports)
        words = [line.split() for line in machine.notes()]
        # The bits of CAP_CHOWN and CAP_DAC_OVERRIDE are 0 and 1 (capability.h).
        assert ["CapBnd:", f"{0b11:016x}"] in words
        assert ["CapEff:", f"{0b11:016x}"] in words
        assert ["NoNewPrivs:", "1"] in words
        assert {"read-only", "started", "restarted"} <= {word for line in words for word in line}


@needs_root
def test_a_protected_service_whose_path_is_missing_does_not_start() -> None:
    files = {
        **TEMPORARY,
        "/usr/local/sbin/note": NOTE.format("echo started"),
        "/etc/systemd/system/note.service": "[Service]\nType=oneshot\nProtectSystem=strict\n"
        "ReadWritePaths=/var/cache/artifact-edge\nExecStart=/usr/local/sbin/note\n",
    }
    with host(files, ADD_USER, CREATE, ["systemctl", "start", "note.service"]) as machine:
        machine.tend()
        assert any("mount" in report for report in machine.reports)
        assert machine.notes() == []


@needs_root
def test_a_reboot_empties_run_keeps_the_disk_and_starts_the_services() -> None:
    files = {
        **TEMPORARY,
        "/usr/local/sbin/note": NOTE.format(
            "ls /run/artifact-edge | wc -l; touch /run/artifact-edge/mark; echo started"
        ),
        "/etc/systemd/system/note.service": "[Service]\nExecStart=/usr/local/sbin/note\nRestart=always\n",
    }
    with host(files, ADD_USER, CREATE, ["systemctl", "enable", "--now", "note.service"]) as machine:
        machine.tend()
        mark = machine.root / "run/artifact-edge/mark"
        assert eventually(mark.exists)
        (machine.root / "run/artifact-edge/in-memory").touch()
        machine.reboot()
        assert eventually(mark.exists)
        assert eventually(lambda: len(machine.notes()) == 2), machine.notes()
        machine.tend()
        assert not (machine.root / "run/artifact-edge/in-memory").exists()
        assert len([report for report in machine.reports if "reboots" in report]) == 1


@needs_root
def test_a_service_that_runs_once_ends_at_each_boot_before_the_next_unit_starts() -> None:
    files = {
        **TEMPORARY,
        "/usr/local/sbin/prepare": "#!/bin/sh\necho prepared >> /var/log/artifact-edge/notes\nexit 1\n",
        "/usr/local/sbin/note": NOTE.format("echo started"),
        "/etc/systemd/system/prepare.service": "[Service]\nType=oneshot\nExecStart=/usr/local/sbin/prepare\n",
        "/etc/systemd/system/note.service": "[Service]\nExecStart=/usr/local/sbin/note\nRestart=always\n",
    }
    commands = [["systemctl", "enable", "--now", unit] for unit in ("prepare.service", "note.service")]
    with host(files, ADD_USER, CREATE, *commands) as machine:
        machine.tend()
        assert eventually(lambda: machine.notes() == ["prepared", "started"]), machine.reports
        machine.reboot()
        assert eventually(lambda: machine.notes() == ["prepared", "started"] * 2), machine.reports


@needs_root
def test_a_service_without_its_environment_file_starts_once_the_file_is_there() -> None:
    files = {
        **TEMPORARY,
        "/usr/local/sbin/note": NOTE.format("echo $WORD"),
        "/etc/systemd/system/note.service": unit("/usr/local/sbin/note", f"EnvironmentFile={ETC}/env\nRestartSec=0\n"),
    }
    with host(files, ADD_USER, CREATE, ["systemctl", "enable", "--now", "note.service"]) as machine:
        machine.tend()
        assert any("cannot start" in report for report in machine.reports)
        (machine.root / "etc/artifact-edge").mkdir(exist_ok=True)
        (machine.root / "etc/artifact-edge/env").write_text("WORD=ran\n")
        machine.tend()
        assert eventually(lambda: machine.notes() == ["ran"]), machine.reports


@needs_root
def test_a_program_that_the_user_cannot_run_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(program))
    with host({}, ADD_USER) as machine:
        machine.tend()
        assert f"the user artifact-edge cannot run {program}" in machine.reports[-1]


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        (["systemctl", "start", "x.service"], "starts x.service, which write_files does not contain"),
        (["systemd-tmpfiles", "--create", "/etc/tmpfiles.d/b.conf"], "the line 'L /run/a - - - - /b' is not supported"),
    ],
)
def test_a_command_that_fails_on_a_real_machine_is_refused(command: list[str], problem: str) -> None:
    with host({"/etc/tmpfiles.d/b.conf": "L /run/a - - - - /b\n"}, command) as machine:
        machine.tend()
        assert problem in machine.reports[-1]


def test_a_machine_with_a_user_does_not_boot_without_root_and_the_reason_is_recorded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with host(TEMPORARY, ADD_USER) as machine, monkeypatch.context() as other_user:
        other_user.setattr(os, "geteuid", lambda: 1000)
        machine.tend()
        found = refusals.reason(machine.sandbox, machine.instance.address)
        assert found == "only root can run a machine with a user of its own (artifact-edge); start the sandbox as root"
        assert any(found in line for line in machine.reports)


@needs_root
def test_root_without_mount_namespaces_cannot_run_a_machine_with_a_user() -> None:
    program = (
        "import sys; from pathlib import Path; from emulation.machines import users; "
        "users.add_system_user(Path(sys.argv[1]), 'artifact-edge', '127.0.0.1')"
    )
    without = ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin", "--"]
    with enterable_directory() as directory:
        command = [*without, sys.executable, "-c", program, directory]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "UsersError: a machine with a user of its own (artifact-edge) needs a mount namespace" in result.stderr
    assert "containers need the capability SYS_ADMIN" in result.stderr


@needs_root
@pytest.mark.parametrize(("spare", "boots"), [(0, True), (-1, False)])
def test_a_machine_whose_workers_could_not_create_their_sockets_does_not_boot(spare: int, boots: bool) -> None:
    with host(TEMPORARY, ADD_USER) as machine:
        below = machine.sandbox.directory / "x"
        length = len(str(below / "machines/i-1/root/run/artifact-edge/sockets/decisions-0.sock"))
        long = below.with_name("x" * (1 + 107 - length - spare))
        other = Host(Sandbox(directory=long, loopback=LOOPBACK), machine.instance)
        try:
            other.tend()
            assert (refusals.reason(other.sandbox, machine.instance.address) == "") is boots, other.reports
            assert boots or "use a sandbox directory with a shorter path" in other.reports[-1]
        finally:
            stop(other.sandbox, machine.instance.id)


@needs_root
def test_the_reason_is_forgotten_when_the_machine_boots() -> None:
    with host(TEMPORARY, ADD_USER) as machine:
        refusals.record(machine.sandbox, machine.instance.address, "it did not boot")
        machine.tend()
        assert refusals.reason(machine.sandbox, machine.instance.address) == "", machine.reports
