"""Reads the runbooks in the documentation. Tests run the commands of the runbooks as printed.

A runbook is a section of a page. tests/unit/docs/test_runbooks.py checks that a test runs each runbook.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tests.support.printed_commands import CHECKOUT, blocks_of

# The pages of the documentation whose sections are runbooks.
PAGES = ("docs/operations.md", "docs/state.md", "docs/deploying.md")


@dataclass(frozen=True)
class Runbook:
    """A runbook: one section of a documentation page. `text` contains everything from the section's heading to the next
    heading.
    """

    page: str
    heading: str
    text: str

    def blocks(self, values: Mapping[str, str]) -> list[str]:
        """Returns the runbook's blocks of shell commands, in the order of the page.

        `values` maps strings on the page, such as the placeholder `<stack>`, to their replacements in the test. Fails
        if one of the strings is not in the runbook, or if a placeholder has no replacement.
        """
        return [self._filled(block, values) for block in blocks_of(self.text)]

    def command(self, printed: str, values: Mapping[str, str] | None = None) -> str:
        """Returns a command of the runbook with its placeholders filled in. `printed` is the command as the page shows
        it. `values` maps strings on the page, such as `<stack>`, to their replacements.

        Fails unless the runbook contains the command as inline code. Code blocks do not count.
        """
        sentences = re.sub(r"(?ms)^ *```.*?^ *```$", "", self.text)
        spans = {" ".join(span.split()) for span in re.findall(r"`([^`]+)`", sentences)}
        assert printed in spans, f"{self.page}: {self.heading!r} does not print `{printed}`"
        return self._filled(printed, values or {})

    def _filled(self, text: str, values: Mapping[str, str]) -> str:
        for printed, value in values.items():
            assert printed in self.text, f"{self.page}: {self.heading!r} does not print {printed}"
            text = text.replace(printed, value)
        left = re.findall(r"<[a-zA-Z][\w ]*>", text)
        assert left == [], f"{self.page}: {self.heading!r} has placeholders without values: {left}"
        return text


def runbook(page: str, heading: str) -> Runbook:
    """Returns the runbook in the section `heading` of a documentation page."""
    return Runbook(page, heading, sections(page)[heading])


def sections(page: str) -> dict[str, str]:
    """Returns the sections of a documentation page. The keys are the headings, and the values are the texts."""
    _, *parts = re.split(r"(?m)^#+ (?=\S)", _without_comments((CHECKOUT / page).read_text()))
    found = [part.partition("\n") for part in parts]
    return {heading: text for heading, _, text in found}


def _without_comments(page: str) -> str:
    """Indents comments at the start of a line in the page's code blocks. Without indentation, such a comment looks like
    a Markdown heading.
    """
    return re.sub(r"(?ms)^```.*?^```$", lambda block: re.sub(r"(?m)^#", " #", block[0]), page)
