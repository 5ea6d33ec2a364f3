"""Determines the severity of an advisory. The severity comes from the level in the OSV record, or from CVSS vectors of
version 3.

Sources: FIRST, "CVSS v3.1: Specification Document", sections 5 (levels), 7.1 and 7.4 (base score) and appendix A
(rounding); GitHub's advisory database, which writes `database_specific.severity`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

# The severity levels of advisories. Malware is above all levels of vulnerabilities. An advisory has the level `unknown`
# if its OSV record states no severity.
Level = Literal["malware", "critical", "high", "medium", "low", "unknown"]
SEVERITIES: Sequence[Level] = ("critical", "high", "medium", "low")

_LEVELS: Sequence[Level] = ("malware", *SEVERITIES)
_WORDS: Mapping[str, Level] = {
    "CRITICAL": "critical", "HIGH": "high", "MODERATE": "medium", "MEDIUM": "medium", "LOW": "low",
}  # fmt: skip
# The lowest CVSS base score of each severity level.
_SCORES: Sequence[tuple[float, Level]] = ((9.0, "critical"), (7.0, "high"), (4.0, "medium"), (0.1, "low"))
_BASE = re.compile(r"CVSS:3\.[01]((?:/[A-Z]{1,3}:[A-Z])+)")
_IMPACT = {"H": 0.56, "L": 0.22, "N": 0.0}
_WEIGHTS = {
    "AV": {"N": 0.85, "A": 0.62, "L": 0.55, "P": 0.2},
    "AC": {"L": 0.77, "H": 0.44},
    "UI": {"N": 0.85, "R": 0.62},
    "C": _IMPACT,
    "I": _IMPACT,
    "A": _IMPACT,
}
_PRIVILEGES = {"U": {"N": 0.85, "L": 0.62, "H": 0.27}, "C": {"N": 0.85, "L": 0.68, "H": 0.5}}


def level(words: Iterable[object], vectors: Iterable[str]) -> Level:
    """Returns the severity level of a vulnerability. `words` are the levels that the vulnerability's OSV records state,
    and `vectors` are CVSS vectors. A stated level takes precedence over the vectors.

    Returns `unknown` if none of the stated levels is known, and none of the vectors has the CVSS version 3.0 or 3.1.
    """
    stated: list[Level] = [_WORDS[word.upper()] for word in words if isinstance(word, str) and word.upper() in _WORDS]
    if stated:
        return highest(stated)
    return highest(_level_of(score) for score in map(base_score, vectors) if score is not None)


def highest(levels: Iterable[Level]) -> Level:
    found = set(levels)
    for each in _LEVELS:
        if each in found:
            return each
    return "unknown"


def base_score(vector: str) -> float | None:
    """Returns the base score of a CVSS vector of version 3.0 or 3.1. Returns None for any other string."""
    match = _BASE.fullmatch(vector)
    if match is None:
        return None
    metrics = dict(part.split(":") for part in match[1].lstrip("/").split("/"))
    try:
        weights = {name: values[metrics[name]] for name, values in _WEIGHTS.items()}
        is_changed = {"U": False, "C": True}[metrics["S"]]
        privileges = _PRIVILEGES[metrics["S"]][metrics["PR"]]
    except KeyError:
        return None
    base = 1 - (1 - weights["C"]) * (1 - weights["I"]) * (1 - weights["A"])
    impact = 7.52 * (base - 0.029) - 3.25 * (base - 0.02) ** 15 if is_changed else 6.42 * base
    if impact <= 0:
        return 0.0
    exploitability = 8.22 * weights["AV"] * weights["AC"] * privileges * weights["UI"]
    return _rounded_up(min((1.08 if is_changed else 1.0) * (impact + exploitability), 10))


def _rounded_up(score: float) -> float:
    """Rounds a CVSS score up to one decimal place. Computes with integers, because floating-point errors could change
    the result.
    """
    whole = round(score * 100_000)
    return whole / 100_000 if whole % 10_000 == 0 else (whole // 10_000 + 1) / 10


def _level_of(score: float) -> Level:
    for lowest, found in _SCORES:
        if score >= lowest:
            return found
    return "low"
