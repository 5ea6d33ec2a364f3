"""Parses the systemd units of an emulated machine. The emulation applies some directives of systemd, ignores the
directives that `_PASSED_OVER` lists, and raises UnitError for all others.

Reference: systemd.unit(5), systemd.service(5), systemd.exec(5), systemd.timer(5).
"""

from __future__ import annotations

import re
import shlex
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

_MEANT = {
    "Service": {
        "CacheDirectory",
        "CapabilityBoundingSet",
        "Environment",
        "EnvironmentFile",
        "ExecReload",
        "ExecStart",
        "ExecStartPre",
        "LogsDirectory",
        "NoNewPrivileges",
        "ProtectSystem",
        "ReadWritePaths",
        "Restart",
        "RestartSec",
        "RuntimeDirectory",
        "Type",
        "UMask",
        "User",
        "WorkingDirectory",
    },
    "Timer": {"OnActiveSec", "OnUnitActiveSec"},
    "Unit": {"After", "Wants"},
}

# The systemd directives that the emulation accepts and ignores. Most of these directives restrict what a service
# may do. A sandbox has no secrets to protect.
_PASSED_OVER = {
    "Unit": {"Description", "PartOf", "Requisite", "StartLimitIntervalSec"},
    "Service": {
        "Group",
        "KillSignal",
        "LimitNOFILE",
        "LockPersonality",
        "PrivateDevices",
        "PrivateTmp",
        "ProtectControlGroups",
        "ProtectHome",
        "ProtectKernelModules",
        "ProtectKernelTunables",
        "RestrictAddressFamilies",
        "RestrictNamespaces",
        "RuntimeDirectoryMode",
        "RuntimeDirectoryPreserve",
        "TimeoutStopSec",
    },
    "Timer": {"AccuracySec"},
    "Install": {"WantedBy"},
}

_UNITS_OF_TIME = {"": 1.0, "s": 1.0, "sec": 1.0, "min": 60.0, "h": 3600.0}


class UnitError(Exception):
    """Raised when a systemd unit is invalid, or uses a directive or value that the emulation does not support."""


@dataclass(frozen=True)
class Command:
    """A command of a systemd service. A privileged command runs as root, whatever user the service has."""

    argv: tuple[str, ...]
    privileged: bool = False


@dataclass(frozen=True)
class Service:
    """A parsed systemd service unit. The commands in `prepare` run before `command`, and the commands in `reload` while
    the service runs. `after` lists the units whose jobs systemd finishes before it starts or reloads the service.
    `directories` lists the directories in /run, /var/cache and /var/log that systemd creates for the
    service. `directory` is the working directory. A service that runs once has the type oneshot.

    If `writable` is set, the service can write only to these paths. If `capabilities` is set, the service has only
    these capabilities. None means no limit. Both limits apply only on machines whose user data adds users, because only
    these machines run services in mount namespaces.
    """

    name: str
    prepare: tuple[Command, ...]
    command: Command
    user: str | None
    restart: bool
    restart_seconds: float
    runs_once: bool = False
    reload: tuple[Command, ...] = ()
    after: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    environment_files: tuple[str, ...] = ()
    directories: tuple[str, ...] = field(default=())
    directory: str = "/"
    umask: str = "0022"
    writable: tuple[str, ...] | None = None
    capabilities: tuple[str, ...] | None = None
    without_new_privileges: bool = False


@dataclass(frozen=True)
class Timer:
    """A systemd timer unit. It starts its service at each of the times `after`, in seconds since its start. Afterwards,
    it starts the service every `every` seconds.
    """

    name: str
    service: str
    after: tuple[float, ...]
    every: float


