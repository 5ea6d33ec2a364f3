"""Writes docs/commands.md and docs/registry-commands.md from the help of the project's commands.

`python -m documentation` runs this module. The module also writes the JSON Schema of the edge policy.
"""

from __future__ import annotations

import enum
import inspect
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import typer

import bootstrap.administrator
import costs.__main__
import doctor.__main__
import drift.__main__
import drift.repair
import gates.__main__
import local.__main__
import previews.__main__
import probes.__main__
import registry.__main__
import rollout.__main__
import wording.__main__
from registry.edge_policy.document import schema

DOCS = Path(__file__).resolve().parents[1] / "docs"
WRITTEN = "`python -m documentation` writes this page from the help of the commands."

# Maps the name of each program, which `python -m <name>` runs, to the Typer app that defines the program's commands.
PROGRAMS: dict[str, typer.Typer] = {
    "local": local.__main__.app,
    "previews": previews.__main__.app,
    "gates": gates.__main__.app,
    "costs": costs.__main__.app,
    "doctor": doctor.__main__.app,
    "bootstrap.administrator": bootstrap.administrator.app,
    "rollout": rollout.__main__.app,
    "drift": drift.__main__.app,
    "drift.repair": drift.repair.app,
    "probes": probes.__main__.app,
    "wording": wording.__main__.app,
    "registry": registry.__main__.app,
}


class Command(NamedTuple):
    """One command of a command-line program: the words that a user types, and the command object that Typer created."""

    name: str
    parsed: Any

    @property
    def options(self) -> list[Any]:
        return [each for each in self.parsed.params if not each.hidden]


def commands(program: str) -> Iterator[Command]:
    """Yields each command of a command-line program, in the order of the program's help."""
    yield from _within(f"python -m {program}", typer.main.get_command(PROGRAMS[program]))


def _within(name: str, command: Any) -> Iterator[Command]:
    children: dict[str, Any] = getattr(command, "commands", {})
    if not children or getattr(command, "invoke_without_command", False):
        yield Command(name, command)
    for child, parsed in children.items():
        yield from _within(f"{name} {child}", parsed)


def pages() -> dict[Path, str]:
    """Generates docs/edge-policy.schema.json, and the pages of the documentation that describe the commands. Returns a
    mapping from the path of each file to its content.
    """
    others = [program for program in PROGRAMS if program != "registry"]
    return {
        DOCS / "edge-policy.schema.json": schema(),
        DOCS / "registry-commands.md": "\n".join(
            [
                "# Commands of the registry",
                "",
                WRITTEN,
                "[registry.md](registry.md) shows how to use the commands. The options in the first table belong to",
                "most commands.",
                "",
                *_shared(),
                *_sections("registry"),
            ]
        ),
        DOCS / "commands.md": "\n".join(
            [
                "# Commands",
                "",
                WRITTEN,
                "The commands of `python -m registry` have [a page of their own](registry-commands.md).",
                "",
                "Run the commands from the checkout, with the environment that `make setup` creates: type",
                "`.venv/bin/python` for `python`, or activate the environment once with `. .venv/bin/activate`.",
                "",
                *(line for program in others for line in _sections(program)),
            ]
        ),
    }


def _shared_options() -> dict[str, Any]:
    """Returns the options that have the same help in three or more commands of the registry. The page
    docs/registry-commands.md describes these options once, and not with each command.
    """
    found: dict[tuple[str, str], list[Any]] = {}
    for command in commands("registry"):
        for each in command.options:
            found.setdefault((each.opts[0], each.help or ""), []).append(each)
    return {name: uses[0] for (name, _), uses in found.items() if len(uses) >= 3 and name.startswith("--")}


def _shared() -> Iterator[str]:
    yield from _table(list(_shared_options().values()))


def _sections(program: str) -> Iterator[str]:
    shared = _shared_options() if program == "registry" else {}
    for command in commands(program):
        yield f"## {command.name}"
        yield ""
        yield from _wrapped(command.parsed.help or "")
        yield ""
        yield "```text"
        yield " ".join([command.name, *_usage(command)])
        yield "```"
        yield ""
        own = [each for each in command.options if each.opts[0] not in shared]
        if own:
            yield from _table(own)


def _wrapped(text: str) -> Iterator[str]:
    """Yields the paragraphs of a command's help, wrapped as lines of a documentation page."""
    for number, paragraph in enumerate(inspect.cleandoc(text).split("\n\n")):
        yield from ([""] if number else [])
        yield from textwrap.wrap(" ".join(paragraph.split()), 120, break_long_words=False, break_on_hyphens=False)


def _usage(command: Command) -> Iterator[str]:
    optional = False
    for each in command.options:
        if _is_argument(each):
            name = _metavar(each)
            yield name if each.required else f"[{name}]"
        elif each.required:
            yield f"{each.opts[0]} {each.name.upper()}"
        else:
            optional = True
    if optional:
        yield "[OPTIONS]"


def _table(options: list[Any]) -> Iterator[str]:
    yield "| argument or option | meaning | default |"
    yield "| --- | --- | --- |"
    for each in options:
        names = [_metavar(each)] if _is_argument(each) else [*each.opts, *each.secondary_opts]
        shown = ", ".join(f"`{name}`" for name in names)
        yield f"| {shown} | {_meaning(each)} | {_default(each)} |"
    yield ""


def _is_argument(option: Any) -> bool:
    return not option.opts[0].startswith("-")


def _metavar(argument: Any) -> str:
    return argument.name.upper() + ("…" if argument.nargs == -1 else "")


def _meaning(option: Any) -> str:
    kind = option.type_descriptor.annotation
    choices = ", ".join(f"`{each.value}`" for each in kind) if _is_enum(kind) else ""
    environment = f"; also read from `{option.envvar}`" if option.envvar else ""
    said = _escaped(option.help or "")
    return (f"{said}: {choices}" if choices else said) + environment


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def _is_enum(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, enum.Enum)


def _default(option: Any) -> str:
    if option.required:
        return "required"
    if isinstance(option.show_default, str):
        return _escaped(option.show_default)
    if getattr(option, "is_bool_flag", False):
        return f"`{(option.opts if option.default else option.secondary_opts or ['off'])[0]}`"
    return f"`{option.default}`" if option.default not in (None, "") and option.show_default else ""


def write() -> None:
    for page, text in pages().items():
        page.write_text(text.rstrip() + "\n")
