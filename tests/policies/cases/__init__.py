"""Each policy violated and met, by concern."""

from __future__ import annotations

from tests.policies.cases import compute, database, dns, edge, governance, identity, network, review, storage

CASES = [
    *dns.CASES,
    *edge.CASES,
    *network.CASES,
    *compute.CASES,
    *storage.CASES,
    *database.CASES,
    *identity.CASES,
    *governance.CASES,
    *review.CASES,
]
