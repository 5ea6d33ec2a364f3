"""Tests which advisories the registry reads from the OSV records of public databases. If the registry cannot read a
record, it must report the record with a reason.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from registry import RegistryError
from registry.advisories.data_set import compiled
from registry.advisories.osv import Advisory, LeftOut, read, stored
from registry.advisories.severity import base_score
from tests.support.osv_records import CRITICAL, github, malware, package, pypa, record, semver


def advisories(found: dict[str, Any]) -> list[Advisory]:
    result = read(json.dumps(found).encode())
    assert not isinstance(result, LeftOut), result
    assert [stored(each.text) for each in result] == list(result)
    return list(result)


def test_malware_affects_all_versions_without_a_severity() -> None:
    (found,) = advisories(malware("MAL-2026-1", "npm", "Left-Pad"))
    assert (found.ecosystem, found.name, found.level) == ("npm", "left-pad", "malware")
    assert compiled([found]) == {
        "bounds": [],
        "advisories": [
            {"id": "MAL-2026-1", "level": "malware", "aliases": ["GHSA-1111-2222-3333"], "spans": [[0]]},
        ],
    }


def test_malware_in_a_few_versions_of_a_package_affects_only_these() -> None:
    (found,) = advisories(malware("MAL-2026-2", "npm", "debug", "4.4.2", "3.0.0"))
    assert compiled([found])["bounds"] == ["3.0.0", "4.4.2"]
    assert compiled([found])["advisories"][0]["spans"] == [[1, 1], [3, 3]]


def test_github_states_the_severity_in_its_own_field() -> None:
    for word, level in (("CRITICAL", "critical"), ("HIGH", "high"), ("MODERATE", "medium"), ("LOW", "low")):
        (found,) = advisories(github("GHSA-aaaa-bbbb-cccc", "web", word, {"introduced": "0"}, {"fixed": "1.2.3"}))
        assert found.level == level


def test_python_names_are_normalized_and_commits_do_not_count() -> None:
    (found,) = advisories(pypa("PYSEC-2026-1", "Demo_Tool.X", {"introduced": "0"}, {"fixed": "1.1"}))
    assert (found.ecosystem, found.name, found.level) == ("pypi", "demo-tool-x", "unknown")
    assert compiled([found])["bounds"] == ["1.1"]
    assert compiled([found])["advisories"][0]["spans"] == [[0, 1]]


def test_a_severity_comes_from_the_vector_of_the_record_or_of_the_package() -> None:
    vector = [{"type": "CVSS_V3", "score": CRITICAL}]
    whole = pypa("PYSEC-2026-2", "demo", {"introduced": "0"}, severity=vector)
    assert advisories(whole)[0].level == "critical"
    part = record("PYSEC-2026-3", package("PyPI", "demo", versions=["1"], severity=vector))
    assert advisories(part)[0].level == "critical"


def test_an_alias_in_the_same_package_gives_the_severity_that_a_record_lacks() -> None:
    specific = {"severity": "HIGH"}
    two = [
        record("GHSA-1", package("PyPI", "demo", versions=["1"]), aliases=["CVE-2026-7"], database_specific=specific),
        record("PYSEC-2026-4", package("PyPI", "demo", versions=["1"]), aliases=["CVE-2026-7", "GHSA-1"]),
        record("PYSEC-2026-5", package("PyPI", "demo", versions=["1"]), aliases=["CVE-2026-8"]),
    ]
    found = compiled([advisories(each)[0] for each in two])
    assert [each["level"] for each in found["advisories"]] == ["high", "high", "unknown"]


@pytest.mark.parametrize(
    ("vector", "score"),
    [
        # The examples in FIRST's document "CVSS v3.1: Examples". Each is a vector of a CVE with its base score.
        ("CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:C/C:L/I:L/A:N", 6.4),  # CVE-2013-0375
        ("CVSS:3.1/AV:N/AC:H/PR:N/UI:R/S:U/C:L/I:N/A:N", 3.1),  # CVE-2014-3566
        ("CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:C/C:H/I:H/A:H", 9.9),  # CVE-2012-1516
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N", 7.5),  # CVE-2014-0160
        ("CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 9.8),  # CVE-2014-6271
        ("CVSS:3.1/AV:P/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", 0.0),
        ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", None),
        ("CVSS:3.1/AV:N", None),
        ("AV:N/AC:L/Au:N/C:P/I:P/A:P", None),
    ],
)
def test_the_base_score_is_that_of_the_specification(vector: str, score: float | None) -> None:
    assert base_score(vector) == score


def test_withdrawn_records_and_other_ecosystems_are_left_out() -> None:
    withdrawn = malware("MAL-2026-3", "npm", "web") | {"withdrawn": "2026-11-02T00:00:00Z"}
    assert read(json.dumps(withdrawn).encode()) == LeftOut("withdrawn")
    for ecosystem in ("Go", "Root:npm", "Maven"):
        other = record("GHSA-2", package(ecosystem, "web", versions=["1"]))
        assert read(json.dumps(other).encode()) == LeftOut("of other ecosystems")
    assert read(json.dumps(record("CVE-2026-2")).encode()) == LeftOut("of other ecosystems")


def test_one_record_of_two_packages_becomes_two_advisories() -> None:
    both = record(
        "GHSA-3",
        package("npm", "web", ranges=[semver({"introduced": "1.0.0"}, {"fixed": "1.1.0"})]),
        package("npm", "web", versions=["3.0.0"]),
        package("PyPI", "web", versions=["1.0"]),
    )
    npm, pypi = advisories(both)
    assert (npm.ecosystem, pypi.ecosystem) == ("npm", "pypi")
    assert compiled([npm])["advisories"][0]["spans"] == [[1, 2], [5, 5]]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "is no JSON"),
        ("[]", "is no JSON"),
        ("{}", "id: field required"),
        ('{"id": "a b"}', "id: string should match pattern"),
        ('{"id": "GHSA-1", "affected": {}}', "affected: input should be a valid"),
        (json.dumps(record("GHSA-1", package("npm", "web"))), "affected.0: names neither versions nor a range"),
        (
            json.dumps(record("GHSA-1", package("npm", "web", ranges=[semver({"introduced": "0"}, kind="OTHER")]))),
            "web: a range has the unknown type 'OTHER'",
        ),
        (
            json.dumps(record("GHSA-1", package("npm", "web", ranges=[semver({"introduced": "0", "fixed": "1.0.0"})]))),
            "web: an event needs one version",
        ),
        (
            json.dumps(record("GHSA-1", package("npm", "web", ranges=[semver({"introduced": "0"}, {"fixed": "x"})]))),
            "web: fixed 'x' is not a version of npm",
        ),
    ],
)
def test_a_bad_record_says_why(text: str, reason: str) -> None:
    with pytest.raises(RegistryError, match=reason):
        read(text.encode())
