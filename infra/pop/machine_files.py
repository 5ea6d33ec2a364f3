"""Renders the files of a PoP machine from the tree in `machine/files/` (infra/machines/user_data.py)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from infra.edge import COMPATIBILITY_DATE, shields_binding
from infra.machines.user_data import MACHINE_FILES, TIME_SERVERS, MachineFile, files_of
from infra.pop import PopSettings, programs
from infra.pop.workerd import binary
from infra.waf import nginx

_FILES = Path(__file__).parent / "machine" / "files"
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?")
# The files with which a machine on Google Cloud assumes its role on AWS.
_OF_GOOGLE_CLOUD = {"aws.config.in", "assume-role"}
_SIZE = re.compile(r"[1-9][0-9]*[MG]")
_MOST_PROCESSES = 64


class PopSettingsError(ValueError):
    """Raised when the settings of a PoP machine would make invalid configuration files."""


def render(settings: PopSettings) -> list[MachineFile]:
    """Returns all files of a PoP machine, sorted by path. The same settings always give the same files."""
    _check(settings)
    etc = settings.directories.etc
    left_out = {*programs.SHARED, *(_OF_GOOGLE_CLOUD if settings.cloud != "gcp" else ())}
    files = [
        replace(file, path=file.path.replace("/etc/artifact-edge", etc, 1))
        for file in files_of(MACHINE_FILES, _FILES, values=_values(settings), left_out=left_out)
    ]
    files.append(MachineFile(f"{etc}/shields.json", 0o644, shields_binding(settings.shields)))
    files.append(
        MachineFile(f"{etc}/reserved_python_names.json", 0o644, json.dumps(list(settings.reserved_python_names)))
    )
    if settings.shield_authority is not None:
        files.append(MachineFile(f"{etc}/shield-authority.pem", 0o644, settings.shield_authority))
    return sorted(files, key=lambda file: file.path)


def _check(settings: PopSettings) -> None:
    if not _HOST.fullmatch(settings.hostname):
        raise PopSettingsError(
            f"hostname {settings.hostname!r} is not a host name; use lower case, such as packages.example.com"
        )
    if not settings.sources.table_regions:
        raise PopSettingsError("table_regions is empty; a PoP needs a replica of the metadata table")
    if not settings.sources.regions:
        raise PopSettingsError("regions is empty; a PoP reads its secrets and its certificate in at least one region")
    if (settings.cloud == "gcp") != bool(settings.sources.assumed_role):
        raise PopSettingsError(
            f"assumed_role is {settings.sources.assumed_role!r} on {settings.cloud}; it is for machines on gcp only"
        )
    if not settings.shields:
        raise PopSettingsError("shields is empty; a PoP needs at least one shield machine")
    if not 1 <= settings.processes <= _MOST_PROCESSES:
        raise PopSettingsError(
            f"processes is {settings.processes}; a PoP runs 1 to {_MOST_PROCESSES} workerd processes"
        )
    if not _SIZE.fullmatch(settings.memory):
        raise PopSettingsError(f"memory is {settings.memory!r}; write a size such as 512M or 4G")


def _values(settings: PopSettings) -> Mapping[str, str]:
    ports, directories, sources = settings.ports, settings.directories, settings.sources
    workerd = binary(settings.architecture)
    return {
        **nginx.values(settings.waf),
        **_load_balancer(settings),
        "TIME_SERVER": TIME_SERVERS[settings.cloud],
        "ETC": directories.etc,
        "RUN": directories.run,
        "CACHE": directories.cache,
        "LOG": directories.log,
        "HTTPS_LISTEN": str(ports.https),
        "L1_PORT": str(ports.l1),
        "MISSES_PORT": str(ports.misses),
        "PURGES_PORT": str(ports.purges),
        "ENVIRONMENT": settings.environment,
        "HOSTNAME": settings.hostname,
        "COMPATIBILITY_DATE": COMPATIBILITY_DATE,
        "METADATA_API": settings.metadata_api,
        "ENTITLEMENTS_PORT": str(ports.entitlements),
        "NETWORK": settings.network,
        "NGINX_USER": settings.nginx_user,
        "MEMORY": settings.memory,
        "EDGE_SECRET": sources.edge_secret,
        "METADATA_API_SECRET": sources.metadata_api_secret,
        "PURGE_SECRET": sources.purge_secret,
        "REGIONS": " ".join(sources.regions),
        "HOME_REGION": sources.home_region,
        "CERTIFICATE_PARAMETER": sources.certificate_parameter,
        "SERVING_PARAMETER": settings.serving_parameter,
        "ASSUMED_ROLE": sources.assumed_role,
        "AWS_CONFIG": f"AWS_CONFIG_FILE={directories.etc}/aws.config" if sources.assumed_role else "",
        "TABLE": sources.table,
        "TABLE_REGIONS": " ".join(sources.table_regions),
        "WORKERD_URL": workerd.url,
        "WORKERD_SHA256": workerd.sha256,
        "PROGRAMS_SHA256": programs.digest(),
        "PROCESSES": str(settings.processes),
        "PLACE": json.dumps({"latitude": str(settings.place.latitude), "longitude": str(settings.place.longitude)}),
        "SHIELD_AUTHORITIES": "trustBrowserCas = true"
        if settings.shield_authority is None
        else 'trustedCertificates = [embed "shield-authority.pem"]',
        "DECISION_SOCKETS": _servers(settings, "decisions"),
        "WORKER_SOCKETS": _servers(settings, "worker"),
        "MISS_SOCKETS": _servers(settings, "misses"),
        "WORKER_UNITS": " ".join(f"artifact-edge-worker@{number}.service" for number in range(settings.processes)),
    }


def _load_balancer(settings: PopSettings) -> Mapping[str, str]:
    """Returns NGINX's settings for connections from a load balancer that speaks the PROXY protocol. The settings are
    empty if there is no load balancer.

    NGINX believes the address in the PROXY header only if a front end sent it. It closes other connections to this port
    after their first request.
    """
    if not settings.front_ends:
        return {"FRONT_ENDS": "", "PROXIED_LISTEN": ""}
    port = settings.ports.proxied
    networks = " ".join(f"{network} 1;" for network in settings.front_ends)
    trusted = "\n    ".join(f"set_real_ip_from {network};" for network in settings.front_ends)
    return {
        "FRONT_ENDS": f"""geo $realip_remote_addr $is_front_end {{ {networks} }}
  map "$server_port:$is_front_end" $is_stranger {{
    "{port}:" 1;
  }}""",
        "PROXIED_LISTEN": f"""listen {port} ssl http2 proxy_protocol backlog=4096;
    {trusted}
    real_ip_header proxy_protocol;
    if ($is_stranger) {{
      return 444;
    }}""",
    }


def _servers(settings: PopSettings, socket: str) -> str:
    """Returns the lines of an NGINX upstream. There is one line for each workerd process. Each process has several
    sockets. `socket` says which of these sockets the lines contain.

    `max_fails=0` keeps each process in use after a failed request. Without this setting, one failed request per process
    would stop all requests for 10 s. If a process ends, NGINX asks another process while systemd starts the process
    again.
    """
    run = settings.directories.run
    return "\n    ".join(
        f"server unix:{run}/sockets/{socket}-{number}.sock max_fails=0;" for number in range(settings.processes)
    )
