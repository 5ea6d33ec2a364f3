"""Test cases for the policies that check a stack's exemptions."""

from __future__ import annotations

from tests.policies.cases.parts import PRIMARY, Case


def exemption(**changes: str) -> str:
    """Returns a valid exemption as YAML. `changes` overrides fields of the exemption. A field that is overridden with
    an empty string is left out.
    """
    entry = {
        "policy": "multi-bucket-versioned",
        "resource": "'*::aws:s3/bucket:Bucket::primary'",
        "reason": "is filled anew each night from the primary",
        "owner": "platform",
        "expires": "2027-01-31",
        **changes,
    }
    return "- {" + ", ".join(f"{key}: {value}" for key, value in entry.items() if value) + "}\n"


CASES = [
    Case(
        "stack-exemptions-valid",
        [PRIMARY],
        "there is no policy bucket-versoned",  # words-ok: misspelt on purpose
        exemptions=exemption(policy="bucket-versoned"),  # words-ok: misspelt on purpose
    ),
    Case(
        "stack-exemptions-valid",
        [PRIMARY],
        "this policy allows no exemption",
        exemptions=exemption(policy="stack-exemptions-valid"),
    ),
    Case("stack-exemptions-valid", [PRIMARY], "expired on 2026-11-23", exemptions=exemption(expires="2026-11-23")),
    Case("stack-exemptions-valid", [PRIMARY], "in more than 180 days", exemptions=exemption(expires="2027-06-01")),
    Case(
        "stack-exemptions-valid",
        [PRIMARY],
        "in more than 30 days",
        exemptions=exemption(),
        config={"days": 30},
    ),
    Case("stack-exemptions-valid", [PRIMARY], "entry 1: reason: field required", exemptions=exemption(reason="")),
    Case("stack-exemptions-valid", [PRIMARY], "entry 2: owner: field", exemptions=exemption() + exemption(owner="")),
    Case(
        "stack-exemptions-valid",
        [PRIMARY],
        "entry 1: expires: input should be a valid",
        exemptions=exemption(expires="x"),
    ),
    Case(
        "stack-exemptions-valid", [PRIMARY], "reason: string should have at least 20", exemptions=exemption(reason="so")
    ),
    Case("stack-exemptions-valid", [PRIMARY], "'**' would match everything", exemptions=exemption(resource="'**'")),
    *[
        Case("stack-exemptions-valid", [PRIMARY], "would match everything", exemptions=exemption(resource=pattern))
        for pattern in ("'urn:pulumi:*'", "'*::artifact-edge::*'")
    ],
    Case("stack-exemptions-valid", [PRIMARY], "entry 1: because: extra inputs", exemptions=exemption(because="x")),
    Case("stack-exemptions-valid", [PRIMARY], "unit.yaml is not a list", exemptions="policy: x"),
    Case("stack-exemptions-valid", [PRIMARY], "unit.yaml is not YAML", exemptions="- {policy"),
    Case("stack-exemptions-valid", [PRIMARY], exemptions=exemption() + exemption(expires="2026-11-24")),
    Case("stack-exemptions-valid", [PRIMARY]),
    Case("stack-exemptions-reported", [PRIMARY], "primary covers nothing; remove it", exemptions=exemption()),
    Case("stack-exemptions-reported", [PRIMARY], exemptions=exemption(expires="2026-11-23")),
    Case("stack-exemptions-reported", [PRIMARY]),
]
