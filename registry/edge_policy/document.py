"""The document of the edge policy: a list of rules, and experiments. The first rule that matches a version decides
whether clients may get the version.

Both the operator's commands and the edge worker validate a document (workers/edge/src/policy.ts). They must accept the
same documents. Their tests therefore use the same cases (workers/edge/test/policy_documents.json).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from registry import RegistryError
from registry.edge_policy import conditions
from registry.edge_policy.experiments import Experiment, Variant, check_together
from registry.edge_policy.rules import Exemption, Rule, Texts, each_of

# The version of the document format. The edge worker ignores a document with another format version.
FORMAT = 1
# MOST_BYTES is the maximum size of an edge policy's document. A larger document would not fit into an item of the
# metadata database. MOST_RULES is the maximum number of rules in the document. With more rules, the edge would evaluate
# the policy too slowly.
MOST_BYTES = 256 * 1024
MOST_RULES = 1_000
# The maximum number of networks that the edge blocks.
MOST_BLOCKED = 1_000
# The maximum number of rules that apply only to some principals. The edge removes refused versions from the documents
# of packages. If different rules apply to two principals, they get different copies of a document. The edge caches one
# copy for each combination of these rules.
MOST_PRINCIPAL_RULES = 24
_HOW = "docs/edge-policy.md describes the rules"


class Policy(BaseModel):
    """The edge policy. The first rule that matches a version decides. A version that no rule matches is allowed."""

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
        return value and each_of(value, conditions.principal)

    exemptions: tuple[Exemption, ...] = Field(
        default=(), max_length=MOST_RULES, description="the advisories that do not count"
    )

    blocked: tuple[str, ...] = Field(
        default=(),
        max_length=MOST_BLOCKED,
        description="networks in CIDR notation; the edge refuses all requests of clients in these networks",
    )

    @field_validator("blocked")
    @classmethod
    def _blocked(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return each_of(value, conditions.network)

    @model_validator(mode="after")
    def _unique(self) -> Policy:
        seen = set[str]()
        for rule in self.rules:
            if rule.name in seen:
                raise ValueError(f"rule {rule.name!r}: another rule has this name; give each rule a name of its own")
            seen.add(rule.name)
        if sum(rule.principals is not None for rule in self.rules) > MOST_PRINCIPAL_RULES:
            raise ValueError(
                f"rules: more than {MOST_PRINCIPAL_RULES} have principals; join rules that name the same principals"
            )
        check_together(self.experiments)
        return self

    def unreachable(self) -> Iterator[tuple[Rule, Rule]]:
        """Yields each rule that has no effect, together with an earlier rule. The earlier rule is the reason: it
        matches all versions that the later rule can match, and the first matching rule decides.
        """
        for number, rule in enumerate(self.rules):
            earlier = next((each for each in self.rules[:number] if each.covers(rule)), None)
            if earlier is not None:
                yield rule, earlier

    @property
    def text(self) -> str:
        """The policy as JSON, in the form that is stored and sent to the edge. Equal policies have the same JSON."""
        content = self.model_dump(mode="json", exclude_defaults=True)
        return json.dumps(content, separators=(",", ":"), ensure_ascii=False)

    @property
    def digest(self) -> str:
        """The SHA-256 digest of the policy's document, in hex."""
        return hashlib.sha256(self.text.encode()).hexdigest()


# Maps each list in an edge policy's document to two values: the word for one entry in error messages, and the model
# that validates one entry.
_PARTS: Mapping[str, tuple[str, type[BaseModel]]] = {
    "rules": ("rule", Rule),
    "experiments": ("experiment", Experiment),
    "exemptions": ("exemption", Exemption),
    "variants": ("variant", Variant),
}


def schema() -> str:
    """Returns the JSON Schema of an edge policy's document. Text editors use the schema to complete fields and to mark
    mistakes.
    """
    content = Policy.model_json_schema()
    known = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Edge policy of artifact-edge"}
    return json.dumps({**content, **known}, indent=2) + "\n"


def parsed(text: str, source: str) -> Policy:
    """Parses an edge policy from JSON. Raises RegistryError for an invalid policy. Each line of the error's message
    describes one mistake: the rule, the value, and the accepted values.
    """
    if len(text.encode()) > MOST_BYTES:
        raise RegistryError(f"{source}: has more than {MOST_BYTES} bytes; join rules that differ only in packages")
    try:
        given: Any = json.loads(text, object_pairs_hook=_fields)
    except (json.JSONDecodeError, RecursionError) as error:
        raise RegistryError(f"{source}: is no JSON: {error}; {_HOW}") from None
    except ValueError as error:
        raise RegistryError(f"{source}: {error}; {_HOW}") from None
    try:
        return Policy.model_validate_json(json.dumps(given), strict=True)
    except ValidationError as error:
        lines = [_line(detail, given) for detail in cast(list[Mapping[str, Any]], error.errors(include_url=False))]
        raise RegistryError(f"{source}: is not accepted; {_HOW}\n" + "\n".join(f"  {line}" for line in lines)) from None


def _fields(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Returns the fields of a JSON object. Raises ValueError for a field that stands twice, and for a field without a
    value. Pydantic would take null for an absent field, and the edge worker would refuse the document.
    """
    found = dict(pairs)
    for name, value in pairs:
        if value is None:
            raise ValueError(f"{name!r} is null; leave the field out")
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)!r} stands twice in one object")
    return found


def _line(detail: Mapping[str, Any], given: Any) -> str:
    """Returns the message for one mistake in an edge policy: the rule or experiment, the field, the value, and the
    accepted values.
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
