"""Reads requirements files of pip with versions pinned by `==`.

Source: pip docs, "Requirements File Format" (lines, comments, encoding, environment variables, options).
"""

from __future__ import annotations

import codecs
import os
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from registry import RegistryError
from registry.importing import LeftOut, Refused, without_credentials

# An option on the line of a requirement, such as --hash=sha256:… A value with spaces is quoted, as in
# --config-settings="--build-option=a b".
_OPTION = re.compile(r"""\s--(?P<name>[a-z-]+)(?:=|\s+)(?P<value>(?:[^\s"']|"[^"]*"|'[^']*')+)""")
# Options that name a package index, or a directory with distributions. pip follows these options. An import ignores
# them, and reports each ignored option as left out.
_INDEX = re.compile(r"--(?:index-url|extra-index-url|find-links|no-index)\b|-[if]")
_OTHER_FILE = re.compile(r"(?:-(?P<short>[rc])\s*|--(?P<long>requirement|constraint)(?:=|\s+))(?P<file>.+)")
_COMMENT_LINE = re.compile(r"\s*#")
_COMMENT = re.compile(r"(?:^|\s)#.*")
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")

# Maps the byte order mark at the start of a text file to the encoding of the file. Windows PowerShell writes files in
# UTF-16 with such a mark.
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# a comment that names the encoding of a requirements file (PEP 263)
_CODING = re.compile(rb"#.*?coding[:=][ \t]*([-\w.]+)")


@dataclass(frozen=True)
class Pinned:
    """A line of a requirements file that allows exactly one version.

    `hashes` are the allowed digests, such as `sha256:…`. If `hashes` is empty, every digest is allowed.
    """

    name: str
    version: str
    hashes: frozenset[str] = frozenset()


@dataclass(frozen=True)
class _Line:
    """A requirement in a requirements file. `title` names the file and the line."""

    title: str
    requirement: Requirement
    hashes: frozenset[str]

    @property
    def pins(self) -> list[Pinned]:
        """The version that the requirement pins, as a list with one element. The list is empty if the requirement
        allows several versions, or names a URL.
        """
        specifiers = [each for each in self.requirement.specifier if each.operator in ("==", "===")]
        versions = [each.version for each in specifiers if not each.version.endswith(".*")]
        if len(versions) != 1 or self.requirement.url:
            return []
        return [Pinned(self.requirement.name, versions[0], self.hashes)]


def requirements(file: Path, environment: Mapping[str, str] | None = None) -> Iterator[Pinned | Refused | LeftOut]:
    """Yields the requirements in a requirements file, and in the files that it includes with `-r`.

    A requirement with exactly one possible version becomes a `Pinned`. A constraints file (`-c`) can determine this
    version, too. A requirement with several possible versions becomes a `Refused`. An included file that cannot be read
    also becomes a `Refused`. An option that names a package index becomes a `LeftOut`. Other options are ignored.
    Raises RegistryError if `file` cannot be read.
    """
    reader = _Reader(os.environ if environment is None else environment)
    for entry in list(reader.entries(file, _read(file), (file.resolve(),))):
        if not isinstance(entry, _Line):
            yield entry
        elif pins := entry.pins or reader.constrained(entry):
            yield from pins
        else:
            yield Refused(entry.title, "pins no version; make the file with: pip freeze, or pip-compile")


def _read(file: Path) -> str:
    try:
        return _decoded(file.read_bytes())
    except (OSError, UnicodeDecodeError, LookupError) as error:
        raise RegistryError(f"{file}: cannot be read: {error}") from None


def _decoded(content: bytes) -> str:
    """Decodes a requirements file as pip does: by its byte order mark, by a comment that names the encoding, or as
    UTF-8.
    """
    for mark, encoding in _MARKS.items():
        if content.startswith(mark):
            return content.decode(encoding)
    named = [match for line in content.split(b"\n")[:2] if (match := _CODING.match(line))]
    return content.decode(named[0][1].decode() if named else "utf-8")


def _joined(text: str) -> Iterator[str]:
    """Yields the lines of a requirements file. A line that ends with a backslash is joined with the next line.

    A line that is a comment is never joined with the next line, even if it ends with a backslash. Otherwise a comment
    such as `# see C:\\` would hide the requirement in the next line.
    """
    waiting = ""
    for line in text.splitlines():
        if line.endswith("\\") and not _COMMENT_LINE.match(line):
            waiting += line.rstrip("\\")
        else:
            yield f"{waiting} {line}"
            waiting = ""
    yield waiting


