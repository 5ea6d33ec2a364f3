"""Test cases with resources that violate or meet each policy, one module for each subject."""

from __future__ import annotations

from tests.policies.cases import (
    access,
    alarms,
    certificates,
    compute,
    copies,
    database,
    dns,
    edge,
    exemption_rules,
    functions,
    governance,
    identity,
    keys,
    messaging,
    network,
    principals,
    running,
    shields,
    storage,
    watch,
)

CASES = [
    *dns.CASES,
    *edge.CASES,
    *certificates.CASES,
    *network.CASES,
    *shields.CASES,
    *compute.CASES,
    *storage.CASES,
    *copies.CASES,
    *database.CASES,
    *functions.CASES,
    *messaging.CASES,
    *keys.CASES,
    *principals.CASES,
    *identity.CASES,
    *access.CASES,
    *watch.CASES,
    *alarms.CASES,
    *running.CASES,
    *governance.CASES,
    *exemption_rules.CASES,
]
