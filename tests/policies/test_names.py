"""Tests which names of policies and settings the policy pack accepts. If a policy was renamed, the pack must refuse the
former name with a message that contains the current name.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any

import grpc
import pytest
from pulumi.runtime.proto.analyzer_pb2 import ConfigureAnalyzerRequest, PolicyConfig
from pulumi_policy import EnforcementLevel, ResourceValidationArgs, Severity, StackValidationArgs

from policies.framework.controls import our_design
from policies.framework.declare import architecture, each_resource
from policies.framework.names import PolicyNameError
from policies.framework.serve import servicer_for
from policies.pack import POLICIES, RENAMED
from tests.policies.cases.exemption_rules import exemption
from tests.policies.cases.parts import BUCKET, GCS_BUCKET, PRIMARY
from tests.policies.resources import NAMES, findings
from tests.support.exemptions import WriteExemptions


def declare(name: str, of: Collection[str]) -> None:
    @each_resource(name, "", of=of, severity=Severity.LOW, control=our_design("x"), fix="")
    def rule(args: ResourceValidationArgs) -> Iterator[str]:
        yield "never"


@pytest.mark.parametrize(
    ("name", "of", "expected"),
    [
        ("gcp-s3-bucket-named", [BUCKET], "'gcp-s3-bucket-named' has no name of the form aws-<service>-"),
        ("aws-s3-bucket-named", [BUCKET, GCS_BUCKET], "of the form multi-<service>-"),
        ("multi-bucket-named", [BUCKET], "of the form aws-<service>-"),
        ("aws-s3", [BUCKET], "of the form aws-<service>-<what must hold>"),
        ("aws-s3-Bucket-named", [BUCKET], "in lower case"),
        ("bucket-versioned", [BUCKET], 'see "Names" in docs/policies.md'),
    ],
)
def test_a_name_that_does_not_follow_the_scheme_is_refused(name: str, of: Collection[str], expected: str) -> None:
    with pytest.raises(PolicyNameError, match=expected):
        declare(name, of)


def test_a_policy_about_the_whole_stack_is_named_for_the_stack() -> None:
    with pytest.raises(PolicyNameError, match="of the form stack-<service>-"):

        @architecture("aws-s3-many-buckets", "", severity=Severity.LOW, control=our_design("x"), fix="")
        def rule(stack: StackValidationArgs) -> Iterator[str]:
            yield "never"


def test_former_names_map_to_current_names() -> None:
    assert set(RENAMED.values()) <= set(NAMES)
    assert RENAMED.keys().isdisjoint(NAMES)


def test_an_exemption_with_a_former_name_is_refused_with_the_current_name(write_exemptions: WriteExemptions) -> None:
    write_exemptions(exemption(policy="bucket-versioned"))
    (problem,) = findings("stack-exemptions-valid", [PRIMARY])
    assert "the policy bucket-versioned is now called multi-bucket-versioned; use this name" in problem
    assert findings("multi-bucket-versioned", [PRIMARY])


class Refused(Exception):
    """Raised when the policy pack aborts a gRPC request of the Pulumi engine."""


class Context:
    def abort(self, code: grpc.StatusCode, details: str) -> None:
        raise Refused(f"{code.name}: {details}")


def configure(*names: str, **settings: Any) -> None:
    """Configures the policy pack with the same settings for each policy in `names`. Raises Refused if the pack refuses
    the settings.
    """
    servicer: Any = servicer_for(POLICIES, RENAMED)
    pack = servicer("unit", "1", POLICIES, EnforcementLevel.MANDATORY)
    given = PolicyConfig()
    given.properties.update(settings)
    pack.Configure(ConfigureAnalyzerRequest(policyConfig=dict.fromkeys(names, given)), Context())


def test_settings_with_a_former_name_are_refused_with_the_current_name() -> None:
    with pytest.raises(Refused, match="configuration the policy bucket-versioned is now called multi-bucket-versioned"):
        configure("multi-bucket-replicated", "bucket-versioned")


def test_settings_for_a_policy_that_does_not_exist_are_refused() -> None:
    says = "there is no policy multi-bucket-versoned"  # words-ok: misspelt on purpose
    with pytest.raises(Refused, match=f"INVALID_ARGUMENT: .*{says}"):
        configure("multi-bucket-versoned")  # words-ok: misspelt on purpose


def test_settings_for_policies_and_for_all_of_them_are_accepted() -> None:
    configure("all", *NAMES)


def test_a_misspelt_setting_is_refused_with_the_most_similar_one() -> None:
    says = "the policy multi-bucket-replicated has no setting 'region'; did you mean 'regions'?"
    with pytest.raises(Refused, match=f"INVALID_ARGUMENT: .*{re.escape(says)}"):
        configure("multi-bucket-replicated", region=3)


def test_a_setting_unlike_any_other_is_refused_with_the_list_of_settings() -> None:
    says = "has no setting 'exempt'; it has least_days, most_days"
    with pytest.raises(Refused, match=says):
        configure("multi-bucket-old-versions-kept-and-expired", exempt=True)


def test_a_setting_for_a_policy_without_settings_is_refused() -> None:
    with pytest.raises(Refused, match="the policy multi-bucket-versioned has no settings; remove 'required'"):
        configure("multi-bucket-versioned", required=False)


def test_known_settings_are_accepted() -> None:
    configure("multi-bucket-old-versions-kept-and-expired", least_days=1, most_days=30)
