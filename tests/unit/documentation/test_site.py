"""Tests that the documentation site builds without a warning, and that its pages show lists and tables. A broken link
must make the build fail.
"""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from mkdocs import config as mkdocs_config
from mkdocs.commands.build import build
from mkdocs.exceptions import Abort

from documentation.site import DOCS

# Maps each kind of broken link to the text of the warning about it.
BROKEN_LINKS = {
    "[a page](nowhere.md)": "'nowhere.md', but the target is not found",
    "[a file](../nowhere.py)": "'../nowhere.py', but the target is not found",
    "[a section](architecture.md#nowhere)": "does not contain an anchor '#nowhere'",
}


def settings(**changed: Path) -> Any:
    """Reads mkdocs.yml. `changed` overrides settings that name a folder, such as `site_dir`."""
    load: Any = getattr(mkdocs_config, "load_config")  # noqa: B009 - the function's types are incomplete
    return load(str(DOCS.parent / "mkdocs.yml"), **{name: str(path) for name, path in changed.items()})


@pytest.fixture(autouse=True, scope="module")
def logs_of_mkdocs() -> Iterator[None]:
    """Sets MkDocs's logger to the level INFO. MkDocs counts warnings with a log handler, and the handler gets warnings
    only at this level.
    """
    logger = logging.getLogger("mkdocs")
    level = logger.level
    logger.setLevel(logging.INFO)
    yield
    logger.setLevel(level)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Builds the documentation site in the same way as `make docs`."""
    folder = tmp_path_factory.mktemp("site")
    build(settings(site_dir=folder))
    return folder


def test_the_site_has_the_readme_and_every_page(site: Path) -> None:
    assert (site / "index.html").is_file()
    pages = [page.relative_to(DOCS).with_suffix("") for page in DOCS.rglob("*.md") if page.name != "README.md"]
    assert len(pages) > 20
    assert [page for page in pages if not (site / page / "index.html").is_file()] == []


class _Prose(HTMLParser):
    """Collects the text of each paragraph of an HTML page."""

    def __init__(self) -> None:
        super().__init__()
        self.paragraphs: list[str] = []
        self._is_open = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "p":
            self.paragraphs.append("")
        self._is_open = self._is_open or tag == "p"

    def handle_endtag(self, tag: str) -> None:
        self._is_open = self._is_open and tag != "p"

    def handle_data(self, data: str) -> None:
        if self._is_open:
            self.paragraphs[-1] += data


def test_no_paragraph_contains_a_list_or_a_table_as_text(site: Path) -> None:
    """Checks that each list in the documentation has an empty line before it in the Markdown source.

    Without the empty line, GitHub still shows a list, but MkDocs shows a paragraph.
    """
    found: list[str] = []
    for page in site.rglob("index.html"):
        prose = _Prose()
        prose.feed(page.read_text())
        texts = [text for text in prose.paragraphs if re.search(r"(?m)^(- |\d+\. |\||```)", text)]
        found += [f"{page.parent.relative_to(site)}: {text[:60]!r}" for text in texts]
    assert found == []


def test_broken_links_and_a_page_that_the_navigation_lacks_fail_the_build(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    docs = shutil.copytree(DOCS, tmp_path / "docs")
    page = docs / "costs.md"
    page.write_text(f"{page.read_text()}\n{' '.join(BROKEN_LINKS)}\n")
    (docs / "lost.md").write_text("# Lost\n")
    with pytest.raises(Abort, match=f"{len(BROKEN_LINKS) + 1} warnings"):
        build(settings(docs_dir=docs, site_dir=tmp_path / "site"))
    for warning in (*BROKEN_LINKS.values(), "lost.md"):
        assert warning in caplog.text
