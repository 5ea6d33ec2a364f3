"""Validates the conditions of an edge policy's rules.

The edge worker (workers/edge/src/policy.ts) accepts every condition that this module accepts.

Each function checks the value of one condition and returns it unchanged. If the value is invalid, the function raises
ValueError. The message says which values are valid.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any, cast

from packaging.specifiers import InvalidSpecifier, Specifier

# The maximum length of a string in a rule's condition. With a longer string, the edge worker could need too much time
# for the rule.
MOST_RANGE_CHARACTERS = 256
# The name of a rule that the edge worker adds itself. The rule refuses known malware, even if a stack has no edge
# policy (workers/edge/src/policy.ts).
MALWARE_RULE = "known-malware"
_ADVISORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@+-]{0,99}")
_PRINCIPALS = re.compile(r"[A-Za-z0-9._@/+*-]{1,128}")
_METADATA_PATTERN = re.compile(r"[!-~](?:[ -~]{0,98}[!-~])?")
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
_PATTERN = re.compile(r"[a-z0-9@*._~/-]{1,255}")
_RANGE = re.compile(rf"[ -~]{{1,{MOST_RANGE_CHARACTERS}}}")
# Matches 16 digits in a row. npm refuses a version with such a number, because JavaScript cannot represent the number
# exactly.
_UNSAFE_NUMBER = re.compile(r"\d{16}")
_REASON = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]{0,200}")
_PRINCIPAL = re.compile(r"[A-Za-z0-9._@/+-]{1,128}")
# The IPv6 addresses that stand for IPv4 addresses (RFC 4291, section 2.5.5.2). The edge worker treats them as these
# IPv4 addresses.
_IPV4_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")
_TAG = re.compile(r"[A-Za-z0-9_.*-]{1,128}")
# Maps each ecosystem to two values: the pattern that the digest of a file must match, and a description of this pattern
# for error messages.
_DIGESTS = {
    "npm": (re.compile(r"sha512-[A-Za-z0-9+/]{86}=="), "sha512-…, the field `integrity` of package-lock.json"),
    "pypi": (re.compile(r"sha256:[0-9a-f]{64}"), "sha256: and 64 hexadecimal digits in small letters"),
    "oci": (re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}"), "sha256: or sha512: and hexadecimal digits"),
}


def rule_name(text: str) -> str:
    if text == MALWARE_RULE:
        raise ValueError("is the name of the rule that refuses malware; use another name, or exempt an advisory")
    if not _NAME.fullmatch(text):
        raise ValueError("use up to 64 small letters, digits and hyphens, such as no-left-pad; clients read this name")
    return text


def reason(text: str) -> str:
    if not _REASON.fullmatch(text):
        raise ValueError("use up to 200 characters on one line, without control characters; clients read this text")
    return text


def package_pattern(text: str, ecosystem: str) -> str:
    if not _PATTERN.fullmatch(text):
        raise ValueError(
            "matches no package; use small letters, digits and @ . _ ~ / -, and * for any run of characters"
        )
    if ecosystem == "pypi" and re.search(r"[._]|--", text):
        raise ValueError("Python names are matched in PEP 503's normal form; use - for . and _")
    return text


def version_range(text: str, ecosystem: str) -> str:
    if not text.strip() or not _RANGE.fullmatch(text):
        raise ValueError(f"use 1 to {MOST_RANGE_CHARACTERS} printable ASCII characters")
    if ecosystem == "pypi":
        try:
            for part in text.split(","):
                Specifier(part)
        except InvalidSpecifier:
            raise ValueError("is not a PEP 440 version specifier; write one such as >=1.3,<2 or ==1.4.*") from None
        if "===" in text:
            raise ValueError("=== compares texts, not versions; use ==")
    elif not _is_npm_range(text):
        raise ValueError("is not an npm version range; write one such as >=1.3.0 <2.0.0, ^1.2.3 or 1.4.x || 1.6.0")
    return text


def _is_npm_range(text: str) -> bool:
    import nodesemver  # pyright: ignore[reportMissingTypeStubs]  # imported here, because only npm rules need it

    if _UNSAFE_NUMBER.search(text) or not all(part.strip() for part in text.split("||")):
        return False
    return cast(Any, nodesemver).valid_range(text, False) is not None


def principal(text: str) -> str:
    if not _PRINCIPAL.fullmatch(text):
        raise ValueError("is not the name of a principal; use up to 128 letters, digits and . _ @ / + -")
    return text


def tag_pattern(text: str) -> str:
    if not _TAG.fullmatch(text):
        raise ValueError("matches no tag; use letters, digits and . _ -, and * for any run of characters")
    return text


def digest(text: str, ecosystem: str) -> str:
    form, example = _DIGESTS[ecosystem]
    if not form.fullmatch(text):
        raise ValueError(f"is not a digest of a file in the ecosystem {ecosystem}; write {example}")
    return text


def advisory(text: str) -> str:
    if not _ADVISORY.fullmatch(text):
        raise ValueError("is no ID of an advisory; write one such as MAL-2026-1, GHSA-aaaa-bbbb-cccc or CVE-2026-1")
    return text


def metadata_pattern(text: str) -> str:
    if not _METADATA_PATTERN.fullmatch(text):
        raise ValueError("use 1 to 100 printable ASCII characters, without spaces at both ends, such as MIT or BSD-*")
    return text


def principal_pattern(text: str) -> str:
    if not _PRINCIPALS.fullmatch(text):
        raise ValueError("matches no principal; use letters, digits and . _ @ / + -, and * for any run of characters")
    return text


def network(text: str) -> str:
    """Checks one of the networks that the edge blocks. The notation must be canonical, as `ipaddress` writes it."""
    try:
        if "%" in text:  # the zone of an IPv6 address (RFC 4007), which `ipaddress` accepts
            raise ValueError
        found = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError("is not a network; write one such as 192.0.2.0/24, 192.0.2.7/32 or 2001:db8::/32") from None
    if isinstance(found, ipaddress.IPv6Network) and found.subnet_of(_IPV4_MAPPED) and found != _IPV4_MAPPED:
        ipv4 = ipaddress.IPv4Network((found.network_address.packed[12:], found.prefixlen - 96))
        raise ValueError(f"is an IPv4 network in the form of IPv6; write {ipv4}")
    if found.prefixlen == 0 or (isinstance(found, ipaddress.IPv6Network) and found.overlaps(_IPV4_MAPPED)):
        raise ValueError("contains all IPv4 or all IPv6 addresses; write a smaller network")
    if str(found) == text:
        return text
    address = ipaddress.ip_interface(text)
    if address.ip == found.network_address or "/" not in text:
        raise ValueError(f"write {found}")
    raise ValueError(f"write {found} for the network, or {address.ip}/{address.max_prefixlen} for the address alone")
