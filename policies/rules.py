"""What policies are declared with: a rule is a generator of findings, the rest of a policy is data.

A value that is not known before `up` is never taken for a good one. Reading it ends the rule for that resource, and the
engine says as an advisory which policy could not be run and why. Other resources are still checked. In `up` the engine
asks again: rules for each resource before it is made, rules for the whole stack when everything is there. So `up` fails
on the latter, but what broke them exists by then, unless a preview could tell.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from pulumi_policy import (
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

Properties = Mapping[str, Any]
ResourceRule = Callable[[ResourceValidationArgs], Iterator[str]]
StackRule = Callable[[PolicyResource, StackValidationArgs], Iterator[str]]


@dataclass(frozen=True)
class Control:
    """The published control that a policy puts into effect."""

    framework: str
    reference: str
    version: str = ""

    def __str__(self) -> str:
        return " ".join(part for part in (self.framework, self.version, self.reference) if part)


def cis_aws(reference: str) -> Control:
    return Control("CIS AWS Foundations Benchmark", reference, "3.0.0")


def cis_gcp(reference: str) -> Control:
    return Control("CIS Google Cloud Platform Foundation Benchmark", reference, "3.0.0")


def foundational(reference: str) -> Control:
    """A control of AWS Security Hub, by its id."""
    return Control("AWS Foundational Security Best Practices", reference)


def well_architected(reference: str) -> Control:
    """A best practice of the AWS Well-Architected Framework, by its id."""
    return Control("AWS Well-Architected", reference)


def our_design(reference: str) -> Control:
    return Control("artifact-edge design", reference)


def each_resource(
    name: str,
    description: str,
    *,
    of: Collection[str],
    severity: Severity,
    control: Control,
    fix: str,
    config: Mapping[str, Mapping[str, Any]] | None = None,
) -> Callable[[ResourceRule], Policy]:
    """A policy about one resource at a time, of the given types. `fix` is what the user is told to do.

    `config` is the JSON schema of its settings in the pack's configuration, each with its default.
    """

    def declare(rule: ResourceRule) -> Policy:
        def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
            if kind(args) in of:
                for finding in rule(args):
                    report(f"{finding}. {fix}", None)

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
    config: Mapping[str, Mapping[str, Any]] | None = None,
) -> Callable[[StackRule], Policy]:
    """A policy about resources of the given types that takes all others of the stack to decide."""

    def declare(rule: StackRule) -> Policy:
        def validate(args: StackValidationArgs, report: ReportViolation) -> None:
            unknown: UnknownValueError | None = None
            for resource in (each for each in args.resources if kind(each) in of):
                try:
                    for finding in rule(resource, args):
                        report(f"{resource.name}: {finding}. {fix}", resource.urn)
                except UnknownValueError as error:
                    unknown = error
            if unknown is not None:
                raise unknown

        return StackValidationPolicy(name, description, validate, **_facts(severity, control, fix, config))

    return declare


def kind(resource: ResourceValidationArgs | PolicyResource) -> str:
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


def _facts(
    severity: Severity, control: Control, fix: str, config: Mapping[str, Mapping[str, Any]] | None
) -> dict[str, Any]:
    return {
        "severity": severity,
        "framework": PolicyComplianceFramework(control.framework, control.version, control.reference, str(control)),
        "remediation_steps": fix,
        "config_schema": PolicyConfigSchema({name: dict(schema) for name, schema in config.items()})
        if config
        else None,
    }
