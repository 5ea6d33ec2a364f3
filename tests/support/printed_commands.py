"""Reads the shell commands in the pages of the documentation. Tests parse and run these commands."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
PAGES = [CHECKOUT / "README.md", CHECKOUT / "CONTRIBUTING.md", *sorted((CHECKOUT / "docs").rglob("*.md"))]

# tests/e2e/test_docs.py does not run documented commands that match one of these regular expressions. The value of each
# expression is the reason. tests/unit/docs/test_printed_commands.py still parses the commands of this project's own
# programs.
NOT_RUN = {
    r"^make |^npm test|pre-commit": "the Makefile's targets are what tests and the pipeline run",
    r"^docker ": "tests/container/test_container.py runs these with a real daemon",
    r"-m pytest|-m tests\.|-m bench|-m stacks\.|-m documentation": "tests, and commands that write into the checkout",
    r"-m previews|plans?/|plan\.json": "tests/e2e/test_preview.py and the unit tests of gates/ and costs/ run these",
    r"-m registry import": "needs package registries; tests/e2e/test_registry.py imports where they can be reached",
    r"-m registry keys (renew|check)": "needs the keys of a deployed environment; tests/unit/registry runs both",
    r"-m registry keys init": "needs API tokens of Cloudflare; make up has made the keys of the sandbox",
    r"\baws |gcloud |kubectl ": "needs a cloud account or a cluster",
    r"-m registry edge policy put": "concerns every client of the sandbox; tests/e2e/test_edge_policy.py runs them",
    r"-m registry edge (un)?block ": "concerns every client of the sandbox; tests/e2e/test_edge_policy.py runs them",
    r"-m registry edge experiment report": "needs the log of an experiment; tests/e2e/test_experiments.py reads one",
    r"-m registry advisories": "concerns every client of the sandbox; tests/e2e/test_edge_policy.py imports some",
    r"-m rollout": "concerns every client of the sandbox; tests/e2e/test_deploying_runbooks.py runs them",
    r"-m emulation\.dns": "needs an install through the own PoP; tests/e2e/test_two_networks.py runs these",
    r"-m probes run": "tests/unit/probes and tests/e2e/test_pop.py run each probe",
    r"<[a-zA-Z]": "has a placeholder that only the reader can fill in",
    r"--(stack|s) (dev|bootstrap)|stack init|dev\.example\.com": "needs cloud accounts",
    r"^pulumi up|pulumi preview --stack prod": "changes a stack of the reader, which has a cloud account",
    r"^pulumi preview --stack local": "tests/e2e/test_clients.py runs this, as `make up` prints it",
    r"skopeo login|pgadapter": "needs a registry or a program that the sandbox does not have",
    r"^export ARTIFACT_EDGE_TOKEN=…": "needs a certificate that this machine trusts; the next block has it",
    r"--watch 60": "does not end",
}


@dataclass(frozen=True)
class Block:
    """A fenced block of shell commands in the documentation. `line` is the number of its first line on the page."""

    page: Path
    line: int
    text: str

    @property
    def name(self) -> str:
        return f"{self.page.relative_to(CHECKOUT)}:{self.line}"

    @property
    def reason_not_to_run(self) -> str | None:
        """Returns the reason why tests/e2e/test_docs.py does not run a documented block of commands. Returns None if
        the test runs the block.
        """
        found = (reason for pattern, reason in NOT_RUN.items() if re.search(pattern, self.text, re.MULTILINE))
        return next(found, None)


def blocks(page: Path) -> Iterator[Block]:
    """Yields the fenced blocks with the label `sh` on a page of the documentation."""
    for line, text in _fenced(page.read_text()):
        yield Block(page, line, text)


def blocks_of(text: str) -> list[str]:
    """Returns the fenced blocks with the label `sh` in a section of the documentation."""
    return [block for _, block in _fenced(text)]


def _fenced(text: str) -> Iterator[tuple[int, str]]:
    """Yields each fenced block with the label `sh` in Markdown text, with the number of its first line."""
    lines = text.splitlines()
    start: int | None = None
    for number, line in enumerate(lines):
        if start is None and line.strip() == "```sh":
            start = number + 1
        elif start is not None and line.strip() == "```":
            indent = len(line) - len(line.lstrip())
            yield start + 1, "\n".join(each[indent:] for each in lines[start:number])
            start = None


def all_blocks() -> list[Block]:
    return [block for page in PAGES for block in blocks(page)]


def commands(text: str) -> Iterator[list[str]]:
    """Yields each command in a block of shell commands as a list of words, without comments, redirections and variable
    assignments.
    """
    filled = re.sub(r"<([a-zA-Z][\w .-]*)>", lambda found: found[1].replace(" ", "-"), text)
    joined = re.sub(r"\\\n\s*|(?<=\|)\n\s*", " ", filled)
    for line in joined.splitlines():
        yield from _of_line(re.sub(r"(^|\s)#.*$", "", line))


def _of_line(line: str) -> Iterator[list[str]]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;()<>")
    lexer.whitespace_split, lexer.commenters = True, ""
    words: list[str] = []
    redirected = False
    for word in [*lexer, ";"]:
        if re.fullmatch(r"[|&;()]+", word):
            if simple := _without_assignments(words):
                yield simple
            words = []
        elif re.fullmatch(r"[<>&|]+", word):
            redirected = True
        elif redirected:
            redirected = False
        else:
            for inner in re.findall(r"\$\(([^()]+)\)", word):
                yield from _of_line(inner)
            words.append(word)


def _without_assignments(words: list[str]) -> list[str]:
    while words and re.match(r"\w+=", words[0]):
        words = words[1:]
    if words[:1] == ["xargs"]:
        return [*words[1:], "npm:@acme/web"]
    return words
