"""Tests that the registry stores all versions of the edge policy, which decides what clients may get. Two operators who
change the policy at the same time must not overwrite each other's changes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from typer.testing import CliRunner, Result

from contract import advisories
from contract.edge_policies import CURRENT, PARTITION
from registry import RegistryError
from registry.__main__ import app
from registry.catalog import audit
from registry.catalog.audit import By
from registry.edge_policy import versions
from registry.edge_policy.document import Policy, parsed
from registry.metadata import Item, Put
from registry.target import Target
from tests.support.registry import ACCOUNT, Network, network, on_s3_only
from workers.entitlements.policies import policies_feed

__all__ = ["network"]

CAROL = By("carol", "arn:aws:iam::123456789012:user/carol", "edge policy put")
DAVE = By("dave", "arn:aws:iam::123456789012:user/dave", "edge policy put")


def policy(name: str) -> Policy:
    rule = {"name": name, "action": "deny", "ecosystem": "npm", "packages": [name]}
    return parsed(json.dumps({"format": 1, "rules": [rule]}), "policy.json")


def named(network: Network) -> list[str]:
    """Returns the digests that the item CURRENT of the metadata database lists. They are digests of edge policies."""
    item = network.target.repository.item(PARTITION, CURRENT)
    return item.document["policies"] if item else []


def entry(network: Network) -> Any:
    values = network.edge.kv.namespaces.values
    namespace = network.target.entitlements.namespace_id
    return json.loads(values.get("edge-policy", account_id=ACCOUNT, namespace_id=namespace).read())


def test_a_policy_is_stored_for_the_edge_before_it_is_named(network: Network) -> None:
    first = versions.put(network.target, CAROL, policy("first"), 0)
    assert (first.new, first.version.number, first.edge_error) == (True, 1, "")
    digest = policy("first").digest
    assert network.get(f"edge-policies/{digest}.json").decode() == policy("first").text
    assert named(network) == [digest]
    assert entry(network) == {"version": 1, "policies": [digest], "advisories": []}


def canary(digest: str) -> Policy:
    """Returns an edge policy (rules for packages) with an experiment. Clients with the experiment's second variant get
    the rules of another policy, which has the digest `digest`.
    """
    variants = [{"name": "new", "weight": 5}, {"name": "old", "weight": 95, "policy": digest}]
    experiment = {"name": "canary", "layer": "policy", "unit": "principal", "variants": variants}
    return parsed(json.dumps({"format": 1, "rules": [], "experiments": [experiment]}), "policy.json")


def test_a_variant_names_a_policy_that_the_edge_can_read(network: Network) -> None:
    versions.put(network.target, CAROL, policy("first"), 0)
    with pytest.raises(RegistryError, match="variant 'old': no version of the edge policy has the digest " + "0" * 64):
        versions.put(network.target, CAROL, canary("0" * 64), 1)
    assert named(network) == [policy("first").digest]
    digest = policy("first").digest
    put = versions.put(network.target, CAROL, canary(digest), 1)
    stored = json.loads(network.get(f"edge-policies/{put.version.digest}.json"))
    assert stored["experiments"][0]["variants"][1] == {"name": "old", "weight": 95, "policy": digest}
    assert put.version.text == canary(digest).text


def test_each_version_has_its_author_its_time_and_the_version_before(network: Network) -> None:
    versions.put(network.target, CAROL, policy("first"), 0)
    versions.put(network.target, DAVE, policy("second"), 1)
    first, second = versions.history(network.target)
    assert (first.by, first.replaces, first.text) == (CAROL, 0, policy("first").text)
    assert (second.by, second.replaces, second.text) == (DAVE, 1, policy("second").text)
    assert first.at < second.at
    assert versions.current(network.target) == second
    assert named(network) == [policy("second").digest, policy("first").digest]
    log = [(entry.by, entry.what, entry.at) for entry in audit.entries(network.target.repository)]
    assert log == [(CAROL, "edge policy version 1", first.at), (DAVE, "edge policy version 2", second.at)]


def test_a_change_of_an_earlier_version_is_refused_and_says_who_was_first(network: Network) -> None:
    versions.put(network.target, CAROL, policy("first"), 0)
    versions.put(network.target, DAVE, policy("second"), 1)
    with pytest.raises(RegistryError, match=r"is version 2, by dave at .*, and not version 1; .*--replaces 2"):
        versions.put(network.target, CAROL, policy("third"), 1)
    with pytest.raises(RegistryError, match="is version 2, by dave"):
        versions.put(network.target, CAROL, policy("third"), 0)
    assert len(list(versions.history(network.target))) == 2


def test_a_change_between_reading_and_writing_is_refused(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    versions.put(network.target, CAROL, policy("first"), 0)
    create = Target.origin.fget
    assert create is not None
    raced = list[bool]()

    def slower(target: Target) -> Any:
        """Replaces the property `Target.origin`, which the registry reads before it writes Carol's edge policy. At the
        first read, stores Dave's edge policy, as if Dave had made a change at the same time.
        """
        if not raced:
            raced.append(True)
            versions.put(network.target, DAVE, policy("second"), 1)
        return create(target)

    monkeypatch.setattr(Target, "origin", property(slower))
    with pytest.raises(RegistryError, match="is version 2, by dave"):
        versions.put(network.target, CAROL, policy("third"), 1)
    found = versions.current(network.target)
    assert found is not None
    assert found.text == policy("second").text


def test_the_same_policy_again_changes_nothing_but_repairs_the_edges_entry(network: Network) -> None:
    network.cloudflare.away = True
    first = versions.put(network.target, CAROL, policy("first"), 0)
    assert "the test took it away" in first.edge_error or first.edge_error
    network.cloudflare.away = False
    again = versions.put(network.target, CAROL, policy("first"), 1)
    assert (again.new, again.version.number, again.edge_error) == (False, 1, "")
    assert entry(network)["policies"] == [policy("first").digest]


@on_s3_only
def test_a_stored_policy_is_reported_although_the_database_is_lost_after_the_commit(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = network.target.repository
    item = repository.item

    def lost(partition: str, name: str) -> Item | None:
        # After the commit, the command reads the data sets of advisories, for the entry at the edge.
        if name == advisories.CURRENT:
            raise EndpointConnectionError(endpoint_url="https://dynamodb.test")
        return item(partition, name)

    monkeypatch.setattr(repository, "item", lost)
    put = versions.put(network.target, CAROL, policy("first"), 0)
    assert (put.new, put.version.number) == (True, 1)
    assert "Could not connect" in put.edge_error


def test_a_rollback_is_a_new_version_with_the_earlier_document(network: Network) -> None:
    for number, name in enumerate(("first", "second", "third")):
        versions.put(network.target, CAROL, policy(name), number)
    back = versions.rollback(network.target, DAVE, 0)
    assert (back.version.number, back.version.restores, back.version.text) == (4, 2, policy("second").text)
    assert named(network)[:2] == [policy("second").digest, policy("third").digest]
    assert versions.rollback(network.target, DAVE, 1).version.text == policy("first").text
    assert not versions.rollback(network.target, DAVE, 1).new
    with pytest.raises(RegistryError, match="edge policy version 9: does not exist"):
        versions.rollback(network.target, DAVE, 9)


def test_a_rollback_of_the_first_version_allows_everything(network: Network) -> None:
    with pytest.raises(RegistryError, match="there is no edge policy to roll back"):
        versions.rollback(network.target, CAROL, 0)
    versions.put(network.target, CAROL, policy("first"), 0)
    back = versions.rollback(network.target, CAROL, 0)
    assert (back.version.number, back.version.text) == (2, '{"format":1,"rules":[]}')


def test_the_edge_knows_the_latest_policies_each_once(network: Network) -> None:
    names = [f"p{number}" for number in range(7)] + ["p5"]
    for number, name in enumerate(names):
        versions.put(network.target, CAROL, policy(name), number)
    assert named(network) == [policy(name).digest for name in ("p5", "p6", "p4", "p3", "p2")]


def test_the_feed_names_the_policies_in_the_database(network: Network) -> None:
    class Database:
        def token(self, digest: str) -> None: ...

        def documents(self, partition: str, after: str) -> list[str]:
            return [json.dumps(dict(item.document)) for item in network.target.repository.items(partition, after=after)]

    empty = policies_feed().answer(Database(), 1000)
    assert json.loads(empty.body) == {"version": 1, "read": 1000, "policies": [], "advisories": []}
    versions.put(network.target, CAROL, policy("first"), 0)
    full = policies_feed().answer(Database(), 1000)
    assert json.loads(full.body)["policies"] == [policy("first").digest]
    assert full.headers["cache-control"] == "public, max-age=2, stale-if-error=86400"


def test_the_commands_put_print_list_and_roll_back(network: Network, tmp_path: Path) -> None:
    outputs = tmp_path / "outputs.json"
    outputs.write_text(network.target.model_dump_json())

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["edge", "policy", *arguments, "--stack-outputs", str(outputs)])

    file = tmp_path / "policy.json"
    file.write_text(policy("first").text)
    assert isinstance(run("get").exception, RegistryError)
    assert run("put", str(file), "--principal", "carol").stdout == "in force: version 1\n"
    file.write_text(policy("second").text)
    assert "--replaces 1" in str(run("put", str(file)).exception)
    assert run("put", str(file), "--replaces", "1", "--principal", "dave").stdout == "in force: version 2\n"
    shown = run("get")
    assert json.loads(shown.stdout) == json.loads(policy("second").text)
    assert shown.stderr.startswith("version 2, by dave at ")
    assert json.loads(run("get", "--version", "1").stdout) == json.loads(policy("first").text)
    assert run("rollback", "--principal", "carol").stdout == "in force: version 3, which restores version 1\n"
    lines = run("history").stdout.splitlines()
    assert [line.split("  ")[0] for line in lines] == ["1", "2", "3"]
    assert lines[2].endswith("rules: 1, restores version 1")
    file.write_text('{"format": 1, "rules": [{}]}')
    refused = run("put", str(file), "--replaces", "3")
    assert "rule number 1: name: is missing" in str(refused.exception)
    assert len(run("history").stdout.splitlines()) == 3


def test_a_record_that_someone_wrote_by_hand_is_not_overwritten(network: Network) -> None:
    network.target.repository.transact([Put(PARTITION, CURRENT, {"version": 4, "policies": ["00"]})])
    with pytest.raises(RegistryError, match="edge policy version 4: does not exist"):
        versions.put(network.target, CAROL, policy("first"), 0)
