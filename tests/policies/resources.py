"""Creates resources in the form in which the Pulumi engine passes them to a policy. Also runs a policy on such
resources, and returns the policy's findings.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from pulumi_policy import (
    PolicyCustomTimeouts,
    PolicyResource,
    PolicyResourceOptions,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import unknown_checking_proxy

from policies.pack import POLICIES

NAMES = [policy.name for policy in POLICIES]
_CONFIG = Path(__file__).resolve().parents[2] / "policies" / "config"


def settings(environment: str) -> dict[str, dict[str, Any]]:
    """Returns each policy's settings from `policies/config/<environment>.json`. If the file has only a string for a
    policy, that string is the policy's enforcement level.
    """
    file = _CONFIG / f"{environment}.json"
    written: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    return {name: {"enforcementLevel": found} if isinstance(found, str) else found for name, found in written.items()}


def as_sent(value: Any) -> Any:
    """Returns a value as a policy receives it from the engine: every number is a float."""
    if isinstance(value, Mapping):
        return {key: as_sent(each) for key, each in cast(Mapping[str, Any], value).items()}
    if isinstance(value, list | tuple):
        return [as_sent(each) for each in cast(Sequence[Any], value)]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def options(protect: bool) -> PolicyResourceOptions:
    return PolicyResourceOptions(protect, [], None, [], PolicyCustomTimeouts(0, 0, 0), [])


def resource(
    kind: str,
    props: Mapping[str, Any],
    name: str = "it",
    *,
    protect: bool = True,
    within: str = "",
    on: Mapping[str, Sequence[PolicyResource]] | None = None,
) -> PolicyResource:
    """Returns a Pulumi resource. `within` is the type of its parent component. Without `within`, the parent of a
    machine instance is a shield component, and any other resource has no parent.

    `on` maps a property to the resources on which the property's value depends.
    """
    component = within or ("artifact-edge:shield:Ec2Shield" if "instance" in kind.lower() else "")
    return PolicyResource(
        kind,
        unknown_checking_proxy(as_sent(props)),
        f"urn:pulumi:unit::artifact-edge::{component}{'$' * bool(component)}{kind}::{name}",
        name,
        options(protect),
        None,
        None,
        [],
        {name: list(needed) for name, needed in (on or {}).items()},
    )


def findings(
    name: str,
    resources: Sequence[PolicyResource],
    config: Mapping[str, Any] | None = None,
    *,
    found: list[str] | None = None,
) -> list[str]:
    """Returns the findings of the policy `name`. Also appends each finding to the list `found`, so that the caller can
    read the findings up to an error if the policy raises one.
    """
    policy = next(policy for policy in POLICIES if policy.name == name)
    found = [] if found is None else found
    schema = policy.config_schema.properties if policy.config_schema else {}
    # The Pulumi engine fills in the default values of policy settings. The tests do the same.
    defaults = {setting: about["default"] for setting, about in schema.items()}
    config = as_sent({**defaults, **(config or {})})

    def report(message: str, urn: str | None = None) -> None:
        found.append(message)

    if isinstance(policy, StackValidationPolicy):
        cast(Any, policy).validate(StackValidationArgs(list(resources), config), report)
    else:
        assert isinstance(policy, ResourceValidationPolicy)
        for each in resources:
            arguments = ResourceValidationArgs(
                each.resource_type, each.props, each.urn, each.name, each.opts, None, config
            )
            cast(Any, policy).validate(arguments, report)
    return found
