"""Cases of exceptions from policies."""

from __future__ import annotations

from tests.policies.cases.parts import PRIMARY, Case


def exception(**changes: str) -> str:
    """A sound one, with some keys changed; an empty value leaves the key out."""
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
    Case("exceptions-sound", [PRIMARY], "no such policy", exceptions=exception(policy="bucket-versoned")),
    Case("exceptions-sound", [PRIMARY], "no such policy", exceptions=exception(policy="exceptions-sound")),
    Case("exceptions-sound", [PRIMARY], "expired on 2026-11-23", exceptions=exception(expires="2026-11-23")),
    Case("exceptions-sound", [PRIMARY], "in more than 180 days", exceptions=exception(expires="2027-06-01")),
    Case(
        "exceptions-sound",
        [PRIMARY],
        "in more than 30 days",
        exceptions=exception(),
        config={"days": 30},
    ),
    Case("exceptions-sound", [PRIMARY], "entry 1: reason: field required", exceptions=exception(reason="")),
    Case("exceptions-sound", [PRIMARY], "entry 2: owner: field", exceptions=exception() + exception(owner="")),
    Case("exceptions-sound", [PRIMARY], "entry 1: expires: input should be a valid", exceptions=exception(expires="x")),
    Case("exceptions-sound", [PRIMARY], "reason: string should have at least 20", exceptions=exception(reason="so")),
    Case("exceptions-sound", [PRIMARY], "'**' would match everything", exceptions=exception(resource="'**'")),
    Case("exceptions-sound", [PRIMARY], "entry 1: because: extra inputs", exceptions=exception(because="x")),
    Case("exceptions-sound", [PRIMARY], "unit.yaml is not a list", exceptions="policy: x"),
    Case("exceptions-sound", [PRIMARY], "unit.yaml is not YAML", exceptions="- {policy"),
    Case("exceptions-sound", [PRIMARY], exceptions=exception() + exception(expires="2026-11-24")),
    Case("exceptions-sound", [PRIMARY]),
    Case("exceptions-reported", [PRIMARY], "primary excuses nothing; remove it", exceptions=exception()),
    Case("exceptions-reported", [PRIMARY], exceptions=exception(expires="2026-11-23")),
    Case("exceptions-reported", [PRIMARY]),
]
