"""Builds OSV records (descriptions of vulnerabilities) in the forms of three public databases: GitHub, PyPA, and the
OpenSSF's malicious packages.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

CRITICAL = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"


def record(id: str, *affected: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"schema_version": "1.7.3", "id": id, "modified": "2026-11-01T00:00:00Z", "affected": list(affected), **more}


def package(ecosystem: str, name: str, **more: Any) -> dict[str, Any]:
    return {"package": {"ecosystem": ecosystem, "name": name}, **more}


def semver(*events: dict[str, str], kind: str = "SEMVER") -> dict[str, Any]:
    return {"type": kind, "events": list(events)}


def malware(id: str, ecosystem: str, name: str, *versions: str) -> dict[str, Any]:
    """Returns an OSV record about malware, in one of the two forms that the OpenSSF publishes. With `versions`, the
    record lists the affected versions. Without `versions`, the record says that all versions are affected.
    """
    if versions:
        return record(id, package(ecosystem, name, versions=list(versions)), summary=f"Malicious code in {name}")
    return record(id, package(ecosystem, name, ranges=[semver({"introduced": "0"})]), aliases=["GHSA-1111-2222-3333"])


def github(id: str, name: str, severity: str, *events: dict[str, str]) -> dict[str, Any]:
    specific = {"cwe_ids": ["CWE-79"], "severity": severity, "github_reviewed": True}
    return record(
        id, package("npm", name, ranges=[semver(*events)]), aliases=["CVE-2026-1"], database_specific=specific
    )


def pypa(id: str, name: str, *events: dict[str, str], **more: Any) -> dict[str, Any]:
    """Returns an OSV record in the form that PyPA publishes. The record has a list of versions, a range of the type
    ECOSYSTEM, and a range of the type GIT.
    """
    commits = {
        "type": "GIT",
        "repo": "https://git.example/project",
        "events": [{"introduced": "0"}, {"fixed": "a" * 40}],
    }
    ranges = [commits, semver(*events, kind="ECOSYSTEM")]
    return record(id, package("PyPI", name, ranges=ranges, versions=["1.0", "1.1", "2004d"]), **more)


def write(directory: Path, *found: dict[str, Any]) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    for each in found:
        (directory / f"{each['id']}.json").write_text(json.dumps(each))
    return directory
