"""Stands in for Google Cloud in unit tests: takes what the SDK's types allow, and answers with made-up identities.

There is no cloud behind it to ask, so tests assert on what was requested of it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable

import pulumi
import pulumi_gcp as gcp

from local.providers import schema
from local.providers.handler import Created, Handler, Properties

_EMAIL = "shield@project.iam.gserviceaccount.com"


class _Accepted:
    """A handler that makes every resource as asked, and adds what only the cloud can know."""

    replace_on: frozenset[str] = frozenset()

    def __init__(self, resource: type[pulumi.CustomResource], computed: Callable[[int], Properties]) -> None:
        self.resource = resource
        self._computed = computed
        self._count = itertools.count(1)

    def create(self, inputs: Properties) -> Created:
        number = next(self._count)
        id = f"{schema.token_of(self.resource).split(':')[-1]}-{number}"
        return Created(id, {**inputs, **self._computed(number)})

    def read(self, id: str, state: Properties) -> Properties | None:
        return state

    def update(self, id: str, old: Properties, new: Properties) -> Properties:
        return {**old, **new}

    def delete(self, id: str, state: Properties) -> None:
        pass


def handlers() -> Iterable[Handler]:
    """One handler for each type of Google's that the program uses."""
    account: Properties = {"email": _EMAIL, "member": f"serviceAccount:{_EMAIL}", "uniqueId": "1234567890"}
    yield _Accepted(gcp.serviceaccount.Account, lambda _: account)
    yield _Accepted(gcp.compute.Address, lambda number: {"address": f"198.51.100.{number}"})
    for resource in (
        gcp.compute.Network,
        gcp.compute.Subnetwork,
        gcp.compute.Firewall,
        gcp.compute.Instance,
        gcp.storage.Bucket,
        gcp.storage.BucketIAMMember,
        gcp.spanner.Instance,
        gcp.spanner.Database,
    ):
        yield _Accepted(resource, lambda _: {})
