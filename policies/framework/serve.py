"""The server that the engine asks: a policy pack that refuses settings for policies that do not exist."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import grpc
import pulumi_policy.policy
from pulumi_policy import EnforcementLevel, Policy, PolicyPack

from policies.framework.names import unknown_names

# What a pack's configuration calls the enforcement level of all policies.
_ALL = "all"

_Servicer: Any = pulumi_policy.policy._PolicyAnalyzerServicer  # type: ignore[reportPrivateUsage]


def serve(name: str, policies: list[Policy], renamed: Mapping[str, str]) -> None:
    """Serves the pack until the engine ends it. All policies are mandatory where they do not say otherwise."""
    pulumi_policy.policy._PolicyAnalyzerServicer = servicer_for(policies, renamed)  # type: ignore[reportPrivateUsage]
    PolicyPack(name, enforcement_level=EnforcementLevel.MANDATORY, policies=policies)


def servicer_for(policies: list[Policy], renamed: Mapping[str, str]) -> Any:
    """The SDK's servicer, with a check of the names in the configuration.

    The engine hands on settings for policies that the pack does not have, and the SDK ignores them: a policy whose name
    is misspelt would keep its defaults. The SDK has no public way to see these settings.
    """
    names = {policy.name for policy in policies} | {_ALL}

    class Checked(_Servicer):
        def Configure(self, request: Any, context: Any) -> Any:
            problems = list(unknown_names(request.policyConfig, names, renamed))
            if problems:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"in the pack's configuration {'; '.join(problems)}")
            return _Servicer.Configure(self, request, context)

    return Checked
