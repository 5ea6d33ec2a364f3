"""Lists all violations that the policy pack must find, grouped by kind."""

from __future__ import annotations

from tests.policies.violations import Violation, objects, principals, protections, rights, running, watching, writers

VIOLATIONS: list[Violation] = [
    *principals.VIOLATIONS,
    *rights.VIOLATIONS,
    *writers.VIOLATIONS,
    *objects.VIOLATIONS,
    *protections.VIOLATIONS,
    *running.VIOLATIONS,
    *watching.VIOLATIONS,
]
