"""Declares the policies of the policy pack. The rule of a policy is a generator that yields findings. Everything else
about a policy, such as its name and severity, is data.

A value that is unknown before `pulumi up` never counts as valid. If a rule reads an unknown value, the rule stops for
that resource, and the engine reports an advisory with the name of the policy and the reason. The rule still checks the
other resources.

During `pulumi up` the engine runs the policies again. The engine checks rules for single resources before it creates
each resource, and rules for the whole stack at the end. If the preview lacked a value, a rule for the whole stack can
therefore fail `pulumi up` after the resources exist.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyComplianceFramework,
    PolicyConfigSchema,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    Severity,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

from policies.framework.controls import Control
from policies.framework.exemptions import Exemptions, exemptions
from policies.framework.kinds import all_of, kind
from policies.framework.names import WHOLE_STACK, check_name, prefix_of

Properties = Mapping[str, Any]
ResourceRule = Callable[[ResourceValidationArgs], Iterator[str]]
StackRule = Callable[[PolicyResource, StackValidationArgs], Iterator[str]]
ArchitectureRule = Callable[[StackValidationArgs], Iterator[str]]
Config = Mapping[str, Mapping[str, Any]]

_GOVERNED: dict[str, frozenset[str]] = {}

# The JSON schema of the setting `required`, which several policies have. If the setting is false, the policy is off.
# Some environments may be destroyed at any time, and their config sets `required` to false.
LASTING: Mapping[str, Any] = {"type": "boolean", "default": True}


def each_resource(
    name: str,
    description: str,
    *,
    of: Collection[str],
    severity: Severity,
    control: Control,
    fix: str,
    config: Config | None = None,
) -> Callable[[ResourceRule], Policy]:
    """Declares a policy that checks resources of the given types, one at a time. `fix` tells users how to correct a
    finding.

    `config` maps the name of each setting of the policy to a JSON schema with the setting's default. Users set the
    values in the policy pack's configuration. Raises PolicyNameError if the policy's name does not begin with the
    prefix of these resource types, such as `aws`.
    """

    check_name(name, prefix_of(of))

    def declare(rule: ResourceRule) -> Policy:
        def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
            if kind(args) in of:
                with _undecided(name, args.urn):
                    for finding in rule(args):
                        _report(name, args.urn, f"{finding}. {fix}", report)

        _GOVERNED[name] = frozenset(of)
        return ResourceValidationPolicy(
            name, description, validate, **_policy_arguments(severity, control, fix, config)
        )

    return declare


def whole_stack(
    name: str,
    description: str,
    *,
    of: Collection[str],
    severity: Severity,
    control: Control,
    fix: str,
    config: Config | None = None,
) -> Callable[[StackRule], Policy]:
    """Returns a decorator that turns a function, the rule, into a policy for resources of the given types. The rule
    checks one resource at a time, and may also read the other resources of the stack. Raises PolicyNameError if the
    policy's name does not begin with the prefix of these resource types.
    """

    check_name(name, prefix_of(of))

    def declare(rule: StackRule) -> Policy:
        def validate(args: StackValidationArgs, report: ReportViolation) -> None:
            unknown: UnknownValueError | None = None
            for resource in all_of(args, of):
                try:
                    with _undecided(name, resource.urn):
                        for finding in rule(resource, args):
                            _report(name, resource.urn, f"{resource.name}: {finding}. {fix}", report)
                except UnknownValueError as error:
                    unknown = error
            if unknown is not None:
                raise unknown

        _GOVERNED[name] = frozenset(of)
        return StackValidationPolicy(name, description, validate, **_policy_arguments(severity, control, fix, config))

    return declare


def architecture(
    name: str,
    description: str,
    *,
    severity: Severity,
    control: Control,
    fix: str,
    of: Collection[str] = (),
    config: Config | None = None,
    advisory: bool = False,
) -> Callable[[ArchitectureRule], Policy]:
    """Declares a policy that checks the stack as a whole. `of` lists the types of the resources that the policy reads.
    An exemption from a policy of this kind contains the URN of the stack. Raises PolicyNameError if the policy's name
    does not begin with `stack`.
    """

    check_name(name, WHOLE_STACK)

    def declare(rule: ArchitectureRule) -> Policy:
        def validate(args: StackValidationArgs, report: ReportViolation) -> None:
            if not args.resources:
                return
            urn = urn_of_stack(args)
            with _undecided(name, urn):
                for finding in rule(args):
                    _report(name, urn, f"{finding}. {fix}", lambda message, _: report(message, None))

        facts = _policy_arguments(severity, control, fix, config)
        _GOVERNED[name] = frozenset(of)
        level = EnforcementLevel.ADVISORY if advisory else None
        return StackValidationPolicy(name, description, validate, enforcement_level=level, **facts)

    return declare


def urn_of_stack(stack: StackValidationArgs) -> str:
    """Returns the URN of the stack's root resource. The names of the stack and of the project come from the URN of the
    first resource.
    """
    environment, project = stack.resources[0].urn.removeprefix("urn:pulumi:").split("::")[:2]
    return f"urn:pulumi:{environment}::{project}::pulumi:pulumi:Stack::{project}-{environment}"


def exemptions_at(urn: str) -> Exemptions:
    """Returns the policy exemptions of the stack that the resource with this URN belongs to."""
    return exemptions(urn.removeprefix("urn:pulumi:").split("::")[0])


def _report(policy: str, urn: str, finding: str, report: ReportViolation) -> None:
    if not exemptions_at(urn).cover(policy, urn, finding):
        report(finding, urn)


@contextmanager
def _undecided(policy: str, urn: str) -> Generator[None]:
    """Records that a policy could not check a resource, because a value was not known yet. The policy pack does not
    report exemptions from this policy as unused.
    """
    try:
        yield
    except UnknownValueError:
        exemptions_at(urn).undecided.add(policy)
        raise


def governs(policy: str) -> frozenset[str]:
    """Returns the resource types that the named policy checks."""
    return _GOVERNED[policy]


def setting(args: ResourceValidationArgs | StackValidationArgs, name: str, default: Any) -> Any:
    """Returns the value of a policy's setting from the pack's configuration, or the setting's default."""
    return args.get_config().get(name, default)


