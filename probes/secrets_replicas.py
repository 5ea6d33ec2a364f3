"""Probes the replicas of a secret in AWS Secrets Manager."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from probes.aws import AwsAccount, refusal
from probes.fact import Fact, Probe
from probes.waiting import becomes_true

_ELSEWHERE = "us-west-2"
_TIMEOUT_SECONDS = 120.0


def _replicas(account: AwsAccount) -> Iterator[Fact]:
    manager, replica = account.client("secretsmanager"), account.client("secretsmanager", region=_ELSEWHERE)
    name = account.name("secret")
    manager.create_secret(Name=name, SecretString="first", AddReplicaRegions=[{"Region": _ELSEWHERE}])
    account.later(manager.delete_secret, SecretId=name, ForceDeleteWithoutRecovery=True)
    account.later(_remove_replica, manager=manager, replica=replica, name=name)
    found = _value(replica, name, "first")
    yield Fact("A replica of a secret has the name and the value of the secret", found == "first", found)
    manager.put_secret_value(SecretId=name, SecretString="second")
    found = _value(replica, name, "second")
    yield Fact("The replica follows a new value of the secret", found == "second", found)
    code = refusal(manager.delete_secret, SecretId=name, ForceDeleteWithoutRecovery=True)
    text = "Secrets Manager refuses to delete a secret that has a replica"
    yield Fact(text, code == "InvalidParameterException", code)


def _value(manager: Any, name: str, expected: str) -> str:
    """Waits until the replica has the value `expected`, for at most two minutes. Returns the replica's value, or an
    error code.
    """

    def read() -> str:
        code = refusal(manager.get_secret_value, SecretId=name)
        return code if code != "accepted" else manager.get_secret_value(SecretId=name)["SecretString"]

    becomes_true(lambda: read() == expected, _TIMEOUT_SECONDS)
    return read()


def _remove_replica(manager: Any, replica: Any, name: str) -> None:
    """Removes the replica, and waits until it is gone. Secrets Manager does not delete a secret that has a replica."""
    manager.remove_regions_from_replication(SecretId=name, RemoveReplicaRegions=[_ELSEWHERE])
    becomes_true(lambda: refusal(replica.describe_secret, SecretId=name) != "accepted", _TIMEOUT_SECONDS)


PROBES = (
    Probe(
        "secrets-replicas",
        'Secrets Manager User Guide, "Replicate AWS Secrets Manager secrets across Regions"',
        _replicas,
    ),
)
