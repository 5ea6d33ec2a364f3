"""Finds the resources of a stack by their types."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache
from typing import Protocol
from weakref import WeakKeyDictionary

from pulumi_policy import PolicyResource, StackValidationArgs

# Maps a stack to an index of its resources. The index maps each type to the positions of the type's resources in
# `stack.resources`. Without the index, each policy would search the whole stack.
_PLACES: WeakKeyDictionary[StackValidationArgs, Mapping[str, Sequence[int]]] = WeakKeyDictionary()


class Typed(Protocol):
    """A Pulumi resource, or another object with a Pulumi type token, that a policy checks."""

    @property
    def resource_type(self) -> str: ...


def kind(resource: Typed) -> str:
    """Returns the type token of a resource. Policies treat S3 types with and without the suffix V2 alike, so the
    function removes this suffix.
    """
    return _kind_of(resource.resource_type)


def all_of(stack: StackValidationArgs, kinds: Collection[str]) -> Iterator[PolicyResource]:
    """Returns the stack's resources of the given types, in the order of the stack's list."""
    places = _PLACES.get(stack)
    if places is None:
        places = _PLACES[stack] = _places(stack.resources)
    return (stack.resources[place] for place in sorted(place for each in set(kinds) for place in places.get(each, ())))


def _places(resources: Sequence[PolicyResource]) -> Mapping[str, Sequence[int]]:
    places: dict[str, list[int]] = {}
    for place, resource in enumerate(resources):
        places.setdefault(kind(resource), []).append(place)
    return places


@cache
def _kind_of(token: str) -> str:
    return token.replace("V2", "") if token.startswith("aws:s3/") else token
