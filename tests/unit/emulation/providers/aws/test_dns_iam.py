"""Tests handlers of the emulated AWS provider for zones, records, health checks, roles and bucket rules. The tests
check how a handler creates a resource in the API, and which differences it reports as drift.
"""

from __future__ import annotations

import json
from typing import Any

import pulumi_aws as aws
import pytest

from emulation.providers import wire
from emulation.providers.aws import functions
from emulation.providers.aws.clients import client
from emulation.providers.handler import CloudError
from tests.support.aws_handlers import create, gone, handler

pytestmark = pytest.mark.usefixtures("aws_cloud")

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
)


def test_a_latency_record_lives_with_its_health_check() -> None:
    zone = create(aws.route53.Zone, name="artifact-edge.test", region=None)
    check = create(
        aws.route53.HealthCheck,
        type="HTTP",
        ipAddress="192.0.2.1",
        port=8080,
        resourcePath="/healthz",
        requestInterval=10,
        failureThreshold=3,
        region=None,
    )
    record = create(
        aws.route53.Record,
        zoneId=zone.id,
        name="shield.artifact-edge.test",
        type="A",
        ttl=30,
        records=["192.0.2.1"],
        setIdentifier="us-east-1",
        latencyRoutingPolicies=[{"region": "us-east-1"}],
        healthCheckId=check.id,
        region=None,
    )
    (seen,) = [
        entry
        for entry in client("route53").list_resource_record_sets(HostedZoneId=zone.id)["ResourceRecordSets"]
        if entry["Type"] == "A"
    ]
    assert (seen["Region"], seen["HealthCheckId"], seen["TTL"]) == ("us-east-1", check.id, 30)
    assert gone(aws.route53.Record, record)
    assert gone(aws.route53.HealthCheck, check)
    assert gone(aws.route53.Zone, zone)


def test_an_alias_lives_with_its_weight_and_its_target() -> None:
    zone = create(aws.route53.Zone, name="artifact-edge.test", region=None)
    target = create(
        aws.route53.Record,
        zoneId=zone.id,
        name="us-east-1.pops.artifact-edge.test",
        type="A",
        ttl=30,
        records=["192.0.2.1"],
        setIdentifier="pop-us-east-1-0",
        weightedRoutingPolicies=[{"weight": 0}],
        region=None,
    )
    alias = {"name": "us-east-1.pops.artifact-edge.test", "zoneId": zone.id, "evaluateTargetHealth": True}
    record = create(
        aws.route53.Record,
        zoneId=zone.id,
        name="pops.artifact-edge.test",
        type="A",
        aliases=[alias],
        setIdentifier="us-east-1",
        latencyRoutingPolicies=[{"region": "us-east-1"}],
        region=None,
    )
    assert gone(aws.route53.Record, record)
    assert gone(aws.route53.Record, target)


@pytest.mark.parametrize(
    "inputs",
    [
        {"ttl": 30, "aliases": [{"name": "b.test", "zoneId": "Z1", "evaluateTargetHealth": True}]},
        {"records": ["192.0.2.1"], "aliases": [{"name": "b.test", "zoneId": "Z1", "evaluateTargetHealth": True}]},
        {"records": ["192.0.2.1"]},
        {"ttl": 30},
    ],
)
def test_a_record_has_either_an_alias_or_values_with_a_ttl(inputs: dict[str, Any]) -> None:
    with pytest.raises(CloudError, match="give either one alias, or records and a ttl"):
        handler(aws.route53.Record).create({"zoneId": "Z1", "name": "a.test", "type": "A", **inputs})


PROXIMITY = {"awsRegion": "eu-west-1", "bias": -7}
AT = {"coordinates": [{"latitude": "1.35", "longitude": "103.8"}]}


@pytest.mark.parametrize(
    "policy",
    [
        {"geolocationRoutingPolicies": [{"continent": "EU"}]},
        {"geolocationRoutingPolicies": [{"country": "US", "subdivision": "TX"}]},
        {"geolocationRoutingPolicies": [{"country": "*"}]},
        {"geoproximityRoutingPolicy": PROXIMITY},
        {"geoproximityRoutingPolicy": AT},
    ],
)
def test_a_record_lives_with_its_location(policy: dict[str, Any]) -> None:
    zone = create(aws.route53.Zone, name="artifact-edge.test", region=None)
    values = {"name": "pops.artifact-edge.test", "type": "A", "ttl": 30, "records": ["192.0.2.1"]}
    record = create(aws.route53.Record, zoneId=zone.id, setIdentifier="one", region=None, **values, **policy)
    assert gone(aws.route53.Record, record)


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        ({"cidrRoutingPolicy": {"collectionId": "c", "locationName": "l"}}, "cidrRoutingPolicy are not emulated"),
        ({"geoproximityRoutingPolicy": {"localZoneGroup": "us-west-2-den-1"}}, "localZoneGroup are not emulated"),
    ],
)
def test_a_routing_policy_that_is_not_emulated_is_refused_by_name(policy: dict[str, Any], reason: str) -> None:
    zone = create(aws.route53.Zone, name="artifact-edge.test", region=None)
    values = {"name": "x", "type": "A", "ttl": 1, "records": ["192.0.2.1"]}
    with pytest.raises(CloudError, match=reason):
        handler(aws.route53.Record).create({"zoneId": zone.id, **values, **policy})


