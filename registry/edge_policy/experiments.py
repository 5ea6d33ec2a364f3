"""The experiments of an edge policy: A/B tests that assign clients to variants of the edge (docs/experiments.md).

The edge worker accepts the experiments that this module accepts, and assigns the clients
(workers/edge/src/experiments.ts).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from registry.edge_policy.conditions import rule_name

_SALT = re.compile(r"[A-Za-z0-9._-]{1,64}")
_NODES = re.compile(r"[a-z0-9.*-]{1,255}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_FLAGS = ("shield_pool", "hedging", "prediction", "policy")

Percentage = Annotated[int, Field(strict=True, ge=0, le=100)]


class Variant(BaseModel):
    """One variant of an experiment. The variant's weight determines its share of the experiment's subjects (clients).
    If a variant does not set a field, its subjects get the same value as clients outside the experiment.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(description="the variant's name, which log events contain")
    weight: int = Field(
        ge=1, le=10_000, strict=True, description="the share of subjects, relative to the other weights"
    )
    shield_pool: tuple[str, ...] | None = Field(
        default=None,
        min_length=1,
        max_length=20,
        description="names of shield nodes that the edge asks first; * matches any characters",
    )
    hedging: bool | None = Field(
        default=None, strict=True, description="whether a second shield node is asked when the first one is slow"
    )
    prediction: bool | None = Field(
        default=None, strict=True, description="whether the edge may fetch what clients will ask for next"
    )
    policy: str | None = Field(
        default=None, description="digest of another version of the edge policy, whose rules apply to the subjects"
    )

    @field_validator("name")
    @classmethod
    def _name(cls, value: str) -> str:
        return _named(value)

    @field_validator("shield_pool")
    @classmethod
    def _shield_pool(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for text in value or ():
            if not _NODES.fullmatch(text):
                raise ValueError(f"{text!r}: matches no shield node; write a host name such as us-east-1-*")
        return value

    @field_validator("policy")
    @classmethod
    def _policy(cls, value: str | None) -> str | None:
        if value is not None and not _DIGEST.fullmatch(value):
            raise ValueError("is not the digest of a policy; `python -m registry edge policy history` prints digests")
        return value

    @property
    def flags(self) -> set[str]:
        """The names of the fields in _FLAGS that this variant of an experiment sets, such as `hedging`."""
        return {name for name in _FLAGS if getattr(self, name) is not None}


class Experiment(BaseModel):
    """An experiment, which assigns each subject to one of its variants. A subject is a principal or a token."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(description="the experiment's name, which log events contain; each name is unique")
    layer: str = Field(description="experiments of one layer exclude each other")
    salt: str | None = Field(
        default=None, description="another salt assigns the subjects anew; without it, the name is the salt"
    )
    unit: Literal["principal", "token"] = Field(description="what stays with its variant")
    percent: tuple[Percentage, Percentage] = Field(
        default=(0, 100),
        description="the part of the layer's subjects that take part: from the first percentage up to the second",
    )
    variants: tuple[Variant, ...] = Field(
        min_length=2, max_length=10, description="the variants; the first is the control"
    )

    @field_validator("name", "layer")
    @classmethod
    def _names(cls, value: str) -> str:
        return _named(value)

    @field_validator("salt")
    @classmethod
    def _salt(cls, value: str | None) -> str | None:
        if value is not None and not _SALT.fullmatch(value):
            raise ValueError("use up to 64 letters, digits and . _ -")
        return value

    @field_validator("percent")
    @classmethod
    def _percent(cls, value: tuple[int, int]) -> tuple[int, int]:
        if value[0] >= value[1]:
            raise ValueError(f"{list(value)}: contains no subject; write two percentages such as [0, 50]")
        return value

    @model_validator(mode="after")
    def _unique(self) -> Experiment:
        names = [variant.name for variant in self.variants]
        if len(set(names)) < len(names):
            raise ValueError("variants: two variants have one name; give each variant a name of its own")
        return self

    @property
    def flags(self) -> set[str]:
        """The names of the flags that at least one variant of this experiment sets."""
        return {flag for variant in self.variants for flag in variant.flags}

    @property
    def seed(self) -> str:
        """The salt for assigning clients to variants: the experiment's salt, or the experiment's name if there is no
        salt.
        """
        return self.salt if self.salt is not None else self.name


def check_together(experiments: Sequence[Experiment]) -> None:
    """Raises ValueError if two experiments cannot run together. Each experiment needs a name and a salt that no other
    experiment has. No client may take part in two experiments of the same layer. These experiments must therefore have
    the same unit, and their percentages must not overlap. Experiments of different layers must not set the same flag,
    such as `prediction`.
    """
    for number, one in enumerate(experiments):
        for other in experiments[:number]:
            problem = _conflict(one, other)
            if problem:
                raise ValueError(f"experiment {one.name!r}: {problem}")


def _conflict(one: Experiment, other: Experiment) -> str:
    if one.name == other.name:
        return "another experiment has this name; give each experiment a name of its own"
    if one.seed == other.seed:
        return f"experiment {other.name!r} has the same salt, so that both assign alike; use another salt"
    if one.layer == other.layer and one.unit != other.unit:
        return f"has another unit than {other.name!r}; experiments of one layer have one unit"
    if one.layer == other.layer:
        overlap = max(one.percent[0], other.percent[0]) < min(one.percent[1], other.percent[1])
        return f"percent overlaps {other.name!r} of the same layer; use [0, 50] and [50, 100]" if overlap else ""
    both = sorted(one.flags & other.flags)
    return f"sets {both[0]}, as {other.name!r} does; put both into one layer" if both else ""


def _named(text: str) -> str:
    try:
        return rule_name(text)
    except ValueError:
        raise ValueError("use up to 64 small letters, digits and hyphens, such as no-hedging") from None
