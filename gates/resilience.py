"""Checks whether clients can still read packages after a loss, such as the loss of a region. The check uses the
resource graph of a stack, and compares the results with the stack's resilience statements, in which operators list the
losses that clients survive.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import combinations, product
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gates.fault_tree import Losses, Part, broken, losses
from gates.graph import Graph, Token
from gates.plan import Resource

Kind = Literal["zone", "region", "cloud", "edge", "dns", "store"]

# The requests with which clients read packages (docs/contracts.md, "Client-facing URLs"). Each pair contains a kind of
# request and a flag. The flag is true if the answer needs an object from a bucket, and false if the edge worker answers
# without an object.
_REQUESTS = (
    ("npm packument", True),
    ("npm tarball", True),
    ("PyPI simple page", True),
    ("PyPI file", True),
    ("OCI token", False),
    ("OCI manifest by tag", True),
    ("OCI blob", True),
)


class _Statement(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    each: Kind | list[Kind] | None = Field(
        default=None,
        description="each single loss of this kind; for a list, each combination of one loss of every kind",
    )
    all: list[str] | None = Field(default=None, description="these losses at the same time, such as `region:eu-west-1`")

    @model_validator(mode="after")
    def _check_one_is_set(self) -> _Statement:
        if (self.each is None) == (self.all is None):
            raise ValueError("set either `each`, a kind of loss, or `all`, a list of simultaneous losses")
        return self

    def sets(self, known: Iterable[str]) -> list[Losses]:
        """Returns the sets of losses that an operator's resilience statement covers. The losses of one set occur at the
        same time, such as the losses of two clouds. `known` has the names of all losses that can occur in the stack.
        """
        if self.all is not None:
            return [frozenset(self.all)]
        kinds = [self.each] if isinstance(self.each, str) else list(self.each or ())
        of_kind = [[loss for loss in sorted(known) if loss.startswith(f"{kind}:")] for kind in kinds]
        if len(kinds) == 2 and kinds[0] == kinds[1]:
            return [frozenset(pair) for pair in combinations(of_kind[0], 2)]
        return [frozenset(chosen) for chosen in product(*of_kind)]


class Survived(_Statement):
    """An operator's statement in gates/resilience_limits/ that clients can still read packages after certain losses,
    such as the loss of a region. The statement holds if every path from the stack's hostname to a bucket still works
    after these losses.
    """


class NotSurvived(_Statement):
    """An operator's statement that some read paths of clients no longer work after certain losses, such as the loss of
    a region. A read path leads from the name that clients use to the stored packages. `reason` says why the operators
    accept the losses. `paths` contains patterns that match the names of the broken read paths. In a pattern, `*`
    matches any number of characters.
    """

    reason: str = Field(min_length=20)
    paths: list[str] = Field(default_factory=lambda: ["*"])


class Statements(BaseModel):
    """The resilience statements in `gates/resilience_limits/<stack>.yaml`. `survives` lists the losses that the stack
    must survive. `does_not_survive` lists exceptions: losses that break some read paths, and that the operators accept.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    survives: list[Survived]
    does_not_survive: list[NotSurvived] = Field(default_factory=list[NotSurvived])


@dataclass(frozen=True)
class Proof:
    """The result of a resilience check, which tests an operator's statements about the failures that clients survive.
    `findings` has one line for each false or missing statement. `sets` is the number of checked failures. A failure is
    a single loss, such as of a zone, or several losses at once, such as of two regions. `paths` is the number of
    checked read paths (kinds of client requests).
    """

    findings: list[str]
    sets: int
    paths: int


def prove(resources: Iterable[Resource], statements: Statements) -> Proof:
    """Checks whether each read path of clients still works after each single loss, such as the loss of a zone or a
    cloud. Also checks the sets of simultaneous losses that `statements` lists.
    """
    paths = _paths(Graph(resources))
    known = frozenset[str]().union(*(losses(path) for path in paths))
    findings = [
        f"{path.name}: no route even when nothing is lost: {reason}"
        for path in paths
        if (reason := broken(path, frozenset()))
    ]
    if findings:
        return Proof(findings, 1, len(paths))
    excepted: dict[Losses, list[str]] = {}
    for statement in statements.does_not_survive:
        for lost in statement.sets(known):
            excepted.setdefault(lost, []).extend(statement.paths)
            findings += _wrong_exceptions(statement, lost, paths, known)
    stated = [lost for statement in statements.survives for lost in statement.sets(known)]
    singles = [frozenset({loss}) for loss in sorted(known)]
    for lost in singles:
        if lost not in stated and lost not in excepted:
            findings.append(f"{_title(lost)}: nothing is said of it; name it under `survives` or `does_not_survive`")
    for lost in dict.fromkeys(stated):
        findings += _counterexamples(lost, paths, excepted, known)
    return Proof(findings, len({*singles, *stated, *excepted}), len(paths))


def _paths(graph: Graph) -> list[Part]:
    tokens: Sequence[Token] = get_args(Token)
    return [
        graph.path(f"{request}, {token} token", token, objects=objects)
        for token in tokens
        for request, objects in _REQUESTS
    ]


def _counterexamples(
    lost: Losses, paths: Sequence[Part], excepted: dict[Losses, list[str]], known: frozenset[str]
) -> Iterator[str]:
    """Yields one finding for each reason why at least one read path fails after the losses `lost`, such as the loss of
    a region. A finding names one of the failing paths and the number of other paths that fail for the same reason.
    Ignores the paths whose failure a `does_not_survive` statement declares.

    `known` lists all losses that can occur in the stack. If `lost` contains any other loss, the only finding reports
    this mistake.
    """
    if unknown := sorted(lost - known):
        yield f"{_title(lost)}: stated to be survived, but {', '.join(unknown)} is nothing that a path stands on"
        return
    allowed = [pattern for part, patterns in excepted.items() if part <= lost for pattern in patterns]
    reasons: dict[str, list[str]] = {}
    for path in paths:
        reason = broken(path, lost)
        if reason is not None and not _matches(path.name, allowed):
            reasons.setdefault(reason.removeprefix(f"{path.name} "), []).append(path.name)
    for reason, names in reasons.items():
        more = f" and {len(names) - 1} more paths" if len(names) > 1 else ""
        yield f"{_title(lost)}: {names[0]}{more} {reason}"


def _wrong_exceptions(
    statement: NotSurvived, lost: Losses, paths: Sequence[Part], known: frozenset[str]
) -> Iterator[str]:
    """Yields an error message for each mistake in `statement`. In the statement, an operator declares that the losses
    `lost`, such as the loss of a region, break the read paths that match certain patterns. A loss that is not in
    `known` is a mistake, because it cannot affect any read path. A pattern is a mistake if all read paths that it
    matches survive the losses.
    """
    if unknown := sorted(lost - known):
        yield f"{_title(lost)}: stated not to be survived, but {', '.join(unknown)} is nothing that a path stands on"
        return
    for pattern in statement.paths:
        if not any(broken(path, lost) for path in paths if fnmatchcase(path.name, pattern)):
            yield f"{_title(lost)}: stated not to be survived by {pattern!r}, but it is; take the statement out"


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _title(lost: Losses) -> str:
    return f"loss of {' and '.join(sorted(lost))}"