def given(properties: Properties, name: str) -> bool:
    """Returns whether a resource has the property, even if the property's value is not known yet."""
    return any(each == name for each in properties)


def known(properties: Properties, name: str) -> Any:
    """Returns the value of a resource's property, or None if the value is missing or not known yet."""
    try:
        return properties.get(name)
    except UnknownValueError:
        return None


def part(properties: Properties, name: str) -> Properties:
    """Returns the object that a resource's property contains, or an empty mapping if the property is missing."""
    return cast(Properties, properties.get(name) or {})


def parts(properties: Properties, name: str) -> Iterable[Properties]:
    """Returns the objects in a list that a resource's property contains, or an empty list if the property is
    missing.
    """
    return cast(Iterable[Properties], properties.get(name) or [])


def texts(value: Any) -> list[str]:
    """Returns a list of strings from a value in an IAM policy document. The value can be a string, a list or None."""
    return [value] if isinstance(value, str) else [str(each) for each in cast(Iterable[Any], value or [])]


def statements(document: str | Properties | None) -> list[Properties]:
    """Returns the statements of an IAM policy document. The document is a JSON string, an object, or None."""
    parsed: Properties = json.loads(document) if isinstance(document, str) else document or {}
    found: Any = parsed.get("Statement") or []
    return [cast(Properties, found)] if isinstance(found, Mapping) else list(cast(Iterable[Properties], found))


def _policy_arguments(severity: Severity, control: Control, fix: str, config: Config | None) -> dict[str, Any]:
    return {
        "severity": severity,
        "framework": PolicyComplianceFramework(control.framework, control.version, control.reference, str(control)),
        "remediation_steps": fix,
        "url": control.url,
        "config_schema": PolicyConfigSchema({name: dict(schema) for name, schema in config.items()})
        if config
        else None,
    }
