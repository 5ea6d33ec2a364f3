"""`python -m wording [PATH ...]`: fails where an identifier or a sentence uses a word that docs/terms.md retires.

The command runs the spell checker typos, which splits identifiers into words and reads every file that git tracks.
typos also finds common misspellings.
"""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from wording.terms import TermsError, retired_words

CHECKOUT = Path(__file__).resolve().parents[1]
PAGE = CHECKOUT / "docs" / "terms.md"


def config(words: Mapping[str, str]) -> str:
    """Returns the settings (TOML) of the spell checker typos. With these settings, typos reports the retired words as
    misspelt and suggests no correction. It ignores lines that contain `words-ok:` and a reason.
    """
    retired = "\n".join(f'{word} = ""' for word in sorted(words))
    return f"""\
[files]
extend-exclude = ["**/docs/terms.md", "LICENSE", "*.lock", "package-lock.json", "go.sum", "*.svg", "*.gz"]

[default]
# A line with a reason, a phrase in which the word means the planet, and the code of a country before its latitude.
extend-ignore-re = ['(?Rm)^.*words-ok: \\S.*$', 'parts of the world', '\\b[A-Z]{{2}} -?[0-9]+[.][0-9]']

[default.extend-words]
{retired}
# Words that typos takes for misspellings.
nam = "nam"
ba = "ba"
lage = "lage"
inh = "inh"
wrk = "wrk"
"""


def findings(paths: Sequence[Path], words: Mapping[str, str]) -> Iterator[str]:
    """Yields one line for each misspelt or retired word that is found."""
    program = Path(sysconfig.get_path("scripts")) / "typos"
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as settings:
        settings.write(config(words))
        settings.flush()
        command = [program, "--config", settings.name, "--format", "json", "--force-exclude", *paths]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    # typos exits with 2 if it finds misspellings, and with a code other than 0 or 2 if the program itself fails
    if result.returncode not in (0, 2):
        raise TermsError(f"typos failed: {(result.stderr or result.stdout).strip()}")
    for line in result.stdout.splitlines():
        found = json.loads(line)
        if found["type"] != "typo":
            continue
        word = found["typo"].lower()
        known = f"is retired; use: {words[word]}" if word in words else None
        say = known or f"is misspelt; use: {', '.join(found['corrections'])}"
        yield f"{found['path']}:{found.get('line_num', 0)}: `{found['typo']}` {say}"


app = typer.Typer(add_completion=False)


@app.command()
def check(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="files and folders to check; the whole checkout if none is given")
    ] = None,
) -> None:
    """Fail where an identifier or a sentence uses a word that docs/terms.md retires, or a misspelt word."""
    try:
        found = sorted(findings(paths or [CHECKOUT], retired_words(PAGE)))
    except TermsError as error:
        sys.exit(f"error: {error}")
    if found:
        sys.exit("\n".join([*found, f"{len(found)} words to replace. The terms are in docs/terms.md."]))


if __name__ == "__main__":
    app()
