"""The server of the policy pack, which the Pulumi engine calls. The server rejects configured settings that no policy
of the pack has.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import grpc
import pulumi_policy.policy
from pulumi_policy import EnforcementLevel, Policy, PolicyPack

from policies.framework.names import unknown_names, unknown_settings

# The key in the policy pack's configuration that sets the enforcement level of all policies.
_ALL = "all"

_Servicer: Any = pulumi_policy.policy._PolicyAnalyzerServicer  # type: ignore[reportPrivateUsage]


def serve(name: str, policies: list[Policy], renamed: Mapping[str, str]) -> None:
    """Serves the policy pack until the Pulumi engine ends the process. Policies are mandatory unless their declaration
    says otherwise.
    """
    pulumi_policy.policy._PolicyAnalyzerServicer = servicer_for(policies, renamed)  # type: ignore[reportPrivateUsage]
    PolicyPack(name, enforcement_level=EnforcementLevel.MANDATORY, policies=policies)


def servicer_for(policies: list[Policy], renamed: Mapping[str, str]) -> Any:
    """Returns a subclass of the Pulumi SDK's servicer. The subclass also checks the names of policies and settings in
    the configuration.

    The engine passes all configured settings to the policy pack. The SDK ignores settings that the pack does not have.
    A policy with a misspelt name or setting would therefore keep its defaults. The SDK has no public way to see the
    ignored settings.
    """
    names = {policy.name for policy in policies} | {_ALL}
    settings = {
        policy.name: set(policy.config_schema.properties if policy.config_schema else ()) for policy in policies
    }

    class Checked(_Servicer):
        def Configure(self, request: Any, context: Any) -> Any:
            problems = list(unknown_names(request.policyConfig, names, renamed))
            for name, given in request.policyConfig.items():
                if name in settings:
                    problems += unknown_settings(name, given.properties, settings[name])
            if problems:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"in the pack's configuration {'; '.join(problems)}")
            return _Servicer.Configure(self, request, context)

    return Checked
