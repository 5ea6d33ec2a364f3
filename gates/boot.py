"""What machines boot with, as far as it says whom they ask."""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Mapping
from typing import Any

from gates.plan import Resource

_SHIELDS = re.compile(r'\[\{"host": .*?\}\]')


def program(machine: Resource) -> str:
    """The user data in text, unpacked where the cloud takes it packed; empty where it is not known yet."""
    inputs = machine.inputs
    metadata: Mapping[str, str] = inputs.get("metadata") or {"user-data": ""}
    packed = inputs.get("userDataBase64")
    if packed:
        try:
            return gzip.decompress(base64.b64decode(packed)).decode()
        except (ValueError, OSError):
            return ""
    return str(inputs.get("userData") or metadata.get("user-data", ""))


def reads(machine: Resource, bucket: str) -> bool:
    """Whether the machine boots with the address of the bucket."""
    return f"//{bucket}." in program(machine)


def shields(text: str) -> list[dict[str, Any]]:
    """The shields that a worker's binding or a program lists: objects with `host` and `region`; maybe none."""
    found = _SHIELDS.search(text)
    return json.loads(found[0]) if found else []


def variable(machine: Resource, name: str) -> str | None:
    """An environment variable that the program sets, in a line of its own."""
    found = re.search(rf"^\s*{name}=(\S+)$", program(machine), re.MULTILINE)
    return found[1] if found else None
