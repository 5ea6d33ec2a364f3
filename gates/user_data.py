"""Reads the user data of machines and the bindings of edge workers. User data shows which buckets a machine reads, and
in which regions it reads a replica of the metadata table. A binding lists the shields (regional caches) that a worker
uses.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
import zlib
from collections.abc import Mapping
from typing import Any

from gates.plan import Resource

# Matches the compressed content of a file in cloud-init's `write_files`.
_PACKED = re.compile(r"encoding: gz\+b64\s+content: (\S+)")
_SHIELDS = re.compile(r'\[\{"host": .*?\}\]')


def program(machine: Resource) -> str:
    """Returns a machine's user data as text, followed by the text of the compressed files in it. The result is empty if
    the user data is not known yet.
    """
    text = _text(machine)
    return "\n".join([text, *(_unpacked(packed) for packed in _PACKED.findall(text))])


def _text(machine: Resource) -> str:
    inputs = machine.inputs
    metadata: Mapping[str, str] = inputs.get("metadata") or {"user-data": ""}
    packed = inputs.get("userDataBase64")
    if packed:
        return _unpacked(packed)
    return str(inputs.get("userData") or metadata.get("user-data", ""))


def _unpacked(packed: str) -> str:
    try:
        return gzip.decompress(base64.b64decode(packed)).decode()
    except (ValueError, OSError, EOFError, zlib.error):
        return ""


def reads(machine: Resource, bucket: str) -> bool:
    """Returns whether the user data of `machine` contains a URL of `bucket`."""
    return f"//{bucket}." in program(machine)


def table_regions(program: str) -> list[str]:
    """Returns the AWS regions in which a PoP machine can read a replica of the metadata table. `program` is the
    machine's user data. The result is empty if the user data does not set TABLE_REGIONS.
    """
    found = re.search(r"^ *TABLE_REGIONS=(.*)$", program, re.MULTILINE)
    return found[1].split() if found else []


def shields(text: str) -> list[dict[str, Any]]:
    """Finds the list of shields (regional caches) in a machine's user data or in a binding of the edge worker. Returns
    a mapping with the fields `host` and `region` for each shield. Returns an empty list if `text` contains no such
    list.
    """
    found = _SHIELDS.search(text)
    return json.loads(found[0]) if found else []
