"""Detects text that looks like a secret. Results name only the kind of secret and never repeat the secret."""

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
    # A URL with a placeholder in place of the password, such as ${PASSWORD}, <password> or %s, does not match.
    "a URL with a password": re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s/:@'\"`]*:[^\s/:@$<{%'\"`][^\s/@'\"`]*@"),
    "a JSON web token": re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"),
}
_RUN = re.compile(r"[A-Za-z0-9+/_-]{32,}={0,2}")
# The first bytes of gzip data in base64 (RFC 1952, section 2.3.1: 1f 8b 08).
GZIP_IN_BASE64 = "H4sI"
_PACKED = re.compile(rf"\b{GZIP_IN_BASE64}[A-Za-z0-9+/\s]+={{0,2}}")
_GZIP = 16 + zlib.MAX_WBITS  # zlib expects a gzip header when `wbits` has this value
# A run of 32 or more characters counts as random if it has at least this entropy per character, in bits. 43 random
# characters of base64 have 4.9 bits on average. Paths, host names and English words have less than 4.2 bits.
_RANDOM_BITS = 4.25
# A string in no known secret format counts as a secret only if it contains at least this many consecutive characters
# other than -, _ and /. Of 100 random strings of 43 base64 characters, 99 do. Long identifiers, such as those of disks,
# do not.
_UNBROKEN = 12


def secrets_in(text: str) -> list[str]:
    """Returns the kinds of secrets that the text seems to contain. The function also checks gzip files that are
    embedded in the text as base64, as in cloud-init's encoding gz+b64.
    """
    plain = _PACKED.sub("", text)
    found = [kind for kind, pattern in _KINDS.items() if pattern.search(plain)]
    if not found and any(_is_random(run) for run in _RUN.findall(plain)):
        found.append("a long random text")
    within = [kind for packed in _unpacked(text) for kind in secrets_in(packed)]
    return list(dict.fromkeys([*found, *within]))


def _unpacked(text: str) -> Iterator[str]:
    """Yields the decompressed content of each gzip file that `text` contains in base64.

    Line breaks can split the base64 of a file, so the regular expression matches across lines. The match can therefore
    include words after the base64. Decoded, these words are bytes after the end of the gzip file, and the function
    ignores them.
    """
    for packed in _PACKED.findall(text):
        letters = "".join(packed.split()).rstrip("=")
        data = base64.b64decode(letters[: len(letters) // 4 * 4])
        with suppress(zlib.error):  # this part of the text only looks like a gzip file
            yield zlib.decompressobj(wbits=_GZIP).decompress(data).decode(errors="replace")


def _is_random(run: str) -> bool:
    unbroken = max(len(piece) for piece in re.split("[-_/]", run)) >= _UNBROKEN
    mixed = all(any(test(letter) for letter in run) for test in (str.islower, str.isupper, str.isdigit))
    shares = [count / len(run) for count in Counter(run).values()]
    return unbroken and mixed and -sum(share * log2(share) for share in shares) >= _RANDOM_BITS
