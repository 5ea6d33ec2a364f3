"""Writes docs/configuration.md and the JSON Schema of stack config: `python -m stacks.reference`.

Both files are generated from the models that check the config. docs/configuration.md also shows the values that each
stack sets in its file Pulumi.<stack>.yaml.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, cast, get_args, get_origin

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from stacks.config import NAMESPACE, StackConfig
from stacks.config.values import Asn, Country, Email, GcpRegion, Member, NamePattern, Network, StoreRegion
from stacks.schema import EDITOR_LINE, SCHEMA, text

PAGE = Path(__file__).resolve().parents[1] / "docs" / "configuration.md"
ENVIRONMENTS = sorted(file.name.split(".")[1] for file in Path(__file__).parent.glob("Pulumi.*.yaml"))

_HEAD = f"""# Configuration

The settings of a stack, in `stacks/Pulumi.<environment>.yaml`. `python -m stacks.reference` writes this page from the
models in `stacks/config/sections.py`. A key that this page lacks is an error, and the program reports all errors before
it registers the first resource. Secrets are not settings: AWS Secrets Manager has them
([security.md](security.md#secrets)).

`pulumi config set --path '{NAMESPACE}:shields[0].nodes' 3` sets a value within a list or an object.

Editors complete and check a stack's file with the JSON Schema `stacks/{SCHEMA.name}`. The file's first line
names it: `{EDITOR_LINE}`. The YAML extensions of VS Code, Neovim and
IntelliJ read that line, and Pulumi keeps it when it writes to the file.

| key | accepted | default | meaning |
| --- | --- | --- | --- |
| `aws:region` | an AWS region | required | region of the secrets between the tiers |
| `gcp:project` | a project id | required with Google Cloud | project of all resources on Google Cloud |
"""


_LISTED: Mapping[Any, str] = {
    StoreRegion: "regions",
    GcpRegion: "regions of Google Cloud",
    Email: "mail addresses",
    Member: "IAM members",
    NamePattern: "patterns of names",
    Network: "networks",
    Asn: "numbers",
    Country: "countries",
}


def page() -> str:
    """Returns the content of the documentation page docs/configuration.md."""
    return _HEAD + "\n".join([*_rows(StackConfig, f"{NAMESPACE}:"), "", *_environments()]) + "\n"


def _environments() -> Iterator[str]:
    """Yields the lines of the table that compares the config values of all environments."""
    yield "## Values of each environment"
    yield ""
    yield "One program deploys all environments, and they differ in these values only. An empty cell means the default."
    yield ""
    files = [(PAGE.parents[1] / "stacks" / f"Pulumi.{name}.yaml").read_text() for name in ENVIRONMENTS]
    said = [dict(_flat(cast(Mapping[str, Any], yaml.safe_load(file)["config"]))) for file in files]
    yield f"| key | {' | '.join(ENVIRONMENTS)} |"
    yield f"| --- |{' --- |' * len(ENVIRONMENTS)}"
    for key in dict.fromkeys(key for one in said for key in one):
        yield f"| `{key}` | {' | '.join(one.get(key, '') for one in said)} |"


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yields nested config keys and their values as text, one pair for each row of a documentation table.

    If a value is a list of objects, the text has one line for each object.
    """
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(cast(Mapping[str, Any], value), f"{prefix}{key}.")
        elif isinstance(value, list):
            yield f"{prefix}{key}", _items(cast(Sequence[Any], value))
        else:
            yield f"{prefix}{key}", json.dumps(value).strip('"')


def _items(values: Sequence[Any]) -> str:
    whole = all(not isinstance(value, Mapping) for value in values)
    words = [str(value) if whole else " ".join(map(str, value.values())) for value in values]
    return ("<br>" if not whole else ", ").join(words)


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
        (entry,) = get_args(annotation)
        choices = ", ".join(f"`{choice}`" for choice in get_args(entry)) if get_origin(entry) is Literal else None
        return f"list of {choices or _LISTED[entry]}"
    kinds: dict[Any, str] = {bool: "`true` or `false`", int: "a whole number", str: "text", float: "a number"}
    return " ".join([kinds[annotation], *limits])


def _limits(field: FieldInfo) -> Iterator[tuple[str, object]]:
    for constraint in field.metadata:
        for word, attribute in (("from", "ge"), ("to", "le")):
            if hasattr(constraint, attribute):
                yield word, getattr(constraint, attribute)


if __name__ == "__main__":
    PAGE.write_text(page())
    SCHEMA.write_text(text())
