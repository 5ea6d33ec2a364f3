"""Checks the upgrade of a stack from a released version to the current program. The upgrade must not replace or delete
two kinds of resources: stores, whose content Pulumi cannot create again, and resources that clients reach.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from gates.plan import Change, Plan
from gates.resource_types import CLIENT_FACING, STORES
from gates.settings import read_settings


class Allowance(BaseModel):
    """One intended replacement or deletion in an upgrade, with the reason why it harms no user."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    stacks: list[str] = Field(min_length=1, description="the stacks that the allowance is for")
    resource: str = Field(description="the resource as findings name it: the last part of its type, and its name")
    reason: Annotated[str, Field(min_length=20)]


class Allowances(BaseModel):
    """The content of a file `releases/<version>/allowances.yaml`. It lists the resources that `pulumi up` may replace
    or delete in an upgrade from this release.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    allowed: list[Allowance] = Field(default_factory=list[Allowance])

    def of(self, stack: str) -> list[Allowance]:
        return [allowance for allowance in self.allowed if stack in allowance.stacks]


def read_allowances(file: Path) -> Allowances:
    """Returns the allowances that a file lists. An allowance permits an upgrade to replace or delete one resource.
    Returns no allowances if the file does not exist. Raises SettingsError if the file is not valid.
    """
    return read_settings(file, Allowances) if file.exists() else Allowances()


def findings(plan: Plan, allowed: Sequence[Allowance] = ()) -> Iterator[str]:
    """Yields one line for each reason to refuse an upgrade. An upgrade must not replace or delete a store or a
    client-facing resource, unless `allowed` contains the resource. `allowed` must not contain a resource that the
    upgrade keeps, because such an entry is outdated or wrong.
    """
    unused = {allowance.resource for allowance in allowed}
    for change in plan.changes.values():
        what = _protected_kind(change)
        if not change.destructive or what is None:
            continue
        if change.resource.label in {allowance.resource for allowance in allowed}:
            unused.discard(change.resource.label)
        else:
            because = f" (because of {', '.join(change.keys)})" if change.keys else ""
            yield f"{change.resource.label}: the upgrade would {change.action} {what}{because}"
    for resource in sorted(unused):
        yield f"{resource}: allowed, but the upgrade neither replaces nor deletes it; take the allowance out"


def _protected_kind(change: Change) -> str | None:
    if change.resource.type in STORES:
        return "a store"
    return "what clients reach" if change.resource.type in CLIENT_FACING else None