def test_a_role_its_policy_and_its_profile_can_be_created_and_deleted() -> None:
    role = create(aws.iam.Role, name="shield", description="Shields", assumeRolePolicy=TRUST, region=None)
    document = json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}
    )
    policy = create(aws.iam.RolePolicy, name="read", role=role.id, policy=document, region=None)
    profile = create(aws.iam.InstanceProfile, name="shield", role=role.id, region=None)
    wider = document.replace("s3:GetObject", "s3:*")
    client("iam").put_role_policy(RoleName="shield", PolicyName="read", PolicyDocument=wider)
    seen = handler(aws.iam.RolePolicy).read(policy.id, policy.outputs)
    assert seen is not None
    assert json.loads(seen["policy"]) == json.loads(wider)
    assert gone(aws.iam.InstanceProfile, profile)
    assert gone(aws.iam.RolePolicy, policy)
    assert gone(aws.iam.Role, role)


def test_a_policy_that_someone_adds_to_a_role_is_seen_and_removed() -> None:
    iam: Any = client("iam")
    document = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
    admin = iam.create_policy(PolicyName="admin", PolicyDocument=document)["Policy"]["Arn"]
    role = create(aws.iam.Role, name="shield", assumeRolePolicy=TRUST, region=None)
    for name in ("read", "write"):
        iam.put_role_policy(RoleName="shield", PolicyName=name, PolicyDocument=document)
    iam.attach_role_policy(RoleName="shield", PolicyArn=admin)
    wanted = {"policyNames": ["write", "read"]}, {"policyArns": list[str]()}
    for kind, more in zip((aws.iam.RolePoliciesExclusive, aws.iam.RolePolicyAttachmentsExclusive), wanted, strict=True):
        known = create(kind, roleName=role.id, region=None, **more)
        assert known.outputs | more == known.outputs
        iam.put_role_policy(RoleName="shield", PolicyName="by-hand", PolicyDocument=document)
        iam.attach_role_policy(RoleName="shield", PolicyArn=admin)
        seen = handler(kind).read(known.id, known.outputs)
        assert seen is not None
        assert seen | more != seen
        handler(kind).update(known.id, known.outputs, {"roleName": "shield", **more})
        assert handler(kind).read(known.id, known.outputs) == known.outputs
        handler(kind).delete(known.id, known.outputs)


def test_replication_disabled_outside_pulumi_is_drift() -> None:
    for name in ("primary", "replica"):
        bucket = create(aws.s3.Bucket, bucket=name)
        create(aws.s3.BucketVersioning, bucket=bucket.id, versioningConfiguration={"status": "Enabled"})
    rule: dict[str, Any] = {
        "id": "replica",
        "status": "Enabled",
        "priority": 1,
        "filter": {"prefix": ""},
        "deleteMarkerReplication": {"status": "Enabled"},
        "destination": {"bucket": "arn:aws:s3:::replica"},
    }
    role = "arn:aws:iam::123456789012:role/replication"
    rules = create(aws.s3.BucketReplicationConfig, bucket="primary", role=role, rules=[rule])
    client("s3", {"region": "eu-west-1"}).delete_bucket_replication(Bucket="primary")
    assert handler(aws.s3.BucketReplicationConfig).read(rules.id, rules.outputs) is None


def test_a_secret_is_read_as_a_secret() -> None:
    client("secretsmanager").create_secret(Name="artifact-edge/local/edge", SecretString="s3cret")
    function = next(function for function in functions() if "getSecretVersion" in function.token)
    answer = function.invoke({"secretId": "artifact-edge/local/edge"})
    assert wire.is_secret(answer["secretString"])
    assert wire.reveal(answer["secretString"]) == "s3cret"


def test_a_missing_secret_is_named() -> None:
    function = next(function for function in functions() if "getSecretVersion" in function.token)
    with pytest.raises(CloudError, match=r"Secret Version \(artifact-edge/local/purge-signing\|AWSCURRENT\)"):
        function.invoke({"secretId": "artifact-edge/local/purge-signing"})
