"""What policies are declared with: a rule is a generator of findings, the rest of a policy is data.

A value that is not known before `up` is never taken for a good one. Reading it ends the rule for that resource, and the
engine says as an advisory which policy could not be run and why. Other resources are still checked. In `up` the engine
asks again: rules for each resource before it is made, rules for the whole stack when everything is there. So `up` fails
on the latter, but what broke them exists by then, unless a preview could tell.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol, cast

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
from policies.framework.names import WHOLE_STACK, check_name, prefix_of

Properties = Mapping[str, Any]
ResourceRule = Callable[[ResourceValidationArgs], Iterator[str]]
StackRule = Callable[[PolicyResource, StackValidationArgs], Iterator[str]]
ArchitectureRule = Callable[[StackValidationArgs], Iterator[str]]
Config = Mapping[str, Mapping[str, Any]]

_GOVERNED: dict[str, frozenset[str]] = {}

LASTING: Mapping[str, Any] = {"type": "boolean", "default": True}
"""Schema of the setting `required` of policies that an environment which may be destroyed at any time need not meet."""


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
    """A policy about one resource at a time, of the given types. `fix` is what the user is told to do.

    `config` is the JSON schema of its settings in the pack's configuration, each with its default.
    """

    check_name(name, prefix_of(of))

    def declare(rule: ResourceRule) -> Policy:
        def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
            if kind(args) in of:
                with _undecided(name, args.urn):
                    for finding in rule(args):
                        _report(name, args.urn, f"{finding}. {fix}", report)

        _GOVERNED[name] = frozenset(of)
        return ResourceValidationPolicy(name, description, validate, **_facts(severity, control, fix, config))

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
    """A policy about resources of the given types that takes all others of the stack to decide."""

    check_name(name, prefix_of(of))

    def declare(rule: StackRule) -> Policy:
        def validate(args: StackValidationArgs, report: ReportViolation) -> None:
            unknown: UnknownValueError | None = None
            for resource in (each for each in args.resources if kind(each) in of):
                try:
                    with _undecided(name, resource.urn):
                        for finding in rule(resource, args):
                            _report(name, resource.urn, f"{resource.name}: {finding}. {fix}", report)
                except UnknownValueError as error:
                    unknown = error
            if unknown is not None:
                raise unknown

        _GOVERNED[name] = frozenset(of)
        return StackValidationPolicy(name, description, validate, **_facts(severity, control, fix, config))

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
    """A policy about the stack as a whole; exemptions name the stack's own URN. `of` are the types that it counts."""

    check_name(name, WHOLE_STACK)

    def declare(rule: ArchitectureRule) -> Policy:
        def validate(args: StackValidationArgs, report: ReportViolation) -> None:
            if not args.resources:
                return
            urn = urn_of_stack(args)
            with _undecided(name, urn):
                for finding in rule(args):
                    _report(name, urn, f"{finding}. {fix}", lambda message, _: report(message, None))

        facts = _facts(severity, control, fix, config)
        _GOVERNED[name] = frozenset(of)
        level = EnforcementLevel.ADVISORY if advisory else None
        return StackValidationPolicy(name, description, validate, enforcement_level=level, **facts)

    return declare


def urn_of_stack(stack: StackValidationArgs) -> str:
    """The URN of the stack's root, which all others share stack and project with."""
    environment, project = stack.resources[0].urn.removeprefix("urn:pulumi:").split("::")[:2]
    return f"urn:pulumi:{environment}::{project}::pulumi:pulumi:Stack::{project}-{environment}"


def exemptions_at(urn: str) -> Exemptions:
    """The exemptions of the stack that the resource is in."""
    return exemptions(urn.removeprefix("urn:pulumi:").split("::")[0])


def _report(policy: str, urn: str, finding: str, report: ReportViolation) -> None:
    if not exemptions_at(urn).cover(policy, urn, finding):
        report(finding, urn)


@contextmanager
def _undecided(policy: str, urn: str) -> Generator[None]:
    """Remembers that the policy could not be run, so that its exemptions are not reported as unused."""
    try:
        yield
    except UnknownValueError:
        exemptions_at(urn).undecided.add(policy)
        raise


def governs(policy: str) -> frozenset[str]:
    """The types that the policy asks about."""
    return _GOVERNED[policy]


class Typed(Protocol):
    """Whatever has a type token."""

    @property
    def resource_type(self) -> str: ...


def kind(resource: Typed) -> str:
    """The type token. S3's resources are also known by a name that ends in V2; they are the same."""
    token = resource.resource_type
    return token.replace("V2", "") if token.startswith("aws:s3/") else token


def setting(args: ResourceValidationArgs | StackValidationArgs, name: str, default: Any) -> Any:
    """A setting of the policy in the pack's configuration."""
    return args.get_config().get(name, default)


def given(properties: Properties, name: str) -> bool:
    """Whether the property is there, be its value known or not."""
    return any(each == name for each in properties)


def known(properties: Properties, name: str) -> Any:
    """The value, or None where it is not known yet."""
    try:
        return properties.get(name)
    except UnknownValueError:
        return None


def part(properties: Properties, name: str) -> Properties:
    """An object within; an empty one where there is none."""
    return cast(Properties, properties.get(name) or {})


def parts(properties: Properties, name: str) -> Iterable[Properties]:
    """The objects of a list within."""
    return cast(Iterable[Properties], properties.get(name) or [])


def texts(value: Any) -> list[str]:
    """One text or a list of them, as policy documents and others write what may be several."""
    return [value] if isinstance(value, str) else [str(each) for each in cast(Iterable[Any], value or [])]


def statements(document: str | Properties | None) -> list[Properties]:
    """The statements of an IAM policy document."""
    parsed: Properties = json.loads(document) if isinstance(document, str) else document or {}
    found: Any = parsed.get("Statement") or []
    return [cast(Properties, found)] if isinstance(found, Mapping) else list(cast(Iterable[Properties], found))


def _facts(severity: Severity, control: Control, fix: str, config: Config | None) -> dict[str, Any]:
    return {
        "severity": severity,
        "framework": PolicyComplianceFramework(control.framework, control.version, control.reference, str(control)),
        "remediation_steps": fix,
        "url": control.url,
        "config_schema": PolicyConfigSchema({name: dict(schema) for name, schema in config.items()})
        if config
        else None,
    }
