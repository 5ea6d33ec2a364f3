"""All policies of the pack, in the order in which a request passes through the tiers: from the client's DNS name to the
origin and its metadata.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from pulumi_policy import Policy

from policies.rules import (
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
    hostnames,
    identity,
    keys,
    lifecycles,
    messaging,
    network,
    principals,
    shields,
    storage,
    watch,
)

_RULES: list[Policy] = [
    *dns.POLICIES,
    *edge.POLICIES,
    *hostnames.POLICIES,
    *certificates.POLICIES,
    *network.POLICIES,
    *shields.POLICIES,
    *compute.POLICIES,
    *storage.POLICIES,
    *lifecycles.POLICIES,
    *copies.POLICIES,
    *database.POLICIES,
    *functions.POLICIES,
    *messaging.POLICIES,
    *keys.POLICIES,
    *principals.POLICIES,
    *identity.POLICIES,
    *access.POLICIES,
    *watch.POLICIES,
    *alarms.POLICIES,
    *governance.POLICIES,
]

# Former names of policies, and the name that each policy has today.
RENAMED: Mapping[str, str] = json.loads(Path(__file__).with_name("renamed.json").read_text())

POLICIES: list[Policy] = [*_RULES, *exemption_rules.policies({policy.name for policy in _RULES}, RENAMED)]
