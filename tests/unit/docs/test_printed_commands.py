"""Tests that each command in the documentation is valid: its options, arguments, targets and operations exist.

`tests/e2e/test_docs.py` runs the blocks of commands that work in a sandbox.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.command_syntax import problem
from tests.support.printed_commands import CHECKOUT, NOT_RUN, PAGES, all_blocks, commands

BLOCKS = all_blocks()
COMMANDS = [(block, words) for block in BLOCKS for words in commands(block.text)]


@pytest.mark.parametrize(
    ("block", "words"), COMMANDS, ids=[f"{block.name} {' '.join(words)[:60]}" for block, words in COMMANDS]
)
def test_a_printed_command_parses(block: Any, words: list[str]) -> None:
    assert problem(words) is None, f"{block.name}: {' '.join(words)}"


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("python -m registry purges list", "MissingParameter"),
        ("python -m registry publish x.tgz --stack-outputs o --nowhere", "NoSuchOption"),
        ("python -m local start", "No such command"),
        ("python -m pytest tests/unit/nowhere", "does not exist"),
        ("python -m nowhere", "no module"),
        ("make nowhere", "Makefile"),
        ("aws events describe-rule --query State", "missing {'Name'}"),
        ("aws s3api get-nothing", "no operation"),
        ("docker exec artifact-edge python -m local start", "No such command"),
        ("frobnicate --all", "nothing checks"),
        ('x=1 aws events describe-rule --name "$(make nowhere)"', "Makefile"),
    ],
)
def test_a_wrong_command_is_found(line: str, complaint: str) -> None:
    found = [said for words in commands(line) if (said := problem(words))]
    assert complaint in " ".join(found)


def test_the_pages_have_many_commands() -> None:
    assert len(COMMANDS) > 100


def test_git_ignores_the_files_that_the_commands_write_into_the_checkout() -> None:
    written = {name for block in BLOCKS for name in re.findall(r"> (\w[\w.-]*\.(?:json|txt|journal))", block.text)}
    options = {
        name for block in BLOCKS for name in re.findall(r"--(?:directory|save-plan|journal) ([\w.-]+)", block.text)
    }
    kept = {"policy.json"}  # Git does not ignore policy.json. It is an edge policy, and operators can commit it.
    files = sorted((written | options | {"import-local.journal"}) - kept)
    assert {"outputs.json", "plan.json", "plans"} <= set(files)
    ignored = subprocess.run(
        ["git", "check-ignore", *(f"{file}/x" if "." not in file else file for file in files)],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert [line.removesuffix("/x") for line in ignored.stdout.splitlines()] == files


@pytest.mark.parametrize("pattern", NOT_RUN)
def test_each_reason_not_to_run_a_block_is_used(pattern: str) -> None:
    assert any(re.search(pattern, block.text, re.MULTILINE) for block in BLOCKS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_commands_stand_in_blocks_that_the_checks_read(page: Path) -> None:
    """Checks that the commands in the documentation are only in `sh` blocks.

    The other tests read only `sh` blocks. They would miss a command in an indented block or in a block of another
    language.
    """
    outside = re.sub(r"(?ms)^ *```sh$.*?^ *```$", "", page.read_text())
    pattern = (
        r"(?m)^(?: {4,}|```(?:console|bash|shell)\n)((?:\.venv/bin/|make |pulumi |python |eval |aws |npm |pip ).*)$"
    )
    assert re.findall(pattern, outside) == []


# Matches a command of the registry that a sentence names without `python -m`, such as `registry keys init` or `tokens
# create`.
_SHORT = re.compile(
    r"(?<!`)`(?:registry ([a-z][^`]*)|((?:tokens|keys|purges|predict|advisories|entitlements|replication) [^`]+))`"
)


def problems_of_sentences(text: str) -> list[tuple[str, str]]:
    """Returns the invalid commands in the sentences of a documentation text. Each command comes with a message that
    explains the mistake.
    """
    spans = re.findall(r"(?<!`)`((?:\.venv/bin/)?python -m [^`]+)`", text)
    return [(span, said) for span in spans for words in commands(span) if (said := problem(words))]


def problems_of_short_commands(text: str) -> list[tuple[str, str]]:
    """Returns the commands of the registry that sentences name without `python -m` and that do not exist."""
    spans = (f"python -m registry {full or short}" for full, short in _SHORT.findall(text))
    return [(span, said) for span in spans for words in commands(span) if (said := problem(words))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_a_command_within_a_sentence_exists(page: Path) -> None:
    """Checks commands within the sentences of the documentation. Such a command may leave out required arguments, or be
    only the name of a program.
    """
    harmless = ("MissingParameter", "BadOptionUsage", "NoArgsIsHelpError", "Exit: 0")
    text = page.read_text()
    problems = [*problems_of_sentences(text), *problems_of_short_commands(text)]
    assert [each for each in problems if not each[1].startswith(harmless)] == []


@pytest.mark.parametrize(
    "page",
    # The test leaves out the decision records in docs/decisions, because they contain no steps for readers to follow.
    [page for page in PAGES if page.parent.name != "decisions"],
    ids=lambda page: str(page.relative_to(CHECKOUT)),
)
def test_a_command_within_a_list_item_has_its_required_arguments(page: Path) -> None:
    """Tests the commands in list items of the documentation. Many list items are steps of a runbook. Readers type the
    commands in these steps as printed.
    """
    prose = re.sub(r"(?ms)^ *```.*?^ *```$", "", page.read_text())
    items = re.findall(r"(?ms)^ *(?:-|\d+\.) .*?(?=^ *(?:-|\d+\.) |^\S|\Z)", prose)
    assert [each for item in items for each in problems_of_sentences(item)] == []
