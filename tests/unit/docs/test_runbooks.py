"""Checks that tests run every command of every runbook. The constants in this file list the commands that no test runs,
with the reasons.
"""

from __future__ import annotations

import re

import pytest

from tests.support.printed_commands import blocks_of
from tests.support.runbooks import PAGES, sections
from tests.unit.docs import CHECKOUT

# Commands that a sentence of a runbook mentions, but that the runbook's test does not run. The keys are pairs of the
# runbook's heading and the command. The values are the reasons.
MENTIONED = {
    ("The edge is down", "dig packages.<domain>"): "is a program of the operator's machine",
    ("A PoP machine is down", "journalctl -u artifact-edge-settings"): "is a program of the machine",
    ("A PoP machine is down", "journalctl -u artifact-edge-entitlements"): "is a program of the machine",
    ("A PoP machine is down", "journalctl -u artifact-edge-l1"): "is a program of the machine",
    ("A PoP machine is down", "journalctl -u artifact-edge-health"): "is a program of the machine",
    ("S3 refuses", "journalctl -u artifact-edge-secrets"): "is a program of the machine",
    ("A network is down", "pulumi up"): "says what the command waits for",
    ("Objects are not copied", "pulumi up --refresh"): "the test runs it with --stack",
    ("Ctrl-C", "pulumi destroy"): "tests/chaos interrupts it; here it would delete the state's bucket",
    ("The drain fails", "registry keys init"): "says what creates a secret",
    ("Bootstrap", "gh api repos/<owner>/<name>"): "needs GitHub",
    ("Bootstrap", "pulumi up"): "is in the block above",
    ("Bootstrap", "pulumi stack output"): "the test of the first block runs it",
    ("An update that was cut off", "pulumi refresh"): "is a part of the command above",
    ("A state that cannot be read", "make up"): "says which backend it uses",
    ("A state that is wrong", "pulumi state delete <urn>"): "the test makes the fault with it",
}
FOLDERS = ("e2e", "chaos")  # The folders of tests/ that contain tests of runbooks.
PROGRAMS = ("pulumi ", "python ", "aws ", "gcloud ", "gh ", "dig ", "make ", "registry ", "journalctl ")


def typed(text: str) -> list[str]:
    """Returns the commands in backticks in a runbook's sentences, without duplicates. Ignores fenced code blocks."""
    sentences = re.sub(r"(?ms)^ *```.*?^ *```$", "", text)
    spans = (" ".join(span.split()) for span in re.findall(r"`([^`]+)`", sentences))
    return list(dict.fromkeys(span for span in spans if span.startswith(PROGRAMS)))


def sources() -> dict[tuple[str, str], str]:
    """Returns the source code of the tests of each runbook. The keys are pairs of the runbook's page and heading."""
    found: dict[tuple[str, str], str] = {}
    for file in sorted(each for folder in FOLDERS for each in (CHECKOUT / "tests" / folder).glob("test_*.py")):
        source = file.read_text()
        own_page = "".join(re.findall(r'(?m)^PAGE = "(.+)"$', source))
        for page, heading in re.findall(r'\brunbook\((?:PAGE|"([^"]+)"), "([^"]+)"\)', source):
            place = (page or own_page, heading)
            found[place] = found.get(place, "") + source
    return found


SOURCES = sources()
RUNBOOKS = [
    (page, heading, text)
    for page in PAGES
    for heading, text in sections(page).items()
    if blocks_of(text) or typed(text)
]


@pytest.mark.parametrize(("page", "heading", "text"), RUNBOOKS, ids=[f"{each[0]}: {each[1]}" for each in RUNBOOKS])
def test_a_test_runs_the_commands_of_a_runbook(page: str, heading: str, text: str) -> None:
    assert (page, heading) in SOURCES, "no test runs this runbook"
    source = SOURCES[page, heading]
    left = [each for each in typed(text) if f'.command("{each}"' not in source and (heading, each) not in MENTIONED]
    assert left == []


def test_each_exception_is_needed() -> None:
    printed = {(heading, command) for _, heading, text in RUNBOOKS for command in typed(text)}
    assert [each for each in MENTIONED if each not in printed] == []


def test_each_runbook_that_a_test_runs_exists() -> None:
    known = {(page, heading) for page in PAGES for heading in sections(page)}
    assert sorted(set(SOURCES) - known) == []


@pytest.mark.parametrize("page", [*PAGES, "docs/rotation.md"])
def test_a_page_of_runbooks_says_which_shell_its_commands_need(page: str) -> None:
    """Checks that each page with runbooks tells the operator to activate the virtual environment. Otherwise, the page's
    commands fail with `No module named 'typer'`.
    """
    assert "(going-live.md#prepare-a-shell)" in (CHECKOUT / page).read_text()
    assert ". .venv/bin/activate" in blocks_of(sections("docs/going-live.md")["Prepare a shell"])[0]