def parse_service(name: str, text: str) -> Service:
    values = _directives(name, text, "Service")
    kind = _last(values, "Type", "simple")
    restart = _last(values, "Restart", "no")
    if kind not in ("simple", "oneshot") or restart not in ("no", "always"):
        raise UnitError(f"{name}: Type={kind} with Restart={restart} is not supported")
    commands = [_command(name, line) for line in values["ExecStart"]]
    if len(commands) != 1:
        raise UnitError(f"{name}: needs one ExecStart, not {len(commands)}")
    return Service(
        name=name,
        prepare=tuple(_command(name, line) for line in values["ExecStartPre"]),
        command=commands[0],
        user=_last(values, "User", "") or None,
        restart=restart == "always",
        restart_seconds=_seconds(name, _last(values, "RestartSec", "100ms")),
        runs_once=kind == "oneshot",
        reload=tuple(_command(name, line) for line in values["ExecReload"]),
        after=_words(_directives(name, text, "Unit")["After"]),
        environment=dict(_pair(name, word) for line in values["Environment"] for word in shlex.split(line)),
        environment_files=tuple(values["EnvironmentFile"]),
        directories=tuple(
            f"{parent}/{directory}"
            for key, parent in (
                ("RuntimeDirectory", "/run"),
                ("CacheDirectory", "/var/cache"),
                ("LogsDirectory", "/var/log"),
            )
            for line in values[key]
            for directory in line.split()
        ),
        directory=_last(values, "WorkingDirectory", "/"),
        umask=_last(values, "UMask", "0022"),
        writable=_words(values["ReadWritePaths"]) if _last(values, "ProtectSystem", "no") == "strict" else None,
        capabilities=_words(values["CapabilityBoundingSet"]) if values["CapabilityBoundingSet"] else None,
        without_new_privileges=_last(values, "NoNewPrivileges", "no") == "true",
    )


def parse_timer(name: str, text: str) -> Timer:
    values = _directives(name, text, "Timer")
    if not values["OnActiveSec"]:
        raise UnitError(f"{name}: a timer without OnActiveSec is not supported")
    return Timer(
        name=name,
        service=f"{name.removesuffix('.timer')}.service",
        after=tuple(sorted(_seconds(name, each) for each in values["OnActiveSec"])),
        every=_seconds(name, _last(values, "OnUnitActiveSec", "0")),
    )


def parse_target(name: str, text: str) -> tuple[str, ...]:
    """Returns the names of the units that a systemd target starts."""
    return tuple(unit for line in _directives(name, text, "Unit")["Wants"] for unit in line.split())


def template_of(unit: str) -> tuple[str, str]:
    """Splits the name of a systemd unit. Returns the name of the file that defines the unit, and the name of the
    instance. The instance name is empty if the unit is not an instance of a template. For example, the unit
    `name@instance.service` has the template `name@.service` (systemd.unit(5)).
    """
    name, at, rest = unit.partition("@")
    if not at:
        return unit, ""
    instance, _, kind = rest.rpartition(".")
    return f"{name}@.{kind}", instance


def parse_environment(text: str) -> dict[str, str]:
    """Parses a file for systemd's directive EnvironmentFile, which has NAME=value lines and comments. Shell syntax is
    not supported.
    """
    pairs = (line.split("=", 1) for line in text.splitlines() if line.strip() and line[0] not in "#;")
    return {name.strip(): value.strip() for name, value in pairs}


def _directives(name: str, text: str, wanted: str) -> Mapping[str, list[str]]:
    values: dict[str, list[str]] = defaultdict(list)
    section = ""
    for line in text.splitlines():
        if not line.strip() or line[0] in "#;":
            continue
        if heading := re.fullmatch(r"\[(\w+)\]", line.strip()):
            section = heading[1]
            continue
        key, equals, value = line.partition("=")
        if not equals:
            raise UnitError(f"{name}: {line!r} is neither a section nor a directive")
        if key in _MEANT.get(section, ()):
            if section == wanted:
                values[key].append(value.strip())
        elif key not in _PASSED_OVER.get(section, ()):
            raise UnitError(f"{name}: {key}= in [{section}] is not supported")
    return values


def _command(name: str, line: str) -> Command:
    # A command with the prefix `+` runs with full privileges.
    words = shlex.split(line.removeprefix("+"))
    if not words or not words[0].startswith("/"):
        raise UnitError(f"{name}: {line!r} does not begin with an absolute path")
    return Command(tuple(words), line.startswith("+"))


def _words(lines: Sequence[str]) -> tuple[str, ...]:
    return tuple(word for line in lines for word in line.split())


def _pair(name: str, assignment: str) -> tuple[str, str]:
    key, equals, value = assignment.partition("=")
    if not equals:
        raise UnitError(f"{name}: Environment={assignment} has no value")
    return key, value


def _last(values: Mapping[str, list[str]], key: str, default: str) -> str:
    return values[key][-1] if values.get(key) else default


def _seconds(name: str, text: str) -> float:
    if text.endswith("ms"):
        return float(text[:-2]) / 1000
    match = re.fullmatch(r"(\d+)\s*([a-z]*)", text)
    if match is None or match[2] not in _UNITS_OF_TIME:
        raise UnitError(f"{name}: {text!r} is not a supported time span")
    return float(match[1]) * _UNITS_OF_TIME[match[2]]
