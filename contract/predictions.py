"""Encodes the list of packages and files that clients request after they have read a document of a package. The edge
worker prefetches the entries of the list.

The registry stores the list as an entry `next` in the metadata of the document's object. The list therefore reaches the
edge with the document, without another request. `workers/edge/src/successors.ts` decodes the list.

    list       = release *( ";" release )
    release    = [ "!" ] name *( " " dependency )
    dependency = name [ "@" range ]

A release is a version of an npm package, or a file of a Python project. A client without a version range selects the
first release in the list. `!` means that the edge does not prefetch the release's file. A dependency is a package of
the same ecosystem, with the range of allowed versions. Names and ranges are percent-encoded. A release lists only its
direct dependencies, so the list stays correct when a dependency changes its own dependencies. The first release also
lists co-downloads after its dependencies. These are other packages that clients often install together with the
document's package.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

# The name of the object metadata entry that lists what clients will probably request next. Object stores add a prefix
# to this name. On S3, for example, the entry is called `x-amz-meta-next`.
NEXT = "next"

# The maximum number of characters in the encoded list of upcoming requests. S3 stores at most 2 KB of metadata for an
# object (S3 User Guide, "Working with object metadata"). The other metadata entries of a document's object need less
# than 300 bytes.
CHARACTERS = 1500

# The maximum number of releases in the list of a document. A release is a version of an npm package or a file of a
# Python project that clients will probably request next.
RELEASES = 16

# The size in bytes of the largest file that the edge prefetches. A larger file would displace many small objects from
# the edge's cache.
FILE_BYTES = 8 << 20

# These punctuation characters stay unchanged in the list of upcoming requests. All other characters, except ASCII
# letters and digits, are percent-encoded. `;`, `!`, `%` and spaces have a meaning in the format of the list, so names
# and ranges may contain them only in encoded form.
_PLAIN = "@/^~<>=|*+.,-_()"


@dataclass(frozen=True)
class Release:
    """A release: one version of an npm package or one file of a Python project, which clients are likely to request
    next. `dependencies` maps the name of each package that the release requires to the range of allowed versions. An
    empty range allows every version.
    """

    name: str
    dependencies: Mapping[str, str] = field(default_factory=dict[str, str])
    prefetched: bool = True


def encode(releases: Sequence[Release]) -> str:
    """Returns the encoded list of the given releases (versions or files of packages). The caller sorts the releases by
    importance, the most important first.

    The list has a maximum length. The function adds the first release with its dependencies, and then the names of all
    further releases. It then adds the dependencies of the further releases until the list is full.
    """
    kept = [[("" if each.prefetched else "!") + _text(each.name)] for each in releases[:RELEASES]]
    left = CHARACTERS
    encoded: list[list[str]] = []
    for tokens, release in zip(kept, releases, strict=False):
        left -= len(tokens[0]) + 1
        if left < 0:
            break
        encoded.append(tokens)
        if len(encoded) == 1:
            left = _fill(tokens, release, left)
    for tokens, release in list(zip(encoded, releases, strict=False))[1:]:
        left = _fill(tokens, release, left)
    return ";".join(" ".join(tokens) for tokens in encoded)


def names_in(text: str) -> set[str]:
    """Returns the names of all dependencies in `text`, a list of packages and files that `encode` returned."""
    dependencies = [unquote(token) for release in text.split(";") for token in release.split(" ")[1:]]
    return {each[:1] + each[1:].partition("@")[0] for each in dependencies}


def _fill(tokens: list[str], release: Release, left: int) -> int:
    """Appends each encoded dependency of a release to `tokens` if it fits into the remaining space. `tokens` are the
    parts of the release's entry in the list of upcoming requests. `left` is the remaining space of the list, in
    characters. Returns the space that is left afterwards.
    """
    for name, wanted in release.dependencies.items():
        token = _text(name) + (f"@{_text(wanted)}" if wanted else "")
        if len(token) < left:
            tokens.append(token)
            left -= len(token) + 1
    return left


def _text(value: str) -> str:
    return quote(value, safe=_PLAIN, errors="replace")
