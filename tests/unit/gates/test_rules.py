"""Tests each rule of the plan gate (the check of Pulumi plans) with two similar plans. One plan violates the rule, and
the other complies with it.
"""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from gates.limits import Allowed, Limits
from gates.plan import Plan
from gates.rules import judge
from tests.unit.gates.plans import plan, step, urn

TODAY = datetime.date(2026, 11, 25)
BUCKET, TABLE, KEY = "aws:s3/bucket:Bucket", "aws:dynamodb/table:Table", "aws:kms/key:Key"
NODE, EIP, GOOGLE_NODE = "aws:ec2/instance:Instance", "aws:ec2/eip:Eip", "gcp:compute/instance:Instance"
RECORD, ROUTE = "aws:route53/record:Record", "cloudflare:index/workersRoute:WorkersRoute"
CERTIFICATE, POOL = "aws:acm/certificate:Certificate", "cloudflare:index/loadBalancerPool:LoadBalancerPool"
SCRIPT = "cloudflare:index/workersScript:WorkersScript"


def broken(given: Plan, limits: Limits | None = None) -> list[str]:
    return [str(refusal) for refusal in judge(given, limits or Limits(), TODAY)]


def record(op: str, name: str, target: str, was: str = "", *, host: str = "packages.example.com", **more: Any) -> Any:
    def inputs(value: str) -> dict[str, Any]:
        return {"name": host, "type": "CNAME", "records": [value], "setIdentifier": name, **more}

    return step(op, RECORD, name, old=inputs(was or target), new=inputs(target), keys=["records"] if was else [])


def node(op: str, name: str, region: str = "eu-west-1", **more: Any) -> Any:
    return step(op, NODE, name, new={"region": region, **more})


def leading(node_name: str, op: str = "same") -> Any:
    """Returns the steps of a Pulumi plan for a machine's address and the DNS record of the machine. The address does
    not change. `op` is the operation on the DNS record.
    """
    address = step("same", EIP, node_name, new={"instance": "i-1"}, depends={"instance": [urn(NODE, node_name)]})
    of_it = {"records": [urn(EIP, node_name)]}
    inputs = {"name": f"{node_name}.shield.example.com", "type": "A", "records": ["192.0.2.1"]}
    return [*address, *step(op, RECORD, f"node-{node_name}", new=inputs, depends=of_it)]


SERVED = step("same", ROUTE, "edge", new={"pattern": "packages.example.com/*"})


@pytest.mark.parametrize("host", ["packages.example.com", "packages.example.com."])
def test_certificate_and_dns_do_not_change_together(host: str) -> None:
    certificate = step("replace", CERTIFICATE, "edge", keys=["domainName"])
    assert broken(plan(SERVED, certificate, record("replace", "eu", "edge.example.net", host=host))) == [
        "certificate-and-dns: Certificate edge and Record eu change in one apply"
    ]
    assert broken(plan(SERVED, certificate, record("same", "eu", "edge.example.net"))) == []
    assert broken(plan(SERVED, certificate, record("replace", "node", "1.2.3.4", host="node.example.com"))) == []


def test_without_known_hostnames_every_record_counts() -> None:
    certificate = step("update", CERTIFICATE, "edge", keys=["certificateBody"])
    records = record("replace", "node", "1.2.3.4", host="node.example.com")
    assert broken(plan(certificate, records)) == [
        "certificate-and-dns: Certificate edge and Record node change in one apply"
    ]


def test_the_last_shield_of_a_region_is_removed_only_after_its_references() -> None:
    refused = ["last-of-region: requests lead to eu-west-1, and its last machine (Instance eu-0) is removed"]
    assert broken(plan(node("delete", "eu-0"), node("same", "us-0", "us-east-1"), leading("eu-0"))) == refused
    assert broken(plan(node("delete", "eu-0"), node("same", "eu-1"), leading("eu-0"))) == []
    assert broken(plan(node("delete", "eu-0"), node("same", "us-0", "us-east-1"))) == []


