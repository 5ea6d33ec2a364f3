"""Tests which shield machines (regional caches), roles and permissions the program creates in EC2 and IAM."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Iterator

import pulumi
import pulumi_aws as aws
import pytest

from emulation.providers.aws import functions, handlers
from emulation.providers.aws.clients import client
from infra.blobs import Bucket
from infra.identity import AwsIdentityArgs
from infra.identity.aws import AwsIdentity
from infra.machines.serving import ServingReports
from infra.network import NetworkArgs
from infra.network.aws import AwsNetwork
from infra.shield import BootSettings, ShieldArgs
from infra.shield.ec2 import Ec2Shield
from infra.shield.user_data import render_user_data
from tests.support.harness import Deployment, aws_account, deploy

# The region with machines of the processor amd64, which most tests read, and a region with a machine of arm64.
REGION, ARM_REGION = "eu-west-1", "eu-central-1"
EDGE = ["173.245.48.0/20", "103.21.244.0/22"]
SECRET = "artifact-edge/test/shield"
SERVING = ServingReports("/artifact-edge/test/serving", "us-east-1")
BOOT = BootSettings(
    [Bucket("objects", REGION, f"objects.s3.{REGION}.amazonaws.com")],
    SECRET,
    ["us-east-1"],
    "us-east-1",
    "/cert",
    SERVING,
)


@pytest.fixture(scope="module")
def shields() -> Iterator[Deployment]:
    """Deploys the shields of two regions in an emulated AWS account, which exists while the tests of the module run."""

    def program() -> None:
        identity = AwsIdentity(
            "identity", AwsIdentityArgs("artifact-edge-test", SECRET, ["us-east-1"], SERVING, ["1234567890"])
        )
        for region, machine_type, nodes in ((REGION, "i4i.large", 2), (ARM_REGION, "is4gen.large", 1)):
            machines = Ec2Shield(
                f"shield-{region}",
                ShieldArgs(
                    prefix="artifact-edge-test",
                    region=region,
                    machine_type=machine_type,
                    nodes=nodes,
                    network=AwsNetwork(f"network-{region}", NetworkArgs(region, "artifact-edge-test")),
                    identity=identity.instance_profile,
                    edge_addresses=EDGE,
                    boot=BOOT,
                    role_arn=identity.role_arn,
                    boots_after=[identity],
                ),
            )
            pulumi.export(region, {node.name: node.address for node in machines.nodes})

    with aws_account():
        yield deploy(program, handlers(), functions(), config={"aws:region": "us-east-1"})


def test_another_machine_type_replaces_the_machine_as_it_would_stop_in_place(shields: Deployment) -> None:
    # Pulumi's provider stops an instance to change its type, which empties the cache. A replacement takes the clients
    # over only when it serves, and before the next machine of its region is replaced.
    assert all("instanceType" in machine.replaced_for for machine in shields.of(aws.ec2.Instance).values())


def test_each_machine_has_its_address_and_boots_the_user_data_of_its_region(shields: Deployment) -> None:
    role = "arn:aws:iam::123456789012:role/artifact-edge-test-shield"
    addresses = shields.outputs[REGION]
    ec2 = client("ec2", {"region": REGION})
    at = {address["PublicIp"]: address["InstanceId"] for address in ec2.describe_addresses()["Addresses"]}
    assert set(addresses) == {"eu-west-1-0", "eu-west-1-1"}
    for node, address in addresses.items():
        data = ec2.describe_instance_attribute(InstanceId=at[address], Attribute="userData")["UserData"]["Value"]
        assert gzip.decompress(base64.b64decode(data)).decode() == render_user_data(BOOT, node, REGION, "aws", role)


@pytest.mark.usefixtures("shields")
def test_machines_are_spread_over_availability_zones() -> None:
    reservations = client("ec2", {"region": REGION}).describe_instances()["Reservations"]
    zones = [instance["Placement"]["AvailabilityZone"] for each in reservations for instance in each["Instances"]]
    assert len(zones) == len(set(zones)) == 2


def test_metadata_needs_a_session_token_and_has_a_hop_limit_of_one(shields: Deployment) -> None:
    machines = shields.of(aws.ec2.Instance)
    assert len(machines) == 3
    for machine in machines.values():
        options = machine.inputs["metadataOptions"]
        assert (options["httpTokens"], options["httpPutResponseHopLimit"]) == ("required", 1)
        assert machine.inputs["rootBlockDevice"]["encrypted"] is True


@pytest.mark.usefixtures("shields")
def test_only_the_edge_and_health_checkers_may_connect_and_egress_is_https() -> None:
    groups = client("ec2", {"region": REGION}).describe_security_groups()["SecurityGroups"]
    group = next(group for group in groups if group["GroupName"] == "artifact-edge-test-shield")
    entries = {rule["FromPort"]: rule for rule in group["IpPermissions"]}
    assert set(entries) == {8443, 8080}
    assert {source["CidrIp"] for source in entries[8443]["IpRanges"]} == set(EDGE)
    assert entries[8443]["PrefixListIds"] == []
    assert entries[8080]["IpRanges"] == []
    assert len(entries[8080]["PrefixListIds"]) == 1
    assert [(rule["FromPort"], rule["ToPort"]) for rule in group["IpPermissionsEgress"]] == [(443, 443)]


@pytest.mark.parametrize(("region", "architecture"), [(REGION, "amd64"), (ARM_REGION, "arm64")])
def test_the_image_is_debians_own_for_the_processor(shields: Deployment, region: str, architecture: str) -> None:
    machine = shields.of(aws.ec2.Instance)[f"{region}-0"]
    image = client("ec2", {"region": region}).describe_images(ImageIds=[machine.inputs["ami"]])["Images"][0]
    assert image["Name"].startswith(f"debian-12-{architecture}-")


@pytest.mark.usefixtures("shields")
def test_the_region_reaches_s3_without_the_internet() -> None:
    endpoint = client("ec2", {"region": REGION}).describe_vpc_endpoints()["VpcEndpoints"][0]
    assert (endpoint["ServiceName"], endpoint["VpcEndpointType"]) == ("com.amazonaws.eu-west-1.s3", "Gateway")
    assert len(endpoint["RouteTableIds"]) == 1


@pytest.mark.usefixtures("shields")
def test_the_role_reads_one_secret_and_only_named_google_accounts_share_it() -> None:
    iam = client("iam")
    policy = iam.get_role_policy(RoleName="artifact-edge-test-shield", PolicyName="read-secret")["PolicyDocument"]
    assert policy["Statement"] == [
        {
            "Effect": "Allow",
            "Action": "secretsmanager:GetSecretValue",
            "Resource": ["arn:aws:secretsmanager:us-east-1:123456789012:secret:artifact-edge/test/shield-??????"],
        }
    ]
    trust = iam.get_role(RoleName="artifact-edge-test-shield")["Role"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust[0]["Principal"] == {"Service": "ec2.amazonaws.com"}
    assert trust[1]["Principal"] == {"Federated": "accounts.google.com"}
    assert trust[1]["Condition"] == {
        "StringEquals": {
            # For a Google identity token, AWS compares the condition key `accounts.google.com:aud` with the token's
            # claim `azp`, not with its claim `aud`.
            "accounts.google.com:aud": ["1234567890"],
            "accounts.google.com:oaud": "arn:aws:iam::123456789012:role/artifact-edge-test-shield",
            "accounts.google.com:sub": ["1234567890"],
        }
    }
