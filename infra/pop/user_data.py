"""Renders the user data of a PoP machine from the files in `machine/`.

The user data contains neither secrets nor the code of the edge worker. The machine fetches the secrets and the code
(`fetch-settings`), so a new version of the worker does not replace machines. The machine also fetches its large
programs (programs.py). The user data contains the digest of these programs, so a new version of a program replaces
machines.

The rendered files have neither empty lines nor lines with only a comment. Without these lines, all files together are
almost as large as EC2 accepts.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from infra.machines.user_data import MachineFile, check_size, cloud_config
from infra.pop import PopSettings
from infra.pop.machine_files import render

_FIRST_PART = Path(__file__).parent / "machine" / "cloud-config.yaml"
# Matches an empty line, or a line that contains only a comment. A line that begins with `#!` does not match, because it
# is the shebang line of a script.
_COMMENT = re.compile(r"^[ \t]*(?:#(?!!).*)?\n", re.MULTILINE)


def render_user_data(settings: PopSettings, region: str) -> str:
    """Returns the cloud-config of a PoP machine in `region`. The same arguments always give the same bytes.

    Raises UserDataError if the user data is larger than the machine's cloud accepts.
    """
    rendered = cloud_config(_FIRST_PART, map(_without_comments, render(settings)))
    remedy = "Shorten the files in infra/pop/machine, or use fewer shields"
    check_size(rendered, settings.cloud, f"the PoP in {region}", remedy)
    return rendered


def _without_comments(file: MachineFile) -> MachineFile:
    return replace(file, content=_COMMENT.sub("", file.content))
