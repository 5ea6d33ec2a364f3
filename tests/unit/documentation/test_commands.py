"""Tests that the documentation pages of commands are current. Also tests that each command and option has a
description.
"""

from __future__ import annotations

import pytest

from documentation.commands import PROGRAMS, Command, commands, pages

COMMANDS = [command for program in PROGRAMS for command in commands(program)]


def test_the_pages_are_current() -> None:
    for page, text in pages().items():
        assert page.read_text() == text.rstrip() + "\n", f"run `python -m documentation` to write {page.name}"


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_a_command_says_what_it_does_and_what_it_takes(command: Command) -> None:
    assert command.parsed.help
    assert [option.opts[0] for option in command.options if not option.help] == []


def test_the_pages_have_every_command() -> None:
    headings = {line[3:] for text in pages().values() for line in text.splitlines() if line.startswith("## ")}
    assert headings == {command.name for command in COMMANDS}
    assert {"python -m local up", "python -m previews", "python -m registry tokens rotate"} <= headings
