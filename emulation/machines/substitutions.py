"""Lists every change that the emulation makes to the files in a machine's user data, with the reason.

The files are made for a virtual machine in a real cloud. An emulated machine is only a directory and a loopback address
on a host that several machines share, and its cloud is emulated.
"""

from __future__ import annotations

import getpass
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from emulation.layout import AWS_PORT, DNS_PORT, FUNCTIONS_PORT, GCP_PORT, POP_HTTPS_PORT, Sandbox
from emulation.processes import interpreter

# The directories of which each emulated machine has its own copy. All machines share the other directories of this
# host, such as those with installed programs.
_OWN_DIRECTORIES = (
    "/dev/disk",
    "/etc/artifact-edge",
    "/etc/systemd",
    "/etc/udev",
    "/run/artifact-edge",
    "/usr/local/bin",
    "/usr/local/sbin",
    "/var/lib/cloud",
    "/var/cache/artifact-edge",
    "/var/log/artifact-edge",
)
_PYTHON = re.compile(r"\A#!/usr/bin/python3$", re.MULTILINE)
_OWN_PATH = re.compile(rf"(?<![\w./])(?:{'|'.join(_OWN_DIRECTORIES)})(?![\w-])")


@dataclass(frozen=True)
class Place:
    """The values to insert into the files of an emulated machine: the machine's root directory and address, and the
    address of Google's metadata server. `metadata_host` is empty if the machine is not on Google Cloud.

    `has_own_root` is true if the machine's processes see `root` as `/`, as in tests/systemd. The machine's files then
    need no substitution for a host that several machines share.
    """

    sandbox: Sandbox
    root: Path
    address: str
    metadata_host: str = ""
    has_own_root: bool = False


@dataclass(frozen=True)
class Substitution:
    """A change to files of an emulated machine. In each file whose path matches the regular expression `path`,
    `replacement` replaces the text that matches `pattern`. A machine with a root directory of its own does not need the
    substitutions for which `for_shared_root` is true.
    """

    why: str
    path: str
    pattern: re.Pattern[str]
    replacement: Callable[[re.Match[str], Place], str]
    for_shared_root: bool = False


def _bound_to_address(word: str, address: str) -> str:
    if not word[0].isdigit():
        return word
    return f"{word if 'ip-in' in word else f'{word}:ip-in={address}'}:ip-out={address}"


