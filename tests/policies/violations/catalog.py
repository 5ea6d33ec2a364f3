"""A catalogue of harmful changes to a stack, grouped by subject. Tests make each change, and check whether the policy
pack reports a violation. The pack must report most of the changes. The catalogue marks the changes that it misses.
"""

from __future__ import annotations

from tests.policies.violations import (
    MISSED,
    Violation,
    data,
    delivery,
    elsewhere,
    google_project,
    held_policies,
    objects,
    principals,
    protections,
    rights,
    roles,
    running,
    unseen,
    watching,
    worker,
    writers,
)

_ALL: list[Violation] = [
    *principals.VIOLATIONS,
    *held_policies.VIOLATIONS,
    *roles.VIOLATIONS,
    *rights.VIOLATIONS,
    *writers.VIOLATIONS,
    *google_project.VIOLATIONS,
    *objects.VIOLATIONS,
    *data.VIOLATIONS,
    *protections.VIOLATIONS,
    *running.VIOLATIONS,
    *worker.VIOLATIONS,
    *delivery.VIOLATIONS,
    *watching.VIOLATIONS,
    *elsewhere.VIOLATIONS,
    *unseen.VIOLATIONS,
]

VIOLATIONS = [each for each in _ALL if each.policy != MISSED]
NOT_FOUND = [each for each in _ALL if each.policy == MISSED]
