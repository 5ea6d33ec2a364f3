"""Tests a stack with our own PoP machines on Compute Engine. The stack is deployed to the emulated clouds."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import pulumi_aws as aws
import pulumi_gcp as gcp

from costs import Resource, estimate
from emulation.machines import cloud_init
from tests.policies.graph import as_policies_see_it
from tests.policies.resources import NAMES, findings, settings
from tests.support.gated_resources import counterexamples
from tests.support.harness import Deployment
from tests.support.stacks import WITH_POPS_ON_GOOGLE, first_up

NODES = ["pop-europe-west4-0", "pop-europe-west4-1"]
ROLE = "arn:aws:iam::123456789012:role/artifact-edge-local-pop"


def deployment() -> Deployment:
    return first_up("local", WITH_POPS_ON_GOOGLE)


def machines() -> dict[str, Any]:
    return {name: found for name, found in deployment().of(gcp.compute.Instance).items() if name.startswith("pop-")}


def user_data(name: str) -> dict[str, str]:
    """Maps paths to the files that cloud-init writes on a PoP machine."""
    text = machines()[name].inputs["metadata"]["user-data"]
    return {file.path: file.content for file in cloud_init.parse(text).files}


def firewall(name: str) -> dict[str, Any]:
    return dict(deployment().of(gcp.compute.Firewall)[f"pop-europe-west4-{name}"].inputs)


def test_each_machine_has_its_own_address_before_it_boots() -> None:
    outputs = [each for each in deployment().outputs["pops"] if each["cloud"] == "gcp"]
    assert [each["name"] for each in outputs] == sorted(machines()) == NODES
    addresses = {
        name: each.inputs["networkInterfaces"][0]["accessConfigs"][0]["natIp"] for name, each in machines().items()
    }
    assert addresses == {each["name"]: each["address"] for each in outputs}
    assert len(set(addresses.values())) == 2
    assert [machines()[name].inputs["zone"] for name in NODES] == ["europe-west4-b", "europe-west4-c"]


def test_everyone_reaches_the_https_port_and_pops_reach_shields_https_and_little_else() -> None:
    clients = firewall("clients")
    assert (clients["direction"], clients["sourceRanges"]) == ("INGRESS", ["0.0.0.0/0"])
    assert clients["allows"] == [{"protocol": "tcp", "ports": ["443"]}]
    https, shields, nothing = (firewall(f"to-{what}") for what in ("https", "shields", "nothing"))
    assert {each["direction"] for each in (https, shields, nothing)} == {"EGRESS"}
    assert (https["allows"], https["destinationRanges"]) == ([{"protocol": "tcp", "ports": ["443"]}], ["0.0.0.0/0"])
    assert shields["allows"] == [{"protocol": "tcp", "ports": ["8443"]}]
    assert shields["destinationRanges"] == [f"{node['address']}/32" for node in deployment().outputs["shields"]]
    assert (nothing["denies"], nothing["destinationRanges"]) == ([{"protocol": "all"}], ["0.0.0.0/0"])
    assert https["priority"] == shields["priority"] < nothing["priority"]
    networks = {machines()[name].inputs["networkInterfaces"][0]["subnetwork"] for name in NODES}
    assert len(networks) == 1 and networks.isdisjoint({"default"})


def test_machines_reach_the_mirrors_of_ubuntu_which_have_no_https() -> None:
    packages = firewall("to-packages")
    assert (packages["direction"], packages["allows"]) == ("EGRESS", [{"protocol": "tcp", "ports": ["80"]}])
    assert packages["destinationRanges"] == ["0.0.0.0/0"]
    assert packages["priority"] < firewall("to-nothing")["priority"]


def test_shields_admit_the_addresses_of_pops_on_both_clouds() -> None:
    group = deployment().of(aws.ec2.SecurityGroup)["shield-us-east-1"].inputs
    (edge,) = [rule for rule in group["ingress"] if rule["fromPort"] == 8443]
    addresses = {f"{node['address']}/32" for node in deployment().outputs["pops"]}
    assert len(addresses) == 3
    assert addresses <= set(edge["cidrBlocks"])
    on_google = deployment().of(gcp.compute.Firewall)["asia-southeast1-edge"].inputs
    assert addresses <= set(on_google["sourceRanges"])


def test_machines_assume_their_role_on_aws_with_a_service_account_of_their_own() -> None:
    account = deployment().of(gcp.serviceaccount.Account)["pop"]
    assert account.inputs["accountId"] == "artifact-edge-local-pop"
    assert {each.inputs["serviceAccount"]["email"] for each in machines().values()} == {account.outputs["email"]}
    role = deployment().of(aws.iam.Role)["pop"].inputs
    by_service, by_google = json.loads(role["assumeRolePolicy"])["Statement"]
    assert by_service["Principal"] == {"Service": "ec2.amazonaws.com"}
    claims = by_google["Condition"]["StringEquals"]
    assert claims["accounts.google.com:oaud"] == ROLE
    assert claims["accounts.google.com:sub"] == [account.outputs["uniqueId"]]
    config = user_data(NODES[0])["/etc/artifact-edge/aws.config"]
    assert config == f"[default]\ncredential_process = /usr/local/sbin/assume-role {ROLE} eu-west-1 us-east-1\n"
    assert "AWS_CONFIG_FILE=/etc/artifact-edge/aws.config\n" in user_data(NODES[0])["/etc/artifact-edge/pop.env"]


def test_machines_on_aws_have_no_files_of_google_cloud() -> None:
    packed = deployment().of(aws.ec2.Instance)["pop-us-west-2-0"].inputs["userDataBase64"]
    text = gzip.decompress(base64.b64decode(packed)).decode()
    assert {"/etc/artifact-edge/aws.config", "/usr/local/sbin/assume-role"} <= set(user_data(NODES[0]))
    assert "aws.config" not in text and "assume-role" not in text


def test_a_machine_reads_secrets_certificate_and_table_in_the_nearest_regions_that_have_them() -> None:
    env = user_data(NODES[0])["/etc/artifact-edge/pop.env"].splitlines()
    regions = next(line for line in env if line.startswith("REGIONS=")).removeprefix("REGIONS=").split()
    assert regions == ["eu-west-1", "us-east-1"]
    assert "TABLE_REGIONS=eu-west-1 us-east-1" in env
    assert f"SERVING_PARAMETER=/artifact-edge/local/serving/{NODES[0]}" in env
    certificates = deployment().of(aws.acm.Certificate)
    of_pops = {each.inputs["region"] for name, each in certificates.items() if name.startswith("pop-certificate")}
    assert set(regions) <= of_pops
    policy = json.loads(deployment().of(aws.iam.RolePolicy)["pop"].inputs["policy"])
    secrets = policy["Statement"][0]["Resource"]
    assert set(regions) <= {arn.split(":")[3] for arn in secrets}
    assert json.loads(user_data(NODES[0])["/etc/artifact-edge/place.json"]) == {"latitude": "53.4", "longitude": "6.8"}
    assert "server metadata.google.internal" in user_data(NODES[0])["/etc/chrony/chrony.conf"]


def test_one_name_leads_to_the_pops_of_both_clouds() -> None:
    records = deployment().of(aws.route53.Record)
    on_google = records["pops-europe-west4"].inputs
    assert on_google["name"] == records["pops-us-west-2"].inputs["name"] == "pops.artifact-edge.test"
    # Latency records can contain only AWS regions. Frankfurt is the nearest of them.
    assert on_google["latencyRoutingPolicies"] == [{"region": "eu-central-1"}]
    assert records[NODES[1]].inputs["name"] == "europe-west4.pops.artifact-edge.test"


def test_geoproximity_of_a_google_region_is_given_by_coordinates() -> None:
    place = deployment().of(aws.route53.Record)["pops-near-europe-west4"].inputs["geoproximityRoutingPolicy"]
    assert place == {"coordinates": [{"latitude": "53.40", "longitude": "6.80"}], "bias": 0}


def test_the_stack_meets_the_policies_and_has_a_price() -> None:
    registered = as_policies_see_it(deployment())
    given = settings("local")
    found = {name: findings(name, registered, given.get(name)) for name in NAMES}
    assert {name: each for name, each in found.items() if each} == {}
    resources = [Resource(each.type, each.name, each.outputs) for each in deployment().resources]
    assert estimate(resources).total > 0


def test_clients_read_packages_without_cloudflare_and_without_google_cloud() -> None:
    lost = [["edge:cloudflare"], ["cloud:gcp"], ["edge:cloudflare", "region:europe-west4"]]
    assert counterexamples(deployment(), lost) == []