def _requirement(title: str, line: str) -> _Line | Refused:
    try:
        requirement = Requirement(_OPTION.sub("", line))
    except InvalidRequirement as error:
        return Refused(title, f"is not a valid requirement: {str(error).splitlines()[0]}")
    hashes = frozenset(each["value"].lower() for each in _OPTION.finditer(line) if each["name"] == "hash")
    return _Line(title, requirement, hashes)


@dataclass
class _Reader:
    """Reads a requirements file and the files that it names.

    `variables` maps the names of environment variables to the values that replace references such as `${NAME}`.
    `constraints` maps the normalized name of a project to the versions that constraints files pin.
    """

    variables: Mapping[str, str]
    constraints: dict[str, list[Pinned]] = field(default_factory=dict[str, list[Pinned]])

    def entries(self, file: Path, text: str, including: tuple[Path, ...]) -> Iterator[_Line | Refused | LeftOut]:
        """Yields the requirements in `text`, which is the content of the requirements file `file`. The file can name
        constraints files. The method adds the versions that constraints files pin to `self.constraints`.

        `including` lists the files that lead to `file`. The first file is the one that the operator names, and the last
        is `file` itself. Each file in the list includes the next file.
        """
        for joined in _joined(text):
            written = _COMMENT.sub("", joined).strip()
            # Error messages show the line without the values of its variables, because such a value may be a password,
            # and without the passwords in its URLs.
            line, title = _VARIABLE.sub(self._value, written), f"{file}: {without_credentials(written)}"
            if other := _OTHER_FILE.fullmatch(line):
                found = self._included(file, title, other["file"], including)
                is_constraints = "c" in (other["short"], (other["long"] or "")[:1])
                yield from self._constraints(found) if is_constraints else found
            elif line.startswith(("-e ", "--editable")):
                yield Refused(title, "is a directory or a repository; import what it needs from an index")
            elif index := _INDEX.match(line):
                # LeftOut names only the option, such as `--index-url`, because the URL after the option may contain a
                # password.
                yield LeftOut(str(file), f"the option {index[0]}: name the index with --pypi-index", "index option")
            elif line and not line.startswith("-"):
                yield _requirement(title, line)

    def constrained(self, line: _Line) -> list[Pinned]:
        """Returns the versions to import for a requirement that pins none. The versions come from constraints files
        (pip's option `-c`).
        """
        name = line.requirement.name
        pins = [] if line.requirement.url else self.constraints.get(canonicalize_name(name), [])
        return list(dict.fromkeys(Pinned(name, each.version, line.hashes | each.hashes) for each in pins))

    def _value(self, variable: re.Match[str]) -> str:
        return self.variables.get(variable[1], variable[0])

    def _included(
        self, file: Path, title: str, named: str, including: tuple[Path, ...]
    ) -> Iterator[_Line | Refused | LeftOut]:
        """Yields the requirements in another requirements file, which an option in `file` includes. `named` is the
        value of this option. `including` is the chain of files that led to the option: it begins with the file that the
        operator names, each file includes the next one, and it ends with `file`.

        If the other file cannot be read, or is already in the chain, the method yields only the reason, as a Refused.
        """
        try:
            name = shlex.split(named)[0]
            if "://" in name:
                raise RegistryError("names a URL; download the file, and name the copy")
            other = file.parent / name
            if other.resolve() in including:
                raise RegistryError("includes itself")
            text = _read(other)
        except (RegistryError, ValueError) as error:
            yield Refused(title, str(error))
            return
        yield from self.entries(other, text, (*including, other.resolve()))

    def _constraints(self, found: Iterator[_Line | Refused | LeftOut]) -> Iterator[_Line | Refused | LeftOut]:
        """Adds the versions that a constraints file pins to the field `constraints`. `found` yields the entries of this
        file. The method yields those entries that are refused or left out, so that the import can report them.

        Ignores constraints that pin no version, because they only restrict the versions that pip chooses from.
        """
        for entry in found:
            if not isinstance(entry, _Line):
                yield entry
            for pinned in entry.pins if isinstance(entry, _Line) else ():
                self.constraints.setdefault(canonicalize_name(pinned.name), []).append(pinned)
