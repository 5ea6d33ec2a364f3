"""Turns pydantic's errors into messages with the key, the value and what is accepted."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from stacks.config.sections import StackConfig
from stacks.config.values import did_you_mean

NAMESPACE = "artifact-edge"


def missing(key: str) -> str:
    return f"{key}: missing; set it with `pulumi config set --path '{key}' <value>`"


def line(details: ErrorDetails, secret_keys: Collection[str]) -> str:
    """One of pydantic's findings in our words: the key, the value, what is accepted."""
    place = details["loc"]
    key = _key(place)
    value = "[secret]" if _key(place[:1]) in secret_keys else repr(details["input"])
    match details["type"]:
        case "artifact_edge":
            return f"{key}: {details['msg']}"
        case "missing":
            return missing(key)
        case "extra_forbidden":
            accepted = _accepted_beside(place)
            hint = did_you_mean(str(place[-1]), accepted) or f"; accepted: {', '.join(accepted)}"
            return f"{key}: unknown key{hint}"
        case "model_type" | "list_type":
            shape = "an object" if details["type"] == "model_type" else "a list"
            return f"{key}: {value} is not {shape}; set its parts with `pulumi config set --path '{key}…' <value>`"
        case _:
            message = details["msg"].replace("Input should be", "it should be")
            return f"{key}: {value} is not accepted; {message[:1].lower()}{message[1:]}"


def _key(place: Sequence[int | str]) -> str:
    """`artifact-edge:shields[1].region`, as `pulumi config set --path` takes it."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in place]
    return f"{NAMESPACE}:{''.join(parts).removeprefix('.')}"


def _accepted_beside(place: Sequence[int | str]) -> list[str]:
    """The keys that the section holding `place` takes."""
    section: type[BaseModel] = StackConfig
    for part in place[:-1]:
        if isinstance(part, str):
            section = _section_in(section.model_fields[part].annotation)
    return list(section.model_fields)


def _section_in(annotation: Any) -> type[BaseModel]:
    """The model that a field holds, be it alone or in a list."""
    return next((inner for inner in get_args(annotation)), annotation)