def test_a_worker_that_lists_the_region_refers_to_it() -> None:
    worker = step("same", SCRIPT, "edge", new={"bindings": [{"text": '[{"host": "x:1", "region": "eu-west-1"}]'}]})
    assert [line.split(":")[0] for line in broken(plan(node("delete", "eu-0"), worker))] == ["last-of-region"]
    worker = step("same", SCRIPT, "edge", new={"bindings": [{"text": '[{"host": "x:1", "region": "us-east-1"}]'}]})
    assert broken(plan(node("delete", "eu-0"), worker)) == []


def test_a_sole_machine_is_replaced_only_with_an_allowance() -> None:
    given = plan(node("replace", "eu-0"), node("same", "us-0", "us-east-1"), leading("eu-0"))
    assert [line.split(":")[0] for line in broken(given)] == ["last-of-region"]
    assert broken(given, Limits(sole_nodes=True)) == []


def test_the_region_of_a_google_machine_is_that_of_its_zone() -> None:
    google = step("delete", GOOGLE_NODE, "jp-0", new={"zone": "asia-northeast1-b"})
    stays = step("same", GOOGLE_NODE, "jp-1", new={"zone": "asia-northeast1-c"})
    worker = step(
        "same", SCRIPT, "edge", new={"bindings": [{"text": '[{"host": "x:1", "region": "asia-northeast1"}]'}]}
    )
    assert len(broken(plan(google, worker))) == 1
    assert broken(plan(google, stays, worker)) == []


def test_the_last_origin_of_a_region_is_removed_only_without_readers() -> None:
    bucket = step("delete", BUCKET, "eu", new={"region": "eu-west-1", "bucket": "objects-eu"})
    reader = node("same", "eu-0", userData="map http://x/ https://objects-eu.s3.eu-west-1.amazonaws.com/")
    allowed = Limits(allowed=[Allowed(resource="Bucket eu", reason="emptied, see the runbook, step 4", until=TODAY)])
    lines = broken(plan(bucket, reader))
    assert "last-of-region: the last origin of eu-west-1 (Bucket eu) is removed while 1 machines read from it" in lines
    elsewhere = node("same", "eu-0", userData="map http://x/ https://objects-us.s3.us-east-1.amazonaws.com/")
    assert broken(plan(bucket, elsewhere)) == ["stores-stay: Bucket eu is deleted"]
    assert broken(plan(bucket, elsewhere), allowed) == []


@pytest.mark.parametrize("kind", [BUCKET, TABLE, KEY, "aws:route53/zone:Zone", "gcp:spanner/database:Database"])
def test_a_store_is_not_replaced(kind: str) -> None:
    assert broken(plan(step("replace", kind, "main", keys=["name"]))) == [
        f"stores-stay: {kind.rsplit(':', 1)[1]} main is replaced because of name"
    ]
    assert broken(plan(step("update", kind, "main", keys=["tags"]))) == []


def test_an_allowance_expires() -> None:
    given = plan(step("replace", TABLE, "main"))
    one = Allowed(resource="Table main", reason="exported and imported again", until=TODAY)
    assert broken(given, Limits(allowed=[one])) == []
    assert len(judge(given, Limits(allowed=[one]), TODAY + datetime.timedelta(days=1))) == 1


def test_not_all_machines_of_a_region_are_replaced_at_once() -> None:
    others = [node("same", f"us-{number}", "us-east-1") for number in range(4)]
    assert broken(plan(*(node("replace", f"eu-{number}") for number in range(3)), *others)) == [
        "rotation: 3 of 3 machines of eu-west-1 are replaced at once; the limit is 1"
    ]
    assert broken(plan(node("replace", "eu-0"), node("same", "eu-1"), node("same", "eu-2"), *others)) == []


def test_machines_under_new_names_start_empty_too() -> None:
    stays = [node("same", "eu-3"), *(node("same", f"us-{number}", "us-east-1") for number in range(4))]
    old = [node("delete", f"eu-{number}") for number in range(3)]
    new = [node("create", f"dublin-{number}") for number in range(3)]
    assert broken(plan(*old, *new, *stays)) == [
        "rotation: 3 of 4 machines of eu-west-1 are replaced at once; the limit is 2"
    ]
    assert broken(plan(*old, *stays)) == broken(plan(*new, *stays)) == broken(plan(*old, *new[:2], *stays)) == []


