"""Tests that the emulated AWS evaluates a role's policies for API calls to every service. The policies can contain
conditions.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from emulation.providers.aws.clients import client
from tests.support.bootstrap_stack import bootstrap_up
from tests.support.role_credentials import role_credentials

ROLE = "function"
TABLE = "arn:aws:dynamodb:us-east-1:123456789012:table/metadata"


def allow(action: Any, resource: str = "*", **condition: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, "Condition": condition}


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def role_with(*statements: dict[str, Any]) -> None:
    iam = client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=document(trust))
    for number, statement in enumerate(statements):
        iam.put_role_policy(RoleName=ROLE, PolicyName=f"policy-{number}", PolicyDocument=document(statement))


def refused(call: Any, **parameters: Any) -> str:
    """Makes an AWS API call that the role's policies must refuse. Returns the refused action and resource."""
    with pytest.raises(ClientError) as error:
        call(**parameters)
    message = str(error.value)
    assert "AccessDenied" in message or "UnauthorizedOperation" in message
    return message.partition("not authorized to perform: ")[2].replace(" on resource:", "")


def table() -> None:
    keys = [("pk", "HASH"), ("sk", "RANGE")]
    client("dynamodb").create_table(
        TableName="metadata",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name, _ in keys],
        KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys],
    )


@pytest.mark.usefixtures("aws_cloud")
def test_a_role_reaches_only_the_partitions_in_its_policy() -> None:
    table()
    within = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["npm#*"]}}
    role_with(allow(["dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem"], TABLE, **within))
    with role_credentials(ROLE, set()):
        dynamodb = client("dynamodb")
        for partition, action in (("npm#a", None), ("tokens", "dynamodb:")):
            key = {"pk": {"S": partition}, "sk": {"S": "x"}}
            query = {
                "KeyConditionExpression": "#p = :p",
                "ExpressionAttributeNames": {"#p": "pk"},
                "ExpressionAttributeValues": {":p": {"S": partition}},
            }
            put = {"TransactItems": [{"Put": {"TableName": "metadata", "Item": key}}]}
            if action is None:
                dynamodb.get_item(TableName="metadata", Key=key)
                dynamodb.query(TableName="metadata", **query)
                dynamodb.transact_write_items(**put)
            else:
                assert refused(dynamodb.get_item, TableName="metadata", Key=key) == f"dynamodb:GetItem {TABLE}"
                assert refused(dynamodb.query, TableName="metadata", **query) == f"dynamodb:Query {TABLE}"
                assert refused(dynamodb.transact_write_items, **put) == f"dynamodb:PutItem {TABLE}"
        delete = {"Delete": {"TableName": "metadata", "Key": {"pk": {"S": "npm#a"}, "sk": {"S": "x"}}}}
        denied = refused(dynamodb.transact_write_items, TransactItems=[delete])
        assert denied == f"dynamodb:DeleteItem {TABLE}"


@pytest.mark.usefixtures("aws_cloud")
def test_each_protocol_reports_the_refused_action_and_resource() -> None:
    role_with()
    account = "us-east-1:123456789012"
    with role_credentials(ROLE, set()):
        found = [
            refused(client("ec2").create_vpc, CidrBlock="10.0.0.0/16"),
            refused(client("iam").get_role, RoleName=ROLE),
            refused(client("iam").create_policy, PolicyName="p", PolicyDocument=document()),
            refused(client("iam").create_open_id_connect_provider, Url="https://idp.example/tokens"),
            refused(client("kms").create_key),
            refused(client("lambda").get_function, FunctionName="f"),
            refused(client("route53").get_hosted_zone, Id="Z1"),
            refused(client("s3").get_bucket_policy, Bucket="b"),
            refused(client("cloudwatch").put_metric_data, Namespace="n", MetricData=[{"MetricName": "m"}]),
        ]
        assert client("sts").get_caller_identity()["Account"] == "123456789012"
    assert found == [
        f"ec2:CreateVpc arn:aws:ec2:{account}:vpc/*",
        f"iam:GetRole arn:aws:iam::123456789012:role/{ROLE}",
        "iam:CreatePolicy arn:aws:iam::123456789012:policy/p",
        "iam:CreateOpenIDConnectProvider arn:aws:iam::123456789012:oidc-provider/idp.example/tokens",
        "kms:CreateKey *",
        f"lambda:GetFunction arn:aws:lambda:{account}:function:f",
        "route53:GetHostedZone arn:aws:route53:::hostedzone/Z1",
        "s3:GetBucketPolicy arn:aws:s3:::b",
        "cloudwatch:PutMetricData *",
    ]


