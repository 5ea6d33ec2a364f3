"""The rules of an edge policy, and its exemptions from advisories.

The edge worker evaluates the rules. It accepts every rule that this module accepts (workers/edge/src/policy.ts).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from registry.edge_policy import conditions

Ecosystem = Literal["npm", "pypi", "oci"]
Severity = Literal["critical", "high", "medium", "low"]
Texts = Annotated[tuple[str, ...], Field(min_length=1, max_length=1_000)]


class Rule(BaseModel):
    """A rule of the edge policy, which allows or denies versions. The rule matches a version when all of its conditions
    match.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(description="the rule's name, which a refused client reads; each name is unique")
    action: Literal["allow", "deny"] = Field(description="what happens to versions that the rule matches")
    ecosystem: Ecosystem | None = Field(
        default=None, description="the ecosystem of the packages; without it, the rule applies to all ecosystems"
    )
    packages: Texts = Field(description="names of packages; * matches any characters")
    principals: Texts | None = Field(
        default=None, description="names of principals; * matches any characters; without it, the rule concerns all"
    )
    versions: str | None = Field(
        default=None,
        description="a range of versions, pre-releases included: an npm range, or a specifier of PEP 440",
    )
    tags: Texts | None = Field(
        default=None, description="tags of images; * matches any characters; the rule matches only pulls by tag"
    )
    digests: Texts | None = Field(default=None, description="digests of files, manifests or layers")
    younger_than_days: int | None = Field(
        default=None, ge=1, le=3_650, description="matches versions published less than this many days ago", strict=True
    )
    severity: Severity | None = Field(
        default=None, description="matches versions with an advisory of this severity or a higher one"
    )
    without_license: Texts | None = Field(
        default=None, description="matches versions that none of these licences is enough for; * matches any characters"
    )
    without_provenance: Texts | None = Field(
        default=None,
        description="matches versions without an attestation of one of these predicate types; * matches any characters",
    )
    unknown: Literal["allow", "deny"] = Field(
        default="deny",
        description="what happens to versions whose severity, licence or provenance the edge does not know",
    )
    reason: str = Field(default="", description="a text that a refused client reads after the rule's name")

    @field_validator("name")
    @classmethod
    def _name(cls, value: str) -> str:
        return conditions.rule_name(value)

    @field_validator("severity")
    @classmethod
    def _severity(cls, value: Severity | None, info: ValidationInfo) -> Severity | None:
        if value is not None and info.data.get("action", "deny") != "deny":
            raise ValueError("belongs to a deny rule; to accept an advisory, write an exemption")
        if value is not None and info.data.get("ecosystem") == "oci":
            raise ValueError('no advisory is about images; use "ecosystem": "npm" or "pypi"')
        return value

    @field_validator("without_license", "without_provenance")
    @classmethod
    def _required(cls, value: tuple[str, ...] | None, info: ValidationInfo) -> tuple[str, ...] | None:
        if value is not None and info.data.get("action", "deny") != "deny":
            raise ValueError("belongs to a deny rule; put an allow rule for exemptions before it")
        if value is not None and info.data.get("ecosystem") == "oci":
            raise ValueError('is not known of images; use "ecosystem": "npm" or "pypi"')
        return value and each_of(value, conditions.metadata_pattern)

    @field_validator("reason")
    @classmethod
    def _reason(cls, value: str) -> str:
        return conditions.reason(value)

    @field_validator("packages")
    @classmethod
    def _packages(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        return _patterns(value, info)

    @field_validator("principals")
    @classmethod
    def _principals(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return value and each_of(value, conditions.principal_pattern)

    @field_validator("versions")
    @classmethod
    def _versions(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None or "ecosystem" not in info.data:
            return value
        ecosystem = info.data["ecosystem"]
        if ecosystem not in ("npm", "pypi"):
            raise ValueError('a range needs an ecosystem; add "ecosystem": "npm" or "pypi", or use "tags" for images')
        return conditions.version_range(value, ecosystem)

    @field_validator("tags")
    @classmethod
    def _tags(cls, value: tuple[str, ...] | None, info: ValidationInfo) -> tuple[str, ...] | None:
        if value is not None and info.data.get("ecosystem", "oci") != "oci":
            raise ValueError('only images have tags; add "ecosystem": "oci"')
        return value and each_of(value, conditions.tag_pattern)

    @field_validator("digests")
    @classmethod
    def _digests(cls, value: tuple[str, ...] | None, info: ValidationInfo) -> tuple[str, ...] | None:
        if value is None or "ecosystem" not in info.data:
            return value
        ecosystem: Ecosystem | None = info.data["ecosystem"]
        if ecosystem is None:
            raise ValueError('the form of a digest differs between ecosystems; add "ecosystem": "npm", "pypi" or "oci"')
        return each_of(value, lambda text: conditions.digest(text, ecosystem))

    @model_validator(mode="after")
    def _whole(self) -> Rule:
        if self.action == "allow" and self.younger_than_days is not None:
            raise ValueError("younger_than_days: belongs to a deny rule; put an allow rule for exemptions before it")
        about_metadata = (self.severity, self.without_license, self.without_provenance)
        if "unknown" in self.model_fields_set and about_metadata == (None, None, None):
            raise ValueError("unknown: belongs to a rule with severity, without_license or without_provenance")
        return self

    def covers(self, other: Rule) -> bool:
        """Returns whether this rule matches all versions that the rule `other` can match.

        The result is true only if this rule has no conditions except `packages` and `ecosystem`. Its packages must
        include all packages of `other`, and `ecosystem` must not exclude them.
        """
        conditions = (self.versions, self.tags, self.digests, self.younger_than_days, self.severity)
        conditions += (self.without_license, self.without_provenance, self.principals)
        if any(condition is not None for condition in conditions) or self.ecosystem not in (None, other.ecosystem):
            return False
        return "*" in self.packages or set(other.packages) <= set(self.packages)


def _patterns(value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
    ecosystem: Ecosystem | None = info.data.get("ecosystem")
    if ecosystem is None and "ecosystem" in info.data and value != ("*",):
        raise ValueError('names packages of one ecosystem; add "ecosystem": "npm", "pypi" or "oci"')
    return each_of(value, lambda text: conditions.package_pattern(text, ecosystem or ""))


def each_of(texts: tuple[str, ...], check: Callable[[str], str]) -> tuple[str, ...]:
    """Checks each value in a field of a rule with the function `check`. Returns the values unchanged.

    Raises ValueError if `check` refuses a value. The message begins with the first refused value.
    """
    for text in texts:
        try:
            check(text)
        except ValueError as error:
            raise ValueError(f"{text!r}: {error}") from None
    return texts


class Exemption(BaseModel):
    """An exemption from an advisory. For the packages that the exemption's patterns match, the edge policy ignores the
    advisory. An exemption without patterns applies to all packages of the advisory.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    advisory: str = Field(description="the advisory's ID, or one of its aliases, such as MAL-2026-1 or CVE-2026-1")
    ecosystem: Literal["npm", "pypi"] | None = Field(default=None, description="the ecosystem of the packages")
    packages: Texts | None = Field(default=None, description="names of packages; * matches any characters")
    reason: str = Field(description="why the advisory does not count")

    @field_validator("advisory")
    @classmethod
    def _advisory(cls, value: str) -> str:
        return conditions.advisory(value)

    @field_validator("packages")
    @classmethod
    def _packages(cls, value: tuple[str, ...] | None, info: ValidationInfo) -> tuple[str, ...] | None:
        return value and _patterns(value, info)

    @field_validator("reason")
    @classmethod
    def _reason(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("say why the advisory does not count")
        return conditions.reason(value)
