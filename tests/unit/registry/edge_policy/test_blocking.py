"""Tests the commands that block networks at the edge. They change only the list of networks in the edge policy, and
lose no change of another operator.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from registry import RegistryError
from registry.__main__ import app
from registry.catalog import audit
from registry.catalog.audit import By
from registry.edge_policy import blocking, versions
from registry.edge_policy.document import MOST_BLOCKED, Policy, parsed
from registry.target import Target
from tests.support.registry import Network, network

__all__ = ["network"]

CAROL = By("carol", "arn:aws:iam::123456789012:user/carol", "edge block")
RULE = {"name": "no-left-pad", "action": "deny", "ecosystem": "npm", "packages": ["left-pad"]}


def policy(**more: Any) -> Policy:
    return parsed(json.dumps({"format": 1, "rules": [RULE], **more}), "policy.json")


def in_force(network: Network) -> Policy:
    found = versions.current(network.target)
    assert found is not None
    return parsed(found.text, "the policy in force")


@pytest.fixture
def outputs(network: Network, tmp_path: Path) -> Path:
    file = tmp_path / "outputs.json"
    file.write_text(network.target.model_dump_json())
    return file


def run(outputs: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["edge", *arguments, "--stack-outputs", str(outputs)])


def test_a_network_is_blocked_without_a_policy_and_beside_the_rules_of_one(network: Network) -> None:
    blocking.block(network.target, CAROL, ["192.0.2.0/24"])
    assert in_force(network).text == '{"format":1,"rules":[],"blocked":["192.0.2.0/24"]}'
    versions.put(network.target, CAROL, policy(exemptions=[{"advisory": "MAL-2026-1", "reason": "any"}]), 1)
    blocking.block(network.target, CAROL, ["2001:db8::/32", "198.51.100.7", "2001:db8:1::7"])
    changed = in_force(network)
    assert changed.blocked == ("2001:db8::/32", "198.51.100.7/32", "2001:db8:1::7/128")
    assert changed.rules == policy().rules
    assert len(changed.exemptions) == 1


def test_a_block_is_a_version_and_an_audit_entry_unless_the_network_is_blocked_already(network: Network) -> None:
    assert blocking.block(network.target, CAROL, ["192.0.2.0/24"]).new
    assert not blocking.block(network.target, CAROL, ["192.0.2.0/24", "192.0.2.0/24"]).new
    (version,) = versions.history(network.target)
    (logged,) = audit.entries(network.target.repository)
    assert (version.by, logged.by, logged.what) == (CAROL, CAROL, "edge policy version 1")
    assert in_force(network).blocked == ("192.0.2.0/24",)


def test_a_block_keeps_what_another_operator_changes_at_the_same_time(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin = Target.origin.fget
    assert origin is not None
    raced = list[bool]()

    def slower(target: Target) -> Any:
        """Replaces the property `Target.origin`, which the registry reads before it writes the edge policy. At the
        first read, puts another edge policy in force, as if another operator did so at the same time.
        """
        if not raced:
            raced.append(True)
            versions.put(network.target, CAROL, policy(blocked=["198.51.100.0/24"]), 0)
        return origin(target)

    monkeypatch.setattr(Target, "origin", property(slower))
    blocking.block(network.target, CAROL, ["192.0.2.0/24"])
    assert raced
    assert in_force(network) == policy(blocked=["198.51.100.0/24", "192.0.2.0/24"])


def test_a_wrong_network_is_refused_with_the_right_one(network: Network, outputs: Path) -> None:
    def refused(*networks: str) -> str:
        return str(run(outputs, "block", *networks).exception)

    assert "network '192.0.2.7/24': write 192.0.2.0/24 for the network, or 192.0.2.7/32 for the address alone" in (
        refused("198.51.100.0/24", "192.0.2.7/24")
    )
    assert "network '2001:DB8::/32': write 2001:db8::/32" in refused("2001:DB8::/32")
    assert "network '::ffff:192.0.2.0/120': is an IPv4 network in the form of IPv6; write 192.0.2.0/24" in (
        refused("::ffff:192.0.2.0/120")
    )
    assert "'0.0.0.0/0': contains all IPv4 or all IPv6 addresses; write a smaller network" in refused("0.0.0.0/0")
    assert "'AS64496': is not an address; write one such as 192.0.2.7" in refused("AS64496")
    assert versions.current(network.target) is None


def test_more_networks_than_the_edge_accepts_are_refused(network: Network) -> None:
    most = [f"10.{number >> 8}.{number & 255}.0/24" for number in range(MOST_BLOCKED)]
    blocking.block(network.target, CAROL, most)
    with pytest.raises(RegistryError, match="blocked: tuple should have at most 1000 items"):
        blocking.block(network.target, CAROL, ["192.0.2.0/24"])
    assert in_force(network).blocked == tuple(most)


def test_a_network_is_unblocked_only_as_it_was_blocked(network: Network) -> None:
    blocking.block(network.target, CAROL, ["192.0.2.0/24", "2001:db8::/32"])
    with pytest.raises(RegistryError, match=r"192\.0\.2\.7/32: .*; unblock 192\.0\.2\.0/24, which contains it"):
        blocking.unblock(network.target, CAROL, ["2001:db8::/32", "192.0.2.7"])
    with pytest.raises(RegistryError, match=r"198\.51\.100\.0/24: .*; see: python -m registry edge blocked"):
        blocking.unblock(network.target, CAROL, ["198.51.100.0/24"])
    assert in_force(network).blocked == ("192.0.2.0/24", "2001:db8::/32")
    blocking.unblock(network.target, CAROL, ["192.0.2.0/24"])
    assert in_force(network).blocked == ("2001:db8::/32",)


def test_the_commands_print_what_is_blocked_and_what_no_longer_is(outputs: Path, tmp_path: Path) -> None:
    assert run(outputs, "blocked").stderr == "number of blocked networks: 0\n"
    done = run(outputs, "block", "192.0.2.0/24", "2001:db8::7")
    assert done.stdout == "in force: version 1\nnow blocked: 192.0.2.0/24, 2001:db8::7/128\n"
    listed = run(outputs, "blocked")
    assert listed.stdout == "192.0.2.0/24\n2001:db8::7/128\n"
    assert listed.stderr == "number of blocked networks: 2\n"
    assert run(outputs, "block", "192.0.2.0/24").stdout == "already in force: version 1\n"
    done = run(outputs, "unblock", "2001:db8::7")
    assert done.stdout == "in force: version 2\nno longer blocked: 2001:db8::7/128\n"
    assert run(outputs, "policy", "history").stdout.splitlines()[0].endswith("rules: 0, blocked networks: 2")

    # A policy without the list, and a rollback, change the list too. The operator has to see that.
    file = tmp_path / "policy.json"
    file.write_text(policy().text)
    done = run(outputs, "policy", "put", str(file), "--replaces", "2")
    assert done.stdout == "in force: version 3\nno longer blocked: 192.0.2.0/24\n"
    done = run(outputs, "policy", "rollback")
    assert done.stdout == "in force: version 4, which restores version 2\nnow blocked: 192.0.2.0/24\n"
    file.write_text(policy(blocked=["192.0.2.0/24"]).text)
    checked = run_check(file)
    assert checked == f"{file}: valid; number of rules: 1; number of blocked networks: 1\n"


def run_check(file: Path) -> str:
    return CliRunner().invoke(app, ["edge", "policy", "check", str(file)]).stdout
