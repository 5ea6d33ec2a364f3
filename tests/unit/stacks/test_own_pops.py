"""Tests a stack with our own PoP machines. The stack is deployed to the emulated clouds."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from dataclasses import replace
from typing import Any, get_args

import pulumi_aws as aws
import pytest

from contract.pops import PopRouting
from costs import Resource, estimate
from emulation.machines import cloud_init
from gates.resilience import NotSurvived, Statements, Survived, prove
from tests.policies.graph import as_policies_see_it
from tests.policies.resources import NAMES, findings, settings
from tests.support.gated_resources import counterexamples, resources_of_gates
from tests.support.harness import Deployment
from tests.support.stacks import WITH_ACCELERATOR, WITH_POPS, first_up

NODES = ["pop-eu-west-1-0", "pop-us-west-2-0", "pop-us-west-2-1"]


def deployment() -> Deployment:
    return first_up("local", WITH_POPS)


def without_pops() -> Deployment:
    return first_up("prod")


def routed(routing: PopRouting) -> Deployment:
    """Returns a stack whose clients are led to a PoP by the given routing policy. If the policy is geoproximity, the
    PoP in eu-west-1 has a bias.
    """
    if routing == "latency":
        return deployment()
    oregon, ireland = WITH_POPS["pops"]
    pops = [oregon, {**ireland, "bias": -7} if routing == "geoproximity" else ireland]
    return first_up("local", {"pops": pops, "pops_routing": routing})


def machines() -> dict[str, Any]:
    return {name: found for name, found in deployment().of(aws.ec2.Instance).items() if name.startswith("pop-")}


def user_data(name: str) -> dict[str, str]:
    """Maps paths to the files that cloud-init writes on a PoP machine."""
    text = gzip.decompress(base64.b64decode(machines()[name].inputs["userDataBase64"])).decode()
    return {file.path: file.content for file in cloud_init.parse(text).files}


def test_each_region_has_its_machines_and_each_machine_its_address() -> None:
    outputs = deployment().outputs["pops"]
    assert sorted(machines()) == NODES
    assert sorted(node["name"] for node in outputs) == NODES
    associations = deployment().of(aws.ec2.EipAssociation).items()
    addresses = {name: each.outputs["publicIp"] for name, each in associations if name.startswith("pop-")}
    assert addresses == {node["name"]: node["address"] for node in outputs}
    assert len(set(addresses.values())) == 3


def test_each_machine_reports_under_its_own_name_and_the_next_one_of_the_region_waits_for_its_address() -> None:
    for name in NODES:
        settings_of_it = user_data(name)["/etc/artifact-edge/pop.env"].splitlines()
        assert f"SERVING_PARAMETER=/artifact-edge/local/serving/{name}" in settings_of_it
    associations = deployment().of(aws.ec2.EipAssociation)
    assert all(associations[name].inputs["allowReassociation"] for name in NODES)
    created = [each.urn for each in deployment().resources]
    first, second = associations["pop-us-west-2-0"].urn, machines()["pop-us-west-2-1"].urn
    assert created.index(first) < created.index(second)


def test_a_stack_without_pops_has_no_resource_of_them() -> None:
    assert not [each for each in without_pops().resources if ":pop:" in each.urn or "pop-" in each.name]


def test_the_stack_meets_the_policies_and_has_a_price() -> None:
    registered = as_policies_see_it(deployment())
    given = settings("local")
    found = {name: findings(name, registered, given.get(name)) for name in NAMES}
    assert {name: each for name, each in found.items() if each} == {}
    one, three = (
        [Resource(each.type, each.name, each.outputs) for each in up.resources]
        for up in (first_up("local"), deployment())
    )
    # The stack's config has one machine of our own. Two more EC2 machines (i4i.large) cost about 250 dollars a month.
    # The PoP in another region adds some cheaper resources.
    assert 230 < estimate(three).total - estimate(one).total < 400


def test_user_data_names_the_nearest_replica_the_shields_and_the_metadata_api() -> None:
    files = user_data("pop-eu-west-1-0")
    assert "TABLE_REGIONS=eu-west-1 us-east-1\n" in files["/etc/artifact-edge/pop.env"]
    assert "TABLE=artifact-edge-local-metadata\n" in files["/etc/artifact-edge/pop.env"]
    shields = json.loads(files["/etc/artifact-edge/shields.json"])
    assert [node["host"] for node in shields] == [f"{node['host']}:8443" for node in deployment().outputs["shields"]]
    assert 'METADATA_API", text = "https://' in files["/etc/artifact-edge/worker.capnp"]
    assert json.loads(files["/etc/artifact-edge/place.json"]) == {"latitude": "53.3", "longitude": "-6.3"}


def test_everyone_reaches_the_https_port_and_pops_reach_shields_and_https_only() -> None:
    group = deployment().of(aws.ec2.SecurityGroup)["pop-us-west-2"].inputs
    assert [(rule["fromPort"], rule["toPort"], rule["cidrBlocks"]) for rule in group["ingress"]] == [
        (443, 443, ["0.0.0.0/0"])
    ]
    shields = [f"{node['address']}/32" for node in deployment().outputs["shields"]]
    assert [(rule["fromPort"], rule["cidrBlocks"]) for rule in group["egress"]] == [
        (443, ["0.0.0.0/0"]),
        (8443, shields),
    ]


def test_a_machine_reads_its_secrets_and_its_certificate_in_its_own_region_first_and_then_in_the_home_region() -> None:
    for name, region in (("pop-eu-west-1-0", "eu-west-1"), ("pop-us-west-2-0", "us-west-2")):
        settings_of_it = user_data(name)["/etc/artifact-edge/pop.env"].splitlines()
        assert f"REGIONS={region} us-east-1" in settings_of_it
        assert "HOME_REGION=us-east-1" in settings_of_it


def test_shields_admit_the_addresses_of_pops() -> None:
    group = deployment().of(aws.ec2.SecurityGroup)["shield-us-east-1"].inputs
    (edge,) = [rule for rule in group["ingress"] if rule["fromPort"] == 8443]
    assert {f"{node['address']}/32" for node in deployment().outputs["pops"]} <= set(edge["cidrBlocks"])
    assert "173.245.48.0/20" in edge["cidrBlocks"]


def test_the_role_reads_three_secrets_the_certificate_and_three_partitions_and_only_reports() -> None:
    role = "artifact-edge-local-pop"
    policies = {name: each.inputs for name, each in deployment().of(aws.iam.RolePolicy).items()}
    statements = [
        statement
        for each in policies.values()
        if each["role"] == role
        for statement in json.loads(each["policy"])["Statement"]
    ]
    by_action = {str(statement["Action"]): statement for statement in statements}
    assert set(by_action) == {
        "['secretsmanager:GetSecretValue']",
        "['dynamodb:GetItem', 'dynamodb:Query']",
        "ssm:GetParameter",
        "ssm:PutParameter",
        "acm:ExportCertificate",
        "['cloudwatch:PutMetricData']",
    }
    metrics = by_action["['cloudwatch:PutMetricData']"]
    assert metrics["Condition"] == {"StringEquals": {"cloudwatch:namespace": "ArtifactEdge"}}
    reports = by_action["ssm:PutParameter"]["Resource"]
    assert reports == "arn:aws:ssm:us-east-1:123456789012:parameter/artifact-edge/local/serving/pop-*-*"
    secrets = by_action["['secretsmanager:GetSecretValue']"]["Resource"]
    assert [(arn.split(":")[3], arn.rsplit("/", 1)[1].removesuffix("-??????")) for arn in secrets] == [
        (region, name)
        for region in ("us-east-1", "eu-west-1", "us-west-2")
        for name in ("edge", "metadata-api", "purge-signing")
    ]
    table = by_action["['dynamodb:GetItem', 'dynamodb:Query']"]
    assert [arn.split(":")[3] for arn in table["Resource"]] == ["us-east-1", "eu-west-1"]
    assert table["Condition"] == {
        "ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["tokens", "quarantine", "edge-policy"]}
    }
    exclusive = deployment().of(aws.iam.RolePoliciesExclusive)["pop"].inputs
    assert sorted(exclusive["policyNames"]) == ["export-certificate", "read-secrets-and-entitlements"]


def test_the_worker_at_the_origin_is_the_one_that_its_name_says() -> None:
    objects = deployment().of(aws.s3.BucketObjectv2)
    worker, current = objects["edge-worker"].inputs, objects["edge-worker-current"].inputs
    assert worker["bucket"] == "artifact-edge-local-example-us-east-1"
    digest = json.loads(current["content"])["sha256"]
    assert worker["key"] == f"edge-workers/{digest}.js"
    assert digest.startswith(deployment().outputs["worker_version"])
    assert (current["key"], current["cacheControl"]) == ("edge-workers/current.json", "public, max-age=5")


def test_the_programs_at_the_origin_are_those_that_user_data_names() -> None:
    stored = deployment().of(aws.s3.BucketObjectv2)["edge-worker-programs"].inputs
    digest = hashlib.sha256(stored["content"].encode()).hexdigest()
    assert stored["key"] == f"edge-workers/{digest}.json"
    assert f"PROGRAMS_SHA256={digest}\n" in user_data("pop-us-west-2-0")["/etc/artifact-edge/pop.env"]


def test_one_name_leads_to_the_nearest_healthy_pop() -> None:
    records = deployment().of(aws.route53.Record)
    checks = deployment().of(aws.route53.HealthCheck)
    alias = records["pops-us-west-2"].inputs
    addresses = [node["address"] for node in deployment().outputs["pops"] if node["region"] == "us-west-2"]
    assert (alias["name"], alias["type"]) == ("pops.artifact-edge.test", "A")
    assert alias["latencyRoutingPolicies"] == [{"region": "us-west-2"}]
    assert [(each["name"], each["evaluateTargetHealth"]) for each in alias["aliases"]] == [
        ("us-west-2.pops.artifact-edge.test", True)
    ]
    of_region = [records[name].inputs for name in ("pop-us-west-2-0", "pop-us-west-2-1")]
    assert [(each["name"], each["records"]) for each in of_region] == [
        ("us-west-2.pops.artifact-edge.test", [address]) for address in addresses
    ]
    machine = checks["pop-us-west-2-0"].inputs
    assert (machine["fqdn"], machine["resourcePath"], machine["ipAddress"]) == (
        "packages.artifact-edge.test",
        "/healthz",
        addresses[0],
    )
    assert checks["pop-region-us-west-2"].inputs["childHealthThreshold"] == 1


def test_the_output_names_the_networks_with_their_weights() -> None:
    cloudflare = {"name": "cloudflare", "weight": 100, "target": "artifact-edge-local.artifact-edge-zone.test"}
    own = {"name": "own", "weight": 0, "target": "pops.artifact-edge.test"}
    assert deployment().outputs["networks"] == [cloudflare, own]
    assert [each["name"] for each in without_pops().outputs["networks"]] == ["cloudflare"]


@pytest.mark.parametrize(
    ("routing", "name"), [("geolocation", "pops-continent-EU"), ("geoproximity", "pops-near-eu-west-1")]
)
def test_the_routing_policy_has_a_name_to_which_the_hostname_leads(routing: PopRouting, name: str) -> None:
    up = routed(routing)
    records = up.of(aws.route53.Record)
    assert records["edge-own"].inputs["records"] == [f"{routing}.pops.artifact-edge.test"]
    assert up.outputs["networks"][1]["target"] == f"{routing}.pops.artifact-edge.test"
    chosen = records[name].inputs
    assert chosen["name"] == f"{routing}.pops.artifact-edge.test"
    assert [each["name"] for each in chosen["aliases"]] == ["eu-west-1.pops.artifact-edge.test"]
    # A stack has DNS records for latency-based routing even if clients are routed in another way, because the alias
    # record `pops-former-names` points to them.
    assert records["pops-eu-west-1"].inputs["latencyRoutingPolicies"] == [{"region": "eu-west-1"}]
    assert records["pops-former-names"].inputs["name"] == "*.pops.artifact-edge.test"


def test_the_default_of_geolocation_is_the_healthy_pop_with_the_lowest_latency() -> None:
    records = routed("geolocation").of(aws.route53.Record)
    default = records["pops-default"].inputs
    assert default["geolocationRoutingPolicies"] == [{"country": "*"}]
    assert [(each["name"], each["evaluateTargetHealth"]) for each in default["aliases"]] == [
        ("pops.artifact-edge.test", True)
    ]
    assert records["pops-country-JP"].inputs["geolocationRoutingPolicies"] == [{"country": "JP"}]


def test_a_bias_is_in_the_geoproximity_record_of_its_region() -> None:
    records = routed("geoproximity").of(aws.route53.Record)
    found = {
        name: records[f"pops-near-{name}"].inputs["geoproximityRoutingPolicy"] for name in ("us-west-2", "eu-west-1")
    }
    assert found == {
        "us-west-2": {"awsRegion": "us-west-2", "bias": 0},
        "eu-west-1": {"awsRegion": "eu-west-1", "bias": -7},
    }


def accelerated() -> Deployment:
    """Returns a stack whose clients reach the PoPs through an accelerator. The traffic dial of eu-west-1 is 0, so the
    accelerator sends no clients there.
    """
    oregon, ireland = WITH_ACCELERATOR["pops"]
    return first_up("local", {**WITH_ACCELERATOR, "pops": [oregon, {**ireland, "traffic_dial": 0}]})


def test_an_accelerator_leads_to_the_machines_of_each_region_over_https() -> None:
    (accelerator,) = accelerated().of(aws.globalaccelerator.Accelerator).values()
    (listener,) = accelerated().of(aws.globalaccelerator.Listener).values()
    groups = {
        each.inputs["endpointGroupRegion"]: each
        for each in accelerated().of(aws.globalaccelerator.EndpointGroup).values()
    }
    assert (accelerator.inputs["name"], accelerator.inputs["enabled"]) == ("artifact-edge-local-pops", True)
    assert accelerator.inputs["tags"]["environment"] == "local"
    assert listener.inputs["acceleratorArn"] == accelerator.id
    assert (listener.inputs["protocol"], listener.inputs["portRanges"]) == ("TCP", [{"fromPort": 443, "toPort": 443}])
    assert sorted(groups) == ["eu-west-1", "us-west-2"]
    instances = accelerated().of(aws.ec2.Instance)
    oregon = groups["us-west-2"].inputs
    assert [each["endpointId"] for each in oregon["endpointConfigurations"]] == [
        instances[name].id for name in ("pop-us-west-2-0", "pop-us-west-2-1")
    ]
    assert all(each["clientIpPreservationEnabled"] is True for each in oregon["endpointConfigurations"])
    checks = ("healthCheckProtocol", "healthCheckPort", "healthCheckPath", "healthCheckIntervalSeconds")
    assert [oregon[each] for each in checks] == ["HTTPS", 443, "/healthz", 10]
    assert oregon["trafficDialPercentage"] == 100


def test_a_traffic_dial_of_the_config_is_that_of_the_regions_endpoint_group() -> None:
    groups = accelerated().of(aws.globalaccelerator.EndpointGroup)
    dials = {name: each.inputs["trafficDialPercentage"] for name, each in groups.items()}
    assert dials == {"accelerator-us-west-2": 100, "accelerator-eu-west-1": 0}


def test_the_clients_hostname_leads_to_the_accelerator_and_without_it_to_the_machines() -> None:
    records, checks = accelerated().of(aws.route53.Record), accelerated().of(aws.route53.HealthCheck)
    (accelerator,) = accelerated().of(aws.globalaccelerator.Accelerator).values()
    assert records["edge-own"].inputs["records"] == ["anycast.pops.artifact-edge.test"]
    primary, secondary = records["anycast-primary"].inputs, records["anycast-secondary"].inputs
    assert primary["aliases"] == [
        {"name": accelerator.outputs["dnsName"], "zoneId": "Z2BJ6XQ5FK7U4H", "evaluateTargetHealth": False}
    ]
    assert primary["healthCheckId"] == checks["accelerator"].id
    assert [(each["name"], each["evaluateTargetHealth"]) for each in secondary["aliases"]] == [
        ("pops.artifact-edge.test", True)
    ]
    addresses = accelerator.outputs["ipSets"][0]["ipAddresses"]
    assert [checks[name].inputs["ipAddress"] for name in ("accelerator-0", "accelerator-1")] == addresses
    assert accelerated().outputs["networks"][1]["target"] == "anycast.pops.artifact-edge.test"
    assert accelerated().outputs["accelerator"] == {"addresses": addresses, "dns_name": accelerator.outputs["dnsName"]}
    assert "accelerator" not in deployment().outputs


def test_a_stack_with_an_accelerator_meets_the_policies_and_costs_more() -> None:
    registered = as_policies_see_it(accelerated())
    given = settings("local")
    found = {name: findings(name, registered, given.get(name)) for name in NAMES}
    assert {name: each for name, each in found.items() if each} == {}
    prices = [
        estimate([Resource(each.type, each.name, each.outputs) for each in stack.resources]).total
        for stack in (deployment(), accelerated())
    ]
    # The accelerator costs 18 dollars a month, and its two health checks cost 6 to 8 dollars together.
    assert 18 < prices[1] - prices[0] < 30


def test_clients_read_packages_without_global_accelerator() -> None:
    lost = [
        ["edge:global-accelerator"],
        ["edge:cloudflare", "edge:global-accelerator"],
        ["edge:global-accelerator", "region:eu-west-1"],
    ]
    assert counterexamples(accelerated(), lost) == []


def test_without_the_way_by_addresses_clients_need_cloudflare_or_global_accelerator() -> None:
    graph = [each for each in resources_of_gates(accelerated()) if each.name != "anycast-secondary"]
    lost = ["edge:cloudflare", "edge:global-accelerator"]
    findings = prove(graph, Statements(survives=[Survived(all=lost)])).findings
    assert any("through Global Accelerator is lost with edge:global-accelerator" in each for each in findings), findings


@pytest.mark.parametrize("routing", get_args(PopRouting))
def test_clients_read_packages_over_the_other_network(routing: PopRouting) -> None:
    lost = [["edge:cloudflare"], ["dns:cloudflare"], ["edge:own"], ["edge:own", "region:eu-west-1"]]
    assert counterexamples(routed(routing), lost) == []


def test_a_first_preview_knows_that_clients_read_packages_over_the_own_network() -> None:
    """In a first preview, the user data of PoP machines is not known, because it contains the metadata API's URL."""
    graph = [
        replace(each, inputs={**each.inputs, "userDataBase64": None}) if each.name in NODES else each
        for each in resources_of_gates(deployment())
    ]
    findings = prove(graph, Statements(survives=[Survived(all=["edge:cloudflare"])])).findings
    assert not [each for each in findings if "no edge network" in each], findings


