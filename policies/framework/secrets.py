"""What looks like a secret, in texts where none may be. What was found is never repeated, only what kind it is."""

from __future__ import annotations

import base64
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from math import log2

_KINDS = {
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "an AWS access key id": re.compile(r"\b(AKIA|ASIA)[A-Z2-7]{16}\b"),
    "an artifact-edge token": re.compile(r"\bae_[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])"),
    "a GitHub token": re.compile(r"\b(gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{82})\b"),
    "a Google API key": re.compile(r"\bAIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])"),
    "an npm token": re.compile(r"\bnpm_[A-Za-z0-9]{36}\b"),
    "a Slack token": re.compile(r"\bxox[abposr]-[A-Za-z0-9-]{10,}"),
    "a JSON web token": re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"),
}
_RUN = re.compile(r"[A-Za-z0-9+/_-]{32,}={0,2}")
GZIP_IN_BASE64 = "H4sI"
"""How gzip begins (RFC 1952, section 2.3.1: 1f 8b 08), in base64."""
_PACKED = re.compile(rf"\b{GZIP_IN_BASE64}[A-Za-z0-9+/\s]+={{0,2}}")
_GZIP = 16 + zlib.MAX_WBITS  # zlib's way to ask for a gzip header
_RANDOM_BITS = 4.25
"""Entropy of a character, in bits, from which a run of 32 and more is taken to be made by a machine. 43 random
characters of base64 have 4.9 on average; paths, host names and English words have less than 4.2."""
_UNBROKEN = 12
"""Characters without - _ or / between them that a random text has somewhere: 43 of base64 lack that once in 100.
Long identifiers, such as those of disks, are words of fewer characters."""


def secrets_in(text: str) -> list[str]:
    """What kinds of secret the text seems to hold. Compressed files within (cloud-init's gz+b64) are looked into."""
    plain = _PACKED.sub("", text)
    found = [kind for kind, pattern in _KINDS.items() if pattern.search(plain)]
    if not found and any(_is_random(run) for run in _RUN.findall(plain)):
        found.append("a long random text")
    within = [kind for packed in _unpacked(text) for kind in secrets_in(packed)]
    return list(dict.fromkeys([*found, *within]))


def _unpacked(text: str) -> Iterator[str]:
    """What stands behind a file's end is cut off: base64 without padding runs on into the next line's letters."""
    for packed in _PACKED.findall(text):
        letters = "".join(packed.split()).rstrip("=")
        data = base64.b64decode(letters[: len(letters) // 4 * 4])
        with suppress(zlib.error):  # it only looked like a compressed file
            yield zlib.decompressobj(wbits=_GZIP).decompress(data).decode(errors="replace")


def _is_random(run: str) -> bool:
    unbroken = max(len(piece) for piece in re.split("[-_/]", run)) >= _UNBROKEN
    mixed = all(any(test(letter) for letter in run) for test in (str.islower, str.isupper, str.isdigit))
    shares = [count / len(run) for count in Counter(run).values()]
    return unbroken and mixed and -sum(share * log2(share) for share in shares) >= _RANDOM_BITS
