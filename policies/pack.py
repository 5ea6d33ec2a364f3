"""All policies of the pack, in the order in which a request passes through the tiers: from the client's DNS name to the
origin and its metadata.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from pulumi_policy import Policy

from policies.rules import (
    accelerator,
    access,
    alarm_delivery,
    alarms,
    certificates,
    compute,
    copies,
    database,
    denials,
    dns,
    edge,
    events,
    exemption_rules,
    functions,
    google_balancer,
    google_roles,
    governance,
    hostnames,
    identity,
    keys,
    lifecycles,
    locks,
    messaging,
    network,
    permissions,
    principals,
    references,
    shields,
    storage,
    trusts,
    waf,
    watch,
    worker,
)

_RULES: list[Policy] = [
    *dns.POLICIES,
    *accelerator.POLICIES,
    *google_balancer.POLICIES,
    *edge.POLICIES,
    *waf.POLICIES,
    *hostnames.POLICIES,
    *worker.POLICIES,
    *certificates.POLICIES,
    *network.POLICIES,
    *shields.POLICIES,
    *compute.POLICIES,
    *storage.POLICIES,
    *lifecycles.POLICIES,
    *copies.POLICIES,
    *locks.POLICIES,
    *database.POLICIES,
    *functions.POLICIES,
    *events.POLICIES,
    *messaging.POLICIES,
    *keys.POLICIES,
    *principals.POLICIES,
    *references.POLICIES,
    *trusts.POLICIES,
    *denials.POLICIES,
    *identity.POLICIES,
    *permissions.POLICIES,
    *access.POLICIES,
    *google_roles.POLICIES,
    *watch.POLICIES,
    *alarms.POLICIES,
    *alarm_delivery.POLICIES,
    *governance.POLICIES,
]

# Maps each former name of a policy to the name that the policy has today.
RENAMED: Mapping[str, str] = json.loads(Path(__file__).with_name("renamed.json").read_text())

POLICIES: list[Policy] = [*_RULES, *exemption_rules.policies({policy.name for policy in _RULES}, RENAMED)]
