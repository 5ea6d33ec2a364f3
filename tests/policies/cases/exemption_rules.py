"""Cases of exemptions from policies."""

from __future__ import annotations

from tests.policies.cases.parts import PRIMARY, Case


def exemption(**changes: str) -> str:
    """A valid entry, with some keys changed; an empty value leaves the key out."""
    entry = {
        "policy": "bucket-versioned",
        "resource": "'*::aws:s3/bucket:Bucket::primary'",
        "reason": "is filled anew each night from the primary",
        "owner": "platform",
        "expires": "2027-01-31",
        **changes,
    }
    return "- {" + ", ".join(f"{key}: {value}" for key, value in entry.items() if value) + "}\n"


CASES = [
    Case("exceptions-sound", [PRIMARY], "no such policy", exemptions=exemption(policy="bucket-versoned")),
    Case("exceptions-sound", [PRIMARY], "no such policy", exemptions=exemption(policy="exceptions-sound")),
    Case("exceptions-sound", [PRIMARY], "expired on 2026-11-23", exemptions=exemption(expires="2026-11-23")),
    Case("exceptions-sound", [PRIMARY], "in more than 180 days", exemptions=exemption(expires="2027-06-01")),
    Case(
        "exceptions-sound",
        [PRIMARY],
        "in more than 30 days",
        exemptions=exemption(),
        config={"days": 30},
    ),
    Case("exceptions-sound", [PRIMARY], "entry 1: reason: field required", exemptions=exemption(reason="")),
    Case("exceptions-sound", [PRIMARY], "entry 2: owner: field", exemptions=exemption() + exemption(owner="")),
    Case("exceptions-sound", [PRIMARY], "entry 1: expires: input should be a valid", exemptions=exemption(expires="x")),
    Case("exceptions-sound", [PRIMARY], "reason: string should have at least 20", exemptions=exemption(reason="so")),
    Case("exceptions-sound", [PRIMARY], "'**' would match everything", exemptions=exemption(resource="'**'")),
    Case("exceptions-sound", [PRIMARY], "entry 1: because: extra inputs", exemptions=exemption(because="x")),
    Case("exceptions-sound", [PRIMARY], "unit.yaml is not a list", exemptions="policy: x"),
    Case("exceptions-sound", [PRIMARY], "unit.yaml is not YAML", exemptions="- {policy"),
    Case("exceptions-sound", [PRIMARY], exemptions=exemption() + exemption(expires="2026-11-24")),
    Case("exceptions-sound", [PRIMARY]),
    Case("exceptions-reported", [PRIMARY], "primary covers nothing; remove it", exemptions=exemption()),
    Case("exceptions-reported", [PRIMARY], exemptions=exemption(expires="2026-11-23")),
    Case("exceptions-reported", [PRIMARY]),
]
