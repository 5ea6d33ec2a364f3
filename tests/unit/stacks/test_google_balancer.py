"""Tests a stack whose clients reach our own PoPs through Google's load balancer. The stack is deployed to the emulated
clouds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi_aws as aws
import pulumi_gcp as gcp

from gates.resilience import Statements, Survived, prove
from tests.policies.graph import as_policies_see_it
from tests.policies.resources import NAMES, findings, settings
from tests.support.gated_resources import counterexamples, resources_of_gates
from tests.support.harness import Deployment
from tests.support.stacks import WITH_BALANCER, WITH_POPS_ON_GOOGLE, first_up

# A second PoP, to which the load balancer sends no clients.
DRAINED: Mapping[str, Any] = {**WITH_BALANCER["pops"][0], "region": "us-east4", "nodes": 1, "traffic_dial": 0}


def deployment() -> Deployment:
    return first_up("local", {**WITH_BALANCER, "pops": [*WITH_BALANCER["pops"], DRAINED]})


def only(kind: type[Any]) -> Any:
    (found,) = deployment().of(kind).values()
    return found


def test_a_forwarding_rule_leads_https_to_a_proxy_that_sends_the_address_of_the_client() -> None:
    rule, proxy = only(gcp.compute.GlobalForwardingRule), only(gcp.compute.TargetTCPProxy)
    service = only(gcp.compute.BackendService)
    assert (rule.inputs["ipProtocol"], rule.inputs["portRange"], rule.inputs["networkTier"]) == (
        "TCP",
        "443",
        "PREMIUM",
    )
    assert rule.inputs["loadBalancingScheme"] == service.inputs["loadBalancingScheme"] == "EXTERNAL_MANAGED"
    assert rule.inputs["ipAddress"] == only(gcp.compute.GlobalAddress).outputs["address"]
    assert (rule.inputs["target"], proxy.inputs["backendService"]) == (proxy.id, service.id)
    assert (proxy.inputs["proxyHeader"], service.inputs["protocol"]) == ("PROXY_V1", "TCP")


def test_each_zone_has_a_backend_with_its_machines_on_the_port_for_the_load_balancer() -> None:
    service, groups = only(gcp.compute.BackendService), deployment().of(gcp.compute.NetworkEndpointGroup)
    assert {backend["group"] for backend in service.inputs["backends"]} == {group.id for group in groups.values()}
    assert {backend["balancingMode"] for backend in service.inputs["backends"]} == {"CONNECTION"}
    endpoints = deployment().of(gcp.compute.NetworkEndpoint)
    machines = deployment().of(gcp.compute.Instance)
    assert sorted(endpoints) == ["pop-europe-west4-0", "pop-europe-west4-1", "pop-us-east4-0"]
    for name, endpoint in endpoints.items():
        machine = machines[name].inputs
        assert (endpoint.inputs["instance"], endpoint.inputs["zone"]) == (machine["name"], machine["zone"])
        assert endpoint.inputs["ipAddress"] == machine["networkInterfaces"][0]["networkIp"]
        assert endpoint.inputs["port"] == 8444


def test_health_checks_request_the_service_through_the_same_port() -> None:
    check = only(gcp.compute.HealthCheck).inputs
    assert (check["checkIntervalSec"], check["unhealthyThreshold"]) == (10, 3)
    assert check["httpsHealthCheck"] == {
        "host": "packages.artifact-edge.test",
        "requestPath": "/healthz",
        "portSpecification": "USE_SERVING_PORT",
        "proxyHeader": "PROXY_V1",
    }


def test_only_googles_front_ends_reach_the_port_for_the_load_balancer() -> None:
    rules = {name: each.inputs for name, each in deployment().of(gcp.compute.Firewall).items() if "pop-" in name}
    admitted = {
        name: (each["allows"][0]["ports"], each["sourceRanges"])
        for name, each in rules.items()
        if each["direction"] == "INGRESS"
    }
    assert admitted == {
        f"pop-{region}-{source}": of_source
        for region in ("europe-west4", "us-east4")
        for source, of_source in (
            ("clients", (["443"], ["0.0.0.0/0"])),
            ("balancer", (["8444"], ["35.191.0.0/16", "130.211.0.0/22"])),
        )
    }


def test_the_setting_replaces_no_machine() -> None:
    def user_data(up: Deployment) -> str:
        text = up.of(gcp.compute.Instance)["pop-europe-west4-0"].inputs["metadata"]["user-data"]
        return "\n".join(line for line in text.splitlines() if "lambda-url" not in line)

    assert user_data(deployment()) == user_data(first_up("local", WITH_POPS_ON_GOOGLE))
    assert "listen 8444 ssl http2 proxy_protocol" in user_data(deployment())


def test_a_dial_of_0_drains_a_pop() -> None:
    groups = {group.id: name for name, group in deployment().of(gcp.compute.NetworkEndpointGroup).items()}
    backends = only(gcp.compute.BackendService).inputs["backends"]
    assert {groups[each["group"]]: each["capacityScaler"] for each in backends} == {
        "pop-europe-west4-b": 1,
        "pop-europe-west4-c": 1,
        "pop-us-east4-b": 0,
    }


def test_the_clients_hostname_leads_to_the_load_balancer_and_without_it_to_the_machines() -> None:
    records, checks = deployment().of(aws.route53.Record), deployment().of(aws.route53.HealthCheck)
    address = only(gcp.compute.GlobalAddress).outputs["address"]
    assert records["edge-own"].inputs["records"] == ["anycast.pops.artifact-edge.test"]
    primary, secondary = records["anycast-primary"].inputs, records["anycast-secondary"].inputs
    assert (primary["type"], primary["records"]) == ("A", [address])
    assert (primary["healthCheckId"], checks["balancer"].inputs["ipAddress"]) == (checks["balancer"].id, address)
    assert [(each["name"], each["evaluateTargetHealth"]) for each in secondary["aliases"]] == [
        ("pops.artifact-edge.test", True)
    ]
    assert deployment().outputs["networks"][1]["target"] == "anycast.pops.artifact-edge.test"
    assert deployment().outputs["balancer"] == {"address": address}


def test_clients_read_packages_without_the_load_balancer() -> None:
    lost = [["edge:google-load-balancer"], ["edge:cloudflare", "edge:google-load-balancer"], ["cloud:gcp"]]
    assert counterexamples(deployment(), lost) == []


def test_without_the_way_by_addresses_clients_need_cloudflare_or_the_load_balancer() -> None:
    graph = [each for each in resources_of_gates(deployment()) if each.name != "anycast-secondary"]
    lost = ["edge:cloudflare", "edge:google-load-balancer"]
    found = prove(graph, Statements(survives=[Survived(all=lost)])).findings
    assert any("load balancer is lost with edge:google-load-balancer" in each for each in found), found


def test_the_stack_meets_the_policies() -> None:
    registered = as_policies_see_it(deployment())
    given = settings("local")
    found = {name: findings(name, registered, given.get(name)) for name in NAMES}
    assert {name: each for name, each in found.items() if each} == {}
