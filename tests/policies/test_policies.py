"""Tests each policy on resources that violate it and on resources that meet it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import pytest
from pulumi_policy import PolicyResource
from pulumi_policy.proxy import UNKNOWN_BOOLEAN_VALUE, UNKNOWN_STRING_VALUE, UnknownValueError

from policies.framework.declare import governs, known
from policies.pack import POLICIES
from policies.reference import PAGE, page
from tests.policies.cases import CASES
from tests.policies.cases.parts import INSTANCE, PRIMARY, PRIVATE_KEY, REPLICA, Case, Props, bucket_setting
from tests.policies.resources import NAMES, findings, resource, settings
from tests.support.exemptions import WriteExemptions
from tests.support.stacks import ENVIRONMENTS

# The test test_an_unknown_value_is_not_accepted skips these policies, because they never read an unknown value. They
# check only the type and options of a resource, or the files with exemptions from policies, which a preview always
# knows.
ALWAYS_DECIDED = (
    "multi-iam-no-long-lived-keys",
    "multi-data-protected-from-replacement",
    "stack-exemptions-valid",
    "stack-exemptions-reported",
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.policy}:{case.says or 'met'}")
def test_policy(case: Case, write_exemptions: WriteExemptions) -> None:
    write_exemptions(case.exemptions)
    found = findings(case.policy, case.resources, case.config)
    if case.says:
        assert len(found) == case.count
        assert all(case.says in finding for finding in found)
    else:
        assert found == []


@pytest.mark.parametrize("name", NAMES)
def test_every_policy_is_tested_violated_and_met(name: str) -> None:
    cases = [case for case in CASES if case.policy == name]
    assert any(case.says for case in cases)
    assert any(not case.says for case in cases)


@pytest.mark.parametrize("name", NAMES)
def test_every_finding_says_how_to_fix_it(name: str, write_exemptions: WriteExemptions) -> None:
    case = next(case for case in CASES if case.policy == name and case.says)
    write_exemptions(case.exemptions)
    finding = findings(name, case.resources, case.config)[0]
    assert len(finding.split(". ", 1)[1]) > 15


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ALWAYS_DECIDED])
def test_an_unknown_value_is_not_accepted(name: str) -> None:
    """Checks what a policy does in a preview if the values of a resource's properties are unknown. The policy must not
    accept the resource. It must report a finding or raise an error.

    The Pulumi engine shows the error as advice, and runs the policy again in `pulumi up`.
    """
    for case in (case for case in CASES if case.policy == name and case.says):
        hidden = [unknown(each) for each in case.resources]
        assert findings_or_unknown(case, hidden), f"silent where {case.says!r} is not known yet"


def unknown(each: PolicyResource) -> PolicyResource:
    """Returns the resource with all input values unknown, as in a preview before the first apply."""
    within = each.urn.split("::")[2]
    return resource(
        each.resource_type,
        {key: _unknown(known(each.props, key)) for key in each.props},
        each.name,
        within=within.removesuffix(each.resource_type).removesuffix("$"),
        on=each.property_dependencies,
    )


def _unknown(value: Any) -> Any:
    if isinstance(value, Mapping):
        held = cast(Props, value)
        return {key: _unknown(known(held, key)) for key in held}
    if isinstance(value, Sequence) and not isinstance(value, str):
        try:
            return [_unknown(each) for each in cast(Sequence[Any], value)]
        except UnknownValueError:
            return [UNKNOWN_STRING_VALUE]
    return UNKNOWN_BOOLEAN_VALUE if isinstance(value, bool) else UNKNOWN_STRING_VALUE


def findings_or_unknown(case: Case, resources: Sequence[PolicyResource]) -> list[str]:
    try:
        return findings(case.policy, resources, case.config)
    except UnknownValueError as error:
        return [str(error.props)]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_an_environments_settings_name_existing_policies_and_settings(environment: str) -> None:
    """The Pulumi engine ignores unknown names in the policy settings. A misspelt name would therefore have no effect.
    This test finds misspelt names. It also finds a setting that makes a mandatory policy advisory.
    """
    for name, given in settings(environment).items():
        (policy,) = [policy for policy in POLICIES if policy.name == name]
        schema = policy.config_schema.properties if policy.config_schema else {}
        assert given.keys() - {"enforcementLevel"} <= schema.keys(), name
        assert given["enforcementLevel"] == "mandatory", f"{name}: use policies/exemptions/{environment}.yaml"


def test_one_unknown_bucket_does_not_hide_another() -> None:
    unknown = bucket_setting(PRIMARY, "BucketVersioning", {"versioningConfiguration": {"status": UNKNOWN_STRING_VALUE}})
    found: list[str] = []
    with pytest.raises(UnknownValueError):
        findings("multi-bucket-versioned", [PRIMARY, unknown, REPLICA], found=found)
    assert [finding.split(":")[0] for finding in found] == ["replica"]


def test_one_unknown_binding_or_variable_does_not_hide_another() -> None:
    unknown = {"name": "API_URL", "type": "plain_text", "text": UNKNOWN_STRING_VALUE}
    secret = {"name": "ORIGIN_KEY", "type": "plain_text", "text": "x"}
    variables = {"A": UNKNOWN_STRING_VALUE, "B": PRIVATE_KEY}
    for name, props in (
        ("cloudflare-workers-secrets-bound-as-secret-text", {"bindings": [unknown, secret]}),
        ("multi-function-environment-without-secrets", {"environment": {"variables": variables}}),
    ):
        # The policy for functions checks two resource types: Lambda functions and Cloud Run services. The variables in
        # this test are in the form of a Lambda function, so the test needs the type of Lambda functions. `min` selects
        # this type, because `aws:` sorts before `gcp:`.
        token = min(governs(name))
        found: list[str] = []
        with pytest.raises(UnknownValueError):
            findings(name, [resource(token, props)], found=found)
        assert len(found) == 1


def test_a_finding_does_not_repeat_the_secret() -> None:
    (finding,) = findings("multi-machine-user-data-without-secrets", [resource(INSTANCE, {"userData": PRIVATE_KEY})])
    assert "MHcCAQEEIO" not in finding


def test_the_page_lists_the_pack() -> None:
    assert PAGE.read_text() == page(PAGE.read_text()), "run `python -m policies.reference`"
