"""Hooks for MkDocs (`mkdocs.yml`), which builds the documentation site. The hooks add pages from outside docs/, list
the decision records in the navigation, and change links to files.

README.md and CONTRIBUTING.md become pages of the site. The site does not contain the code, so a link to a source file
becomes plain text. A link to a missing file stays a link, and the strict build then fails.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, cast

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

CHECKOUT = Path(__file__).resolve().parents[1]
DOCS = CHECKOUT / "docs"
# Pages of the documentation site whose source lies outside docs/.
OUTSIDE = {"index.md": CHECKOUT / "README.md", "contributing.md": CHECKOUT / "CONTRIBUTING.md"}

_LINK = re.compile(r"(?P<image>!?)\[(?P<text>(?:[^\[\]]|\[[^\]]*\])*)\]\((?P<file>[^)#\s:]+)(?P<anchor>#[^)\s]*)?\)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Adds the section "Decisions" to the end of the site's navigation. The section lists the decision records by file
    name, after their README.md.
    """
    records = [f"decisions/{file.name}" for file in sorted((DOCS / "decisions").glob("*.md"))]
    records.sort(key=lambda name: name != "decisions/README.md")
    navigation = cast(list[Any], cast(Any, config)["nav"])
    navigation.append({"Decisions": records})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    for name, source in OUTSIDE.items():
        files.append(File.generated(config, name, content=source.read_text()))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    name = page.file.src_uri
    folder = OUTSIDE.get(name, DOCS / name).parent
    return _LINK.sub(lambda link: _link(link, folder, name), markdown)


def _link(link: re.Match[str], folder: Path, page: str) -> str:
    target = (folder / link["file"]).resolve()
    uri = next((uri for uri, source in OUTSIDE.items() if source == target), None)
    if uri is None and target.is_relative_to(DOCS):
        uri = target.relative_to(DOCS).as_posix()
    if uri is not None:
        up = "../" * page.count("/")
        return f"{link['image']}[{link['text']}]({up}{uri}{link['anchor'] or ''})"
    return link["text"] if target.exists() else link[0]