SUBSTITUTIONS = (
    Substitution(
        "several machines share one file system: each has its own root",
        r".*",
        _OWN_PATH,
        lambda match, place: f"{place.root}{match[0]}",
        for_shared_root=True,
    ),
    Substitution(
        "several machines share one host: a listener on all addresses is one on the machine's own, and so is what asks",
        r"/etc/artifact-edge/records\.config",
        re.compile(r"^CONFIG proxy\.config\.http\.server_ports STRING .*$", re.MULTILINE),
        lambda match, place: " ".join(_bound_to_address(word, place.address) for word in match[0].split(" ")),
    ),
    Substitution(
        "several machines share one loopback address: within a machine, its own address is that",
        r"/etc/artifact-edge/.*|/usr/local/s?bin/.*",
        re.compile(r"\b127\.0\.0\.1\b"),
        lambda _, place: place.address,
        for_shared_root=True,
    ),
    Substitution(
        "only root may listen at port 443, so PoPs of a sandbox listen at another port",
        r"/etc/artifact-edge/nginx\.conf",
        re.compile(r"(?<=\blisten )443(?= ssl )"),
        lambda _, place: f"{place.address}:{POP_HTTPS_PORT}",
    ),
    Substitution(
        "several machines share one host: NGINX waits for the load balancer on the machine's own address only",
        r"/etc/artifact-edge/nginx\.conf",
        re.compile(r"(?<=\blisten )(\d+)(?= ssl http2 proxy_protocol )"),
        lambda match, place: f"{place.address}:{match[1]}",
    ),
    Substitution(
        "so a machine asks itself at that port",
        r"/usr/local/sbin/fetch-settings",
        re.compile(r"(?<=^FRONT = \()(\S+), 443(?=\)$)", re.MULTILINE),
        lambda match, _: f"{match[1]}, {POP_HTTPS_PORT}",
    ),
    Substitution(
        "the public addresses of a sandbox are addresses of the loopback network",
        r"/etc/artifact-edge/worker\.capnp",
        re.compile(r'(?<=name = "shields", network = \(allow = \["public")(?=\])'),
        lambda _, __: ', "local"',
    ),
    Substitution(
        "the URLs of functions lead to the emulated Lambda, which speaks plain HTTP",
        r"/etc/artifact-edge/worker\.capnp",
        re.compile(r'(?<=name = "internet", )network = .*(?=\),$)', re.MULTILINE),
        lambda _, place: f'external = (address = "{place.sandbox.functions_address}:{FUNCTIONS_PORT}", http = ())',
    ),
    Substitution(
        "the emulated S3 speaks plain HTTP on a port of its own",
        r"/etc/artifact-edge/remap\.config",
        re.compile(r"https://([a-z0-9.-]+\.amazonaws\.com)/"),
        lambda match, _: f"http://{match[1]}:{AWS_PORT}/",
    ),
    Substitution(
        "so does the emulated Cloud Storage",
        r"/etc/artifact-edge/remap\.config",
        re.compile(r"https://([a-z0-9.-]+\.googleapis\.com)/"),
        lambda match, _: f"http://{match[1]}:{GCP_PORT}/",
    ),
    Substitution(
        "cloud names lead to the emulated cloud only in the sandbox's own DNS",
        r"/etc/artifact-edge/records\.config",
        re.compile(r"\Z"),
        lambda _, place: (
            f"CONFIG proxy.config.dns.nameservers STRING {place.sandbox.dns_address}:{DNS_PORT}\n"
            # Without the setting `resolv_conf`, Traffic Server also queries the name servers in the host's own
            # /etc/resolv.conf.
            "CONFIG proxy.config.dns.resolv_conf STRING /dev/null\n"
        ),
    ),
    Substitution(
        "all machines share this host's processors: one disk thread for each, as idle ones wake 100 times a second too",
        r"/etc/artifact-edge/records\.config",
        re.compile(r"\Z"),
        lambda _, __: "CONFIG proxy.config.cache.threads_per_disk INT 1\n",
    ),
    Substitution(
        "machines share one network, and the metadata server has no other way to tell who asks than where",
        r"/usr/local/sbin/.*",
        re.compile(r"(?<=http://)metadata\.google\.internal(?=/)"),
        lambda match, place: place.metadata_host or match[0],
    ),
    Substitution(
        "only root may become another user",
        r"/etc/artifact-edge/records\.config",
        re.compile(r"(?<=admin\.user_id STRING )\w+"),
        lambda match, _: match[0] if os.geteuid() == 0 else getpass.getuser(),
        for_shared_root=True,
    ),
    Substitution(
        "boto3 comes with the Python that runs the emulation; tests name one that starts a shield's programs faster",
        r"/usr/local/sbin/(fetch-secrets|ship-logs)",
        _PYTHON,
        lambda _, __: f"#!{interpreter()}",
        for_shared_root=True,
    ),
    Substitution(
        "boto3 comes with the Python that runs the emulation, not from a system package",
        r"/usr/local/s?bin/.*",
        _PYTHON,
        lambda _, __: f"#!{sys.executable}",
        for_shared_root=True,
    ),
)

# The size in bytes of the file that takes the place of a machine's local NVMe disk. The file is sparse, so it uses
# little space.
NVME_BYTES = 512 << 20


def substituted(path: str, content: str, place: Place) -> str:
    """Returns the content of an emulated machine's file at `path` after all substitutions that apply to this path."""
    for rule in SUBSTITUTIONS:
        if re.fullmatch(rule.path, path) and not (place.has_own_root and rule.for_shared_root):
            content = rule.pattern.sub(lambda match, rule=rule: rule.replacement(match, place), content)
    return content
