"""Each policy violated and met, by concern."""

from __future__ import annotations

from tests.policies.cases import (
    compute,
    copies,
    database,
    dns,
    edge,
    functions,
    governance,
    identity,
    keys,
    network,
    review,
    shields,
    storage,
    watch,
)

CASES = [
    *dns.CASES,
    *edge.CASES,
    *network.CASES,
    *shields.CASES,
    *compute.CASES,
    *storage.CASES,
    *copies.CASES,
    *database.CASES,
    *functions.CASES,
    *keys.CASES,
    *identity.CASES,
    *watch.CASES,
    *governance.CASES,
    *review.CASES,
]