def test_without_the_default_of_geolocation_some_clients_need_cloudflare() -> None:
    whole = resources_of_gates(routed("geolocation"))
    graph = [each for each in whole if each.name != "pops-default"]
    findings = prove(graph, Statements(survives=[Survived(all=["edge:cloudflare"])])).findings
    assert any("Cloudflare is lost with edge:cloudflare" in each for each in findings), findings


def test_without_either_network_clients_read_nothing() -> None:
    both = ["edge:cloudflare", "edge:own"]
    reason = "no network is left for the clients"
    statements = Statements(survives=[], does_not_survive=[NotSurvived(all=both, reason=reason)])
    findings = prove(resources_of_gates(deployment()), statements).findings
    assert all("nothing is said of it" in finding for finding in findings), findings
    findings = prove(resources_of_gates(deployment()), Statements(survives=[Survived(all=both)])).findings
    assert any("Cloudflare is lost with edge:cloudflare; Instance pop-" in finding for finding in findings), findings


@pytest.mark.parametrize("name", NODES)
def test_machines_have_encrypted_disks_and_metadata_only_for_themselves(name: str) -> None:
    machine = machines()[name].inputs
    assert machine["metadataOptions"] == {
        "httpTokens": "required",
        "httpEndpoint": "enabled",
        "httpPutResponseHopLimit": 1,
    }
    assert machine["rootBlockDevice"]["encrypted"] is True
