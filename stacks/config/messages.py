"""Turns pydantic's validation errors into messages that name the config key, its value and what is accepted."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from stacks.config.sections import StackConfig
from stacks.config.values import did_you_mean

NAMESPACE = "artifact-edge"

# Matches the name of a config section or field that needs no quotes in the path for `pulumi config set --path`.
_PLAIN = re.compile(r"[\w-]+", re.ASCII)


def missing(key: str) -> str:
    return f"{key}: missing; set it with `pulumi config set --path '{key}' <value>`"


def line(details: ErrorDetails, secret_keys: Collection[str]) -> str:
    """Returns one pydantic validation error as a line that names the config key, its value and what is accepted."""
    place = details["loc"]
    key = _key(place)
    secret = _key(place[:1]) in secret_keys
    value = "[secret]" if secret else repr(details["input"])
    match details["type"]:
        case "artifact_edge" if secret:
            return f"{key}: [secret] is not accepted; docs/configuration.md has what is"
        case "artifact_edge":
            return f"{key}: {details['msg']}"
        case "missing":
            return missing(key)
        case "extra_forbidden":
            accepted = _sibling_keys(place)
            hint = did_you_mean(str(place[-1]), accepted) or f"; accepted: {', '.join(accepted)}"
            return f"{key}: unknown key{hint}"
        case "model_type" | "list_type":
            shape = "an object" if details["type"] == "model_type" else "a list"
            return f"{key}: {value} is not {shape}; set its parts with `pulumi config set --path '{key}…' <value>`"
        case _:
            message = details["msg"].replace("Input should be", "it should be")
            return f"{key}: {value} is not accepted; {message[:1].lower()}{message[1:]}"


def _key(place: Sequence[int | str]) -> str:
    """Returns a config key as `pulumi config set --path` accepts it, such as `artifact-edge:shields[1].region`."""
    parts = [
        f".{part}" if isinstance(part, str) and _PLAIN.fullmatch(part) else f"[{json.dumps(part)}]" for part in place
    ]
    return f"{NAMESPACE}:{''.join(parts).removeprefix('.')}"


def _sibling_keys(place: Sequence[int | str]) -> list[str]:
    """Returns the keys that the config accepts in the same section as the key at `place`."""
    section: type[BaseModel] = StackConfig
    for part in place[:-1]:
        if isinstance(part, str):
            section = _section_in(section.model_fields[part].annotation)
    return list(section.model_fields)


def _section_in(annotation: Any) -> type[BaseModel]:
    """Returns the pydantic model in the type annotation of a config field. If the field is a list, this is the model of
    the list's items.
    """
    return next((inner for inner in get_args(annotation)), annotation)
