"""Writes docs/configuration.md from the models that check the config: `python -m stacks.reference`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from stacks.config import NAMESPACE, Email, StackConfig, StoreRegion

PAGE = Path(__file__).resolve().parents[1] / "docs" / "configuration.md"

_HEAD = f"""# Configuration

What `stacks/Pulumi.<environment>.yaml` may say. Written by `python -m stacks.reference` from the models in
`stacks/config.py`; do not edit. Anything else in the namespace is an error, and all errors are told before the first
resource is touched. Secrets never stand here: they live in AWS Secrets Manager ([architecture.md](architecture.md)).

`pulumi config set --path '{NAMESPACE}:shields[0].nodes' 3` sets a value within a list or an object.

| key | accepted | default | |
| --- | --- | --- | --- |
| `aws:region` | an AWS region | required | where the secrets between the tiers are |
| `gcp:project` | a project id | required with Google Cloud | the project that everything on Google Cloud belongs to |
"""


_LISTED: Mapping[Any, str] = {StoreRegion: "regions", Email: "mail addresses"}


def page() -> str:
    """The whole page."""
    return _HEAD + "\n".join(_rows(StackConfig, f"{NAMESPACE}:")) + "\n"


def _rows(section: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, field in section.model_fields.items():
        inner = _section_of(field.annotation)
        if inner is None:
            default = (
                "required" if field.is_required() else f"`{json.dumps(field.get_default(call_default_factory=True))}`"
            )
            yield f"| `{prefix}{name}` | {_accepted(field)} | {default} | {field.description} |"
        else:
            is_list = get_origin(field.annotation) is list
            yield from _rows(inner, f"{prefix}{name}{'[]' if is_list else ''}.")


def _section_of(annotation: Any) -> type[BaseModel] | None:
    candidates = [annotation, *get_args(annotation)]
    return next((kind for kind in candidates if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


def _accepted(field: FieldInfo) -> str:
    annotation = field.annotation
    limits = [f"{word} {limit}" for word, limit in _limits(field)]
    if get_origin(annotation) is Literal:
        return " or ".join(f"`{choice}`" for choice in get_args(annotation))
    if get_origin(annotation) is list:
        return f"list of {_LISTED[get_args(annotation)[0]]}"
    kinds: dict[Any, str] = {bool: "`true` or `false`", int: "a whole number", str: "text"}
    return ", ".join([kinds[annotation], *limits])


def _limits(field: FieldInfo) -> Iterator[tuple[str, object]]:
    for constraint in field.metadata:
        for word, attribute in (("from", "ge"), ("to", "le")):
            if hasattr(constraint, attribute):
                yield word, getattr(constraint, attribute)


if __name__ == "__main__":
    PAGE.write_text(page())
