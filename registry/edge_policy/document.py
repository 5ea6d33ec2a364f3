"""The edge policy's document: a list of rules, of which the first that matches a version decides, and experiments.

Both the operator's commands and the edge worker validate a document (workers/edge/src/policy.ts). The tests of both use
the cases in workers/edge/test/policy_documents.json, so that both accept the same documents.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator

from registry import RegistryError
from registry.edge_policy import conditions
from registry.edge_policy.experiments import Experiment, Variant, check_together

# # The format version of an edge policy's document. The edge worker ignores a document with another version.
FORMAT = 1
# # Limits that keep an edge policy's document within the item size of the metadata database, and make evaluation fast.
MOST_BYTES = 256 * 1024
MOST_RULES = 1_000
_HOW = "docs/edge-policy.md describes the rules"

Ecosystem = Literal["npm", "pypi", "oci"]
Severity = Literal["critical", "high", "medium", "low"]
Texts = Annotated[tuple[str, ...], Field(min_length=1, max_length=1_000)]


class Rule(BaseModel):
    """A rule matches when all its conditions hold. The rule then allows or denies the version."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(description="the rule's name, which a refused client reads; each name is unique")
    action: Literal["allow", "deny"] = Field(description="what happens to versions that the rule matches")
    ecosystem: Ecosystem | None = Field(
        default=None, description="the ecosystem of the packages; without it, the rule applies to all ecosystems"
    )
    packages: Texts = Field(description="names of packages; * matches any characters")
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
    unknown: Literal["allow", "deny"] = Field(
        default="deny", description="whether a rule about severities denies vulnerabilities without a known severity"
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

    @field_validator("reason")
    @classmethod
    def _reason(cls, value: str) -> str:
        return conditions.reason(value)

    @field_validator("packages")
    @classmethod
    def _packages(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        return _patterns(value, info)

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
        return value and _each(value, conditions.tag_pattern)

    @field_validator("digests")
    @classmethod
    def _digests(cls, value: tuple[str, ...] | None, info: ValidationInfo) -> tuple[str, ...] | None:
        if value is None or "ecosystem" not in info.data:
            return value
        ecosystem: Ecosystem | None = info.data["ecosystem"]
        if ecosystem is None:
            raise ValueError('the form of a digest differs between ecosystems; add "ecosystem": "npm", "pypi" or "oci"')
        return _each(value, lambda text: conditions.digest(text, ecosystem))

    @model_validator(mode="after")
    def _whole(self) -> Rule:
        if self.action == "allow" and self.younger_than_days is not None:
            raise ValueError("younger_than_days: belongs to a deny rule; put an allow rule for exemptions before it")
        if "unknown" in self.model_fields_set and self.severity is None:
            raise ValueError("unknown: belongs to a rule with a severity")
        return self

    def covers(self, other: Rule) -> bool:
        """Returns whether this rule matches all versions that the rule `other` can match: its only condition is
        `packages`, and it names all packages of `other`.
        """
        conditions = (self.versions, self.tags, self.digests, self.younger_than_days, self.severity)
        if any(condition is not None for condition in conditions) or self.ecosystem not in (None, other.ecosystem):
            return False
        return "*" in self.packages or set(other.packages) <= set(self.packages)


def _patterns(value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
    ecosystem: Ecosystem | None = info.data.get("ecosystem")
    if ecosystem is None and "ecosystem" in info.data and value != ("*",):
        raise ValueError('names packages of one ecosystem; add "ecosystem": "npm", "pypi" or "oci"')
    return _each(value, lambda text: conditions.package_pattern(text, ecosystem or ""))


def _each(texts: tuple[str, ...], check: Callable[[str], str]) -> tuple[str, ...]:
    """Checks each text in a list of conditions. The message of a ValueError begins with the invalid text."""
    for text in texts:
        try:
            check(text)
        except ValueError as error:
            raise ValueError(f"{text!r}: {error}") from None
    return texts


class Exemption(BaseModel):
    """An exemption says that an advisory does not count, for all its packages or for those that the patterns match."""

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


class Policy(BaseModel):
    """The edge policy. The first rule that matches a version decides; a version that no rule matches is allowed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = Field(description="the version of the document's form")
    rules: tuple[Rule, ...] = Field(max_length=MOST_RULES, description="the rules, in the order of their evaluation")
    experiments: tuple[Experiment, ...] = Field(
        default=(), max_length=20, description="A/B tests of the edge (docs/experiments.md)"
    )
    operators: Texts | None = Field(
        default=None, description="principals whose responses have the header X-Artifact-Edge-Variant"
    )

    @field_validator("operators")
    @classmethod
    def _operators(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return value and _each(value, conditions.principal)

    exemptions: tuple[Exemption, ...] = Field(
        default=(), max_length=MOST_RULES, description="the advisories that do not count"
    )

    @model_validator(mode="after")
    def _unique(self) -> Policy:
        seen = set[str]()
        for rule in self.rules:
            if rule.name in seen:
                raise ValueError(f"rule {rule.name!r}: another rule has this name; give each rule a name of its own")
            seen.add(rule.name)
        check_together(self.experiments)
        return self

    def unreachable(self) -> Iterator[tuple[Rule, Rule]]:
        """Yields each rule that never decides, and the earlier rule that already matches all its versions."""
        for number, rule in enumerate(self.rules):
            earlier = next((each for each in self.rules[:number] if each.covers(rule)), None)
            if earlier is not None:
                yield rule, earlier

    @property
    def text(self) -> str:
        """The policy's document as it is stored and sent to the edge. Equal policies have equal texts."""
        content = self.model_dump(mode="json", exclude_defaults=True)
        return json.dumps(content, separators=(",", ":"), ensure_ascii=False)

    @property
    def digest(self) -> str:
        """The SHA-256 digest of the policy's document, in hex."""
        return hashlib.sha256(self.text.encode()).hexdigest()


# The fields whose entries have names: what a message calls an entry, and its model.
_PARTS: Mapping[str, tuple[str, type[BaseModel]]] = {
    "rules": ("rule", Rule),
    "experiments": ("experiment", Experiment),
    "exemptions": ("exemption", Exemption),
    "variants": ("variant", Variant),
}


def schema() -> str:
    """Returns the JSON Schema of the document. Editors use the schema to complete fields and to mark mistakes."""
    content = Policy.model_json_schema()
    known = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Edge policy of artifact-edge"}
    return json.dumps({**content, **known}, indent=2) + "\n"


def parsed(text: str, source: str) -> Policy:
    """Returns the edge policy in a JSON text. Raises RegistryError that names each mistake's rule, value and remedy."""
    if len(text.encode()) > MOST_BYTES:
        raise RegistryError(f"{source}: has more than {MOST_BYTES} bytes; join rules that differ only in packages")
    try:
        given: Any = json.loads(text, object_pairs_hook=_without_repetition)
    except (ValueError, RecursionError) as error:
        raise RegistryError(f"{source}: is no JSON: {error}; {_HOW}") from None
    try:
        return Policy.model_validate_json(json.dumps(given), strict=True)
    except ValidationError as error:
        lines = [_line(detail, given) for detail in cast(list[Mapping[str, Any]], error.errors(include_url=False))]
        raise RegistryError(f"{source}: is not accepted; {_HOW}\n" + "\n".join(f"  {line}" for line in lines)) from None


def _without_repetition(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)!r} stands twice in one object")
    return found


def _line(detail: Mapping[str, Any], given: Any) -> str:
    """Returns the message for one mistake in an edge policy: the rule or experiment, the field, the value, and what is
    accepted.
    """
    location = list(cast(Sequence[str | int], detail["loc"]))
    where, described = "", "a policy"
    model: type[BaseModel] = Policy
    while len(location) >= 2 and location[0] in _PARTS:
        kind, model = _PARTS[str(location[0])]
        given = cast(Any, given[location[0]][location[1]])
        name: Any = cast(Mapping[str, Any], given).get("name") if isinstance(given, dict) else None
        where += f"{kind} {name!r}: " if isinstance(name, str) else f"{kind} number {int(location[1]) + 1}: "
        location, described = location[2:], f"{'an' if kind.startswith('e') else 'a'} {kind}"
    field = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")
    message = str(detail["msg"]).removeprefix("Value error, ")
    value: Any = detail.get("input")
    shown = f" {value!r}" if isinstance(value, (str, int, float)) and not message.startswith(repr(value)) else ""
    if detail["type"] == "extra_forbidden":
        message = f"no such field; {described} has {', '.join(model.model_fields)}"
    return f"{where}{field}{shown}: {_in_plain_words(detail['type'], message)}" if field else f"{where}{message}"


def _in_plain_words(kind: str, message: str) -> str:
    if kind == "missing":
        return "is missing"
    return message[:1].lower() + message[1:]
