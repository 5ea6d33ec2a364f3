"""Stores the versions of a stack's edge policy, and selects the version that the edge applies.

A change first writes the policy as an object to the origin. One transaction then makes the policy current, and writes
the version's record and an audit entry. The edge gets the policy's digest from the metadata API. If that API does not
answer, the edge gets the digest from an entry in Workers KV.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contract.edge_policies import CURRENT, KNOWN, PARTITION, object_key
from registry import RegistryError
from registry.catalog import audit
from registry.catalog.artifact import Blob
from registry.catalog.audit import By
from registry.clock import now
from registry.edge_policy import entry
from registry.edge_policy.document import Policy, parsed
from registry.metadata import Absent, Conflict, Item, Put, Unchanged
from registry.target import Target

# The partition of the metadata database with one item for each version of the edge policy.
VERSIONS = "edge-policy-versions"
# The number of times that `edit` applies a change, if other operators change the policy at the same time.
_ATTEMPTS = 5


@dataclass(frozen=True)
class Version:
    """One version of the edge policy. `text` is the policy's document. `at` is the time when an operator made this
    version the current one (ISO 8601, UTC).

    `replaces` is the number of the version that was current before, or 0 for the first version. A rollback stores the
    policy of an earlier version as a new version. In this case, `restores` is the number of the earlier version.
    Otherwise, `restores` is 0.
    """

    number: int
    text: str
    digest: str
    by: By
    at: str
    replaces: int
    restores: int = 0


@dataclass(frozen=True)
class Changed:
    """The result of a command that changes the edge policy: the version that is now in force. `new` is false if the
    same policy was already in force before the command.

    The command also writes the policy's digest to Workers KV. `edge_error` is the message of the error if this write
    failed, and empty otherwise.
    """

    version: Version
    new: bool
    edge_error: str = ""


def current(target: Target) -> Version | None:
    """Returns the current version of the edge policy. Returns None if no policy has been stored yet."""
    item = target.repository.item(PARTITION, CURRENT)
    return version(target, item.document["version"]) if item else None


def version(target: Target, number: int) -> Version:
    """Returns the version of the edge policy with the given number. Raises RegistryError if it does not exist."""
    item = target.repository.item(VERSIONS, _name(number))
    if item is None:
        raise RegistryError(
            f"edge policy version {number}: does not exist; see: python -m registry edge policy history"
        )
    return _version(number, item.document)


def history(target: Target) -> Iterator[Version]:
    """Yields all versions of the edge policy, the oldest first."""
    for item in target.repository.items(VERSIONS):
        yield _version(int(item.name), item.document)


def put(target: Target, by: By, policy: Policy, replaces: int) -> Changed:
    """Makes `policy` the edge policy in force. `replaces` is the number of the version that is in force now, or 0 if
    there was never a policy.

    Raises RegistryError if another version is in force, because somebody has changed the policy in the meantime. Also
    raises RegistryError if an experiment in `policy` names a policy that was never in force.
    """
    item = target.repository.item(PARTITION, CURRENT)
    _expect(target, item, replaces)
    _check_variants(target, policy)
    if _digests(item)[:1] == [policy.digest]:
        return Changed(version(target, replaces), new=False, edge_error=entry.update(target))
    return _change(target, by, policy, item)


def edit(target: Target, by: By, change: Callable[[Policy], Policy]) -> Changed:
    """Replaces the edge policy in force with `change(policy)`. Without a policy, `change` gets one without rules. If
    somebody changes the policy at the same time, the function applies `change` again, to the new policy.

    `change` must not add experiments, because the function does not check whether the policies of variants exist.
    """
    for _ in range(_ATTEMPTS):
        item = target.repository.item(PARTITION, CURRENT)
        there = version(target, item.document["version"]) if item else None
        policy = parsed(there.text, f"version {there.number}") if there else Policy(format=1, rules=())
        changed = change(policy)
        if there is not None and changed.digest == there.digest:
            return Changed(there, new=False, edge_error=entry.update(target))
        with contextlib.suppress(Conflict):
            return _transact(target, by, changed, item)
    raise RegistryError("others changed the edge policy at the same time, again and again; repeat the command")


def rollback(target: Target, by: By, number: int) -> Changed:
    """Restores the policy of the version `number` as a new version. If `number` is 0, restores the version that the
    current version replaced. If the current version is the first one, the new version is a policy without rules.

    Raises RegistryError if there is no such version, or if another operator changes the policy at the same time.
    """
    item = target.repository.item(PARTITION, CURRENT)
    if item is None:
        raise RegistryError("there is no edge policy to roll back; put one: python -m registry edge policy put")
    there: int = item.document["version"]
    restored = number or version(target, there).replaces
    policy = parsed(version(target, restored).text, f"version {restored}") if restored else Policy(format=1, rules=())
    if policy.digest == item.document["policies"][0]:
        return Changed(version(target, there), new=False, edge_error=entry.update(target))
    return _change(target, by, policy, item, restores=restored)


def _change(target: Target, by: By, policy: Policy, item: Item | None, restores: int = 0) -> Changed:
    """Makes `policy` the edge policy in force. Raises RegistryError if somebody has changed the policy since the read
    of `item`.
    """
    try:
        return _transact(target, by, policy, item, restores)
    except Conflict:
        _expect(target, target.repository.item(PARTITION, CURRENT), item.document["version"] if item else 0)
        raise


def _transact(target: Target, by: By, policy: Policy, item: Item | None, restores: int = 0) -> Changed:
    there = item.document["version"] if item else 0
    made = Version(there + 1, policy.text, policy.digest, by, now(), there, restores)
    body = policy.text.encode()
    blob = Blob(object_key(policy.digest), body, "application/json", hashlib.sha256(body).hexdigest())
    target.origin.create(blob)
    digests = [policy.digest, *(digest for digest in _digests(item) if digest != policy.digest)][:KNOWN]
    condition = Unchanged(item.version) if item else Absent()
    what = f"edge policy version {made.number}" + (f" as version {restores}" if restores else "")
    target.repository.transact(
        [
            Put(PARTITION, CURRENT, {"version": made.number, "policies": digests}, condition),
            Put(VERSIONS, _name(made.number), _document(made), Absent()),
            audit.entry(by, what, made.at),
        ]
    )
    return Changed(made, new=True, edge_error=entry.update(target))


def _check_variants(target: Target, policy: Policy) -> None:
    """Raises RegistryError if a variant of an experiment names the digest of a policy that was never in force."""
    named = {variant.policy: variant for experiment in policy.experiments for variant in experiment.variants}
    named.pop(None, None)
    for digest in named.keys() - ({found.digest for found in history(target)} if named else set()):
        raise RegistryError(
            f"variant {named[digest].name!r}: no version of the edge policy has the digest {digest}; "
            "see: python -m registry edge policy history"
        )


def _expect(target: Target, item: Item | None, replaces: int) -> None:
    there = item.document["version"] if item else 0
    if there == replaces:
        return
    if not there:
        raise RegistryError(f"--replaces {replaces}: there is no edge policy yet; leave the option out")
    found = version(target, there)
    raise RegistryError(
        f"the edge policy in force is version {there}, by {found.by.principal} at {found.at}, and not version "
        f"{replaces}; get that version (python -m registry edge policy get), apply your change to it, and use "
        f"--replaces {there}"
    )


def _digests(item: Item | None) -> Sequence[str]:
    return item.document["policies"] if item else ()


def _name(number: int) -> str:
    return f"{number:010}"


def _document(made: Version) -> dict[str, Any]:
    return {
        "policy": made.text,
        "digest": made.digest,
        "principal": made.by.principal,
        "caller": made.by.caller,
        "action": made.by.action,
        "at": made.at,
        "replaces": made.replaces,
        "restores": made.restores,
    }


def _version(number: int, document: Mapping[str, Any]) -> Version:
    by = By(document["principal"], document["caller"], document["action"])
    return Version(
        number, document["policy"], document["digest"], by, document["at"], document["replaces"], document["restores"]
    )