@pytest.mark.parametrize("changed", ["instanceType", "userDataBase64", "serviceAccount"])
def test_a_machine_that_is_stopped_for_a_change_loses_its_cache_too(changed: str) -> None:
    stopped = [step("update", NODE, f"eu-{number}", new={"region": "eu"}, keys=[changed]) for number in range(2)]
    tagged = [step("update", NODE, f"eu-{number}", new={"region": "eu"}, keys=["tags"]) for number in range(2)]
    assert "rotation: 2 of 2 machines of eu are replaced at once; the limit is 1" in broken(plan(*stopped))
    assert broken(plan(*tagged)) == []


def test_not_all_machines_of_the_sandbox_are_replaced_at_once() -> None:
    half = [
        step
        for region in ("a", "b", "c")
        for step in (node("replace", f"{region}-0", region), node("same", f"{region}-1", region))
    ]
    assert broken(plan(*half)) == []
    assert broken(plan(*half), Limits(nodes_worldwide=0.4)) == [
        "rotation: 3 of 6 machines of the whole network are replaced at once; the limit is 2"
    ]


def test_weights_move_by_no_more_than_the_limit() -> None:
    def weighted(blue: int, green: int) -> Any:
        def one(name: str, was: int, weight: int) -> Any:
            inputs = {"name": "packages.example.com", "type": "CNAME", "records": [f"{name}.example.net"]}
            old, new = ({**inputs, "weightedRoutingPolicies": [{"weight": value}]} for value in (was, weight))
            return step("update", RECORD, name, old=old, new=new, keys=["weightedRoutingPolicies"])

        return plan(one("blue", 100, blue), one("green", 0, green))

    assert broken(weighted(75, 25)) == []
    assert broken(weighted(70, 30)) == [
        "traffic: 30% of the clients of packages.example.com CNAME are sent elsewhere; the limit is 25%"
    ]


def test_latency_records_share_their_clients_as_measured() -> None:
    regions = [record("same", "us", "a.example.net", latencyRoutingPolicies=[{"region": "us-east-1"}])]
    moves = record("update", "eu", "b.example.net", "a.example.net", latencyRoutingPolicies=[{"region": "eu-west-1"}])
    assert [line.split(" of")[0] for line in broken(plan(*regions, moves))] == ["traffic: 50%"]
    assert broken(plan(*regions, moves), Limits(shares={"us": 0.9, "eu": 0.1})) == []


def test_a_deleted_record_leaves_its_clients_without_an_answer() -> None:
    assert broken(plan(SERVED, record("delete", "only", "a.example.net"))) == [
        "traffic: 100% of the clients of packages.example.com CNAME are sent elsewhere; the limit is 25%"
    ]


def test_a_removed_name_leaves_its_clients_without_an_answer() -> None:
    old = {"name": "packages.example.com", "type": "CNAME", "records": ["a.example.net"]}
    given = plan(
        SERVED, step("replace", RECORD, "only", old=old, new={**old, "name": "other.example.com"}, keys=["name"])
    )
    assert broken(given) == [
        "traffic: 100% of the clients of packages.example.com CNAME are sent elsewhere; the limit is 25%"
    ]


def test_pools_of_a_load_balancer_count_too() -> None:
    def pool(weight: float) -> dict[str, Any]:
        return {"origins": [{"address": "a", "weight": 1.0}, {"address": "b", "weight": weight}]}

    assert broken(plan(step("update", POOL, "main", old=pool(0.0), new=pool(1.0), keys=["origins"]))) == [
        "traffic: 50% of the clients of LoadBalancerPool main are sent elsewhere; the limit is 25%"
    ]
    assert broken(plan(step("update", POOL, "main", old=pool(0.0), new=pool(0.25), keys=["origins"]))) == []