@pytest.mark.usefixtures("aws_cloud")
def test_the_deploy_role_cannot_take_over_the_key_of_another_environment() -> None:
    bootstrap_up()
    tags = [{"TagKey": "environment", "TagValue": "prod"}]
    key = client("kms").create_key(Tags=tags)["KeyMetadata"]["Arn"]
    own = [{"TagKey": "environment", "TagValue": "dev"}]
    with role_credentials("artifact-edge-bootstrap-dev-deploy", set()):
        kms = client("kms")
        assert refused(kms.tag_resource, KeyId=key, Tags=own) == f"kms:TagResource {key}"
        assert refused(kms.schedule_key_deletion, KeyId=key) == f"kms:ScheduleKeyDeletion {key}"
        assert refused(kms.create_key, Tags=tags) == "kms:CreateKey *"
        made = kms.create_key(Tags=own)["KeyMetadata"]["KeyId"]
        kms.schedule_key_deletion(KeyId=made, PendingWindowInDays=7)


@pytest.mark.usefixtures("aws_cloud")
def test_the_deploy_role_passes_and_creates_only_roles_within_its_limits() -> None:
    bootstrap_up()
    trust = document({"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"})
    nothing = document({"Effect": "Deny", "Action": "s3:*", "Resource": "*"})
    boundary = "arn:aws:iam::123456789012:policy/artifact-edge-bootstrap-{}-boundary"
    arn = "arn:aws:iam::123456789012:role/artifact-edge-dev-new"
    with role_credentials("artifact-edge-bootstrap-dev-deploy", set()):
        iam = client("iam")
        create = {"RoleName": "artifact-edge-dev-new", "AssumeRolePolicyDocument": trust}
        assert refused(iam.create_role, **create) == f"iam:CreateRole {arn}"
        other = {**create, "PermissionsBoundary": boundary.format("prod")}
        assert refused(iam.create_role, **other) == f"iam:CreateRole {arn}"
        iam.create_role(**create, PermissionsBoundary=boundary.format("dev"))
        iam.put_role_policy(RoleName="artifact-edge-dev-new", PolicyName="p", PolicyDocument=nothing)
        denied = refused(iam.delete_role_permissions_boundary, RoleName="artifact-edge-dev-new")
        assert denied == f"iam:DeleteRolePermissionsBoundary {arn}"
        own = "artifact-edge-bootstrap-dev-deploy"
        more = {"RoleName": own, "PolicyName": "more", "PolicyDocument": nothing}
        assert refused(iam.put_role_policy, **more) == f"iam:PutRolePolicy arn:aws:iam::123456789012:role/{own}"


@pytest.mark.usefixtures("aws_cloud")
def test_a_role_lists_only_the_prefix_in_its_policy_and_sees_only_there_that_a_key_is_missing() -> None:
    s3 = client("s3")
    s3.create_bucket(Bucket="states")
    bucket = "arn:aws:s3:::states"
    role_with(allow("s3:ListBucket", bucket, StringLike={"s3:prefix": "dev/*"}), allow("s3:GetObject", f"{bucket}/*"))
    with role_credentials(ROLE, set()):
        s3 = client("s3")
        assert s3.list_objects_v2(Bucket="states", Prefix="dev/")["KeyCount"] == 0
        for parameters in ({"Prefix": "prod/"}, {"Prefix": ""}, {}):
            assert refused(s3.list_objects_v2, Bucket="states", **parameters) == f"s3:ListBucket {bucket}"
        with pytest.raises(s3.exceptions.NoSuchKey):
            s3.get_object(Bucket="states", Key="dev/missing")
        assert refused(s3.get_object, Bucket="states", Key="prod/missing") == f"s3:ListBucket {bucket}"
