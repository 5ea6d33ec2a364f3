"""Turns the Pulumi state of a stack into a file. Later previews of an upgrade start from this file. The file contains
no secrets, and no data about the machine that made the state.

The function `scrub` replaces each known secret by the secret's name, and removes all other secrets. A later preview
runs in a sandbox (emulated clouds) with other secrets. The function `restore` puts the sandbox's secrets in place of
the names, because the preview would otherwise show a change of each secret.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

# In a state, the Pulumi engine represents a secret as an object with the member `_SIGNATURE`, which has the value
# `_SECRET` (pulumi/pulumi, sdk/go/common/resource: SigKey and SecretSig).
_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105

# Fields of a resource in the Pulumi state that `scrub` leaves out. These fields contain times, or paths of files on the
# machine that ran Pulumi.
_UNKEPT = ("sourcePosition", "stackTrace", "created", "modified")

REMOVED = "removed"


class StateError(Exception):
    """Raised when a document does not have the form of a Pulumi state that `pulumi stack export` writes."""


def scrub(export: Mapping[str, Any], secrets: Mapping[str, str]) -> dict[str, Any]:
    """Returns an exported Pulumi state without secrets. `secrets` maps the names of known secrets to their values. In
    the returned state, a placeholder that contains the secret's name replaces each of these values.

    The export must contain secrets in plain text (`--show-secrets`), because this function recognizes a known secret by
    its value. It removes encrypted secrets. Raises StateError if the export has no resources.
    """
    names: dict[str, str] = {}
    for name, value in secrets.items():
        names.setdefault(value, _placeholder(name))

    def replace(text: str) -> str:
        for value, name in names.items():
            text = text.replace(value, name)
        return text

    def secret(marked: Mapping[str, Any]) -> dict[str, Any]:
        text = json.loads(marked.get("plaintext", "null"))
        return {_SIGNATURE: _SECRET, "plaintext": json.dumps(names.get(text, REMOVED) if _is_text(text) else REMOVED)}

    resources = [
        {key: _map_strings(value, replace, secret) for key, value in resource.items() if key not in _UNKEPT}
        for resource in _resources(export)
    ]
    manifest = {key: value for key, value in export["deployment"]["manifest"].items() if key != "plugins"}
    return {"version": export["version"], "deployment": {"manifest": manifest, "resources": resources}}


def restore(state: Mapping[str, Any], secrets: Mapping[str, str]) -> dict[str, Any]:
    """Puts secrets back into a Pulumi state that contains names in place of secrets. Returns the state in the format
    that `pulumi stack import` reads. `secrets` maps the name of each secret to its value.
    """

    def replace(text: str) -> str:
        for name, value in secrets.items():
            text = text.replace(_placeholder(name), value)
        return text

    def secret(marked: Mapping[str, Any]) -> dict[str, Any]:
        return {**marked, "plaintext": json.dumps(replace(json.loads(marked["plaintext"])))}

    resources = [_map_strings(resource, replace, secret) for resource in _resources(state)]
    return {**state, "deployment": {**state["deployment"], "resources": resources}}


def write(state: Mapping[str, Any], file: Path) -> None:
    """Writes a Pulumi state to a file as compressed JSON. The same state always gives the same bytes."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(gzip.compress(json.dumps(state, sort_keys=True).encode(), mtime=0))


def read(file: Path) -> dict[str, Any]:
    """Reads a Pulumi state from a file that the function `write` of this module has written."""
    return json.loads(gzip.decompress(file.read_bytes()))


def _resources(export: Mapping[str, Any]) -> list[dict[str, Any]]:
    try:
        return export["deployment"]["resources"]
    except (KeyError, TypeError):
        raise StateError("no deployment.resources in it; it is not what `pulumi stack export` prints") from None


def _placeholder(name: str) -> str:
    return f"<secret {name}>"


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _map_strings(value: Any, text: Callable[[str], str], secret: Callable[[Mapping[str, Any]], dict[str, Any]]) -> Any:
    """Returns a copy of a JSON value with replaced strings and secrets. `text` returns the replacement of a string.
    `secret` returns the replacement of an object that Pulumi has marked as a secret.
    """
    if isinstance(value, str):
        return text(value)
    if isinstance(value, list):
        return [_map_strings(item, text, secret) for item in cast(list[Any], value)]
    if isinstance(value, dict):
        members = cast(dict[str, Any], value)
        if members.get(_SIGNATURE) == _SECRET:
            return secret(members)
        return {key: _map_strings(item, text, secret) for key, item in members.items()}
    return value
