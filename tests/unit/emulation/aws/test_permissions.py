"""Tests what the emulated S3 lets a role read. The result depends on the role's policies and on the address of the
client.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from moto.server import (
    DomainDispatcherApplication,  # pyright: ignore[reportPrivateImportUsage]  documented, yet not exported by name
    create_backend_app,  # pyright: ignore[reportPrivateImportUsage]
)
from werkzeug.test import Client

from emulation.aws.conditions import UnknownCondition
from emulation.aws.instance_metadata import InstanceMetadata
from emulation.aws.permissions import Permissions
from emulation.aws.policies import AuthorizationRequest, is_allowed
from emulation.aws.requests import S3Addresses
from emulation.layout import INSTANCES_PATH

ROLE = "arn:aws:iam::123456789012:role/shield"
ELSEWHERE = "203.0.113.9"

Policy = dict[str, Any]


def statement(effect: str = "Allow", action: Any = "s3:GetObject", resource: Any = "*", **more: Any) -> Policy:
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


def policy(*statements: Policy) -> Policy:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allowed(
    role_policies: Policy | None = None,
    of_bucket: Policy | None = None,
    endpoint_policy: Policy | None = None,
    context: Mapping[str, str] | None = None,
) -> bool:
    request = AuthorizationRequest(
        ROLE, "arn:aws:sts::123456789012:assumed-role/shield/i-1", "arn:aws:s3:::b/k", "s3:GetObject", context or {}
    )
    return is_allowed(request, [role_policies] if role_policies else [], of_bucket, endpoint_policy)


ALLOW = policy(statement())


@pytest.mark.parametrize(
    ("role_policies", "of_bucket", "endpoint_policy", "may"),
    [
        (None, None, None, False),
        (ALLOW, None, None, True),
        (None, policy(statement(Principal={"AWS": [ROLE]})), None, True),
        (None, policy(statement(Principal="*")), None, True),
        (None, policy(statement(Principal={"AWS": "arn:aws:iam::123456789012:role/other"})), None, False),
        (None, policy(statement(Principal={"AWS": "arn:aws:iam::123456789012:root"})), None, False),
        (ALLOW, policy(statement("Deny", Principal={"AWS": "arn:aws:iam::123456789012:root"})), None, False),
        (ALLOW, policy(statement("Deny", Principal={"Service": "logging.s3.amazonaws.com"})), None, True),
        (ALLOW, policy(statement("Deny", "s3:*", "arn:aws:s3:::b/*", Principal={"AWS": "*"})), None, False),
        (policy(statement(), statement("Deny")), None, None, False),
        (policy(statement(action=["s3:Put*", "s3:get?bject"])), None, None, True),  # words-ok: a pattern of IAM
        (policy(statement(action="s3:PutObject")), None, None, False),
        (policy(statement(resource=["arn:aws:s3:::b", "arn:aws:s3:::c/*"])), None, None, False),
        ({"Statement": statement()}, None, None, True),
        (ALLOW, None, policy(statement(Principal="*", action="*")), True),
        (ALLOW, None, policy(statement(Principal="*", resource="arn:aws:s3:::other/*")), False),
    ],
)
def test_one_deny_refuses_and_no_action_is_allowed_by_default(
    role_policies: Policy | None, of_bucket: Policy | None, endpoint_policy: Policy | None, may: bool
) -> None:
    assert allowed(role_policies, of_bucket, endpoint_policy) is may


@pytest.mark.parametrize(
    ("condition", "may"),
    [
        ({"NotIpAddress": {"aws:SourceIp": ["192.0.2.0/24", "203.0.113.1/32"]}}, True),
        ({"NotIpAddress": {"aws:SourceIp": "198.51.100.0/24"}}, False),
        # This request did not come through a VPC endpoint, and does not have the condition key aws:SourceVpce. A
        # negated condition such as StringNotEquals is true if the condition key is absent. The statement therefore
        # denies the request.
        ({"StringNotEquals": {"aws:SourceVpce": "vpce-1"}}, False),
        ({"StringNotEquals": {"aws:SourceVpce": "vpce-1"}, "NotIpAddress": {"aws:SourceIp": "192.0.2.7"}}, True),
        ({"StringEquals": {"aws:SourceVpce": "vpce-1"}}, True),
        ({"StringLike": {"aws:SourceIp": "192.0.*"}}, False),
        ({"Bool": {"aws:SecureTransport": "false"}}, True),
        ({"NumericLessThan": {"s3:TlsVersion": "1.2"}}, True),
    ],
)
def test_a_deny_applies_only_when_all_its_conditions_hold(condition: dict[str, Any], may: bool) -> None:
    refusal = statement("Deny", Condition=condition)
    context = {"aws:SourceIp": "192.0.2.7", "aws:SecureTransport": "true", "s3:TlsVersion": "1.3"}
    assert allowed(policy(statement(), refusal), context=context) is may


@pytest.mark.parametrize(
    ("refused", "says"),
    [
        (statement(Condition={"StringEquals": {"aws:PrincipalOrgID": "o-1"}}), "StringEquals aws:PrincipalOrgID"),
        (statement(Condition={"DateLessThan": {"aws:SourceIp": "x"}}), "DateLessThan aws:SourceIp"),
        ({"Effect": "Allow", "NotAction": "s3:PutObject", "Resource": "*"}, "element NotAction"),
        (statement(NotPrincipal={"AWS": "*"}), "element NotPrincipal"),
    ],
)
def test_a_policy_element_that_is_not_emulated_raises(refused: Policy, says: str) -> None:
    with pytest.raises(UnknownCondition, match=says):
        allowed(policy(refused))


@dataclass
class Cloud:
    """An emulated AWS for the tests. It has two buckets and one machine. The machine has an IAM role, and its network
    has a VPC endpoint for S3.
    """

    send: Callable[..., Any]
    instance: str
    address: str
    endpoint: str
    iam: Any

    def credentials(self) -> Credentials:
        base = f"{INSTANCES_PATH}/{self.instance}/latest/"
        token = self.send("PUT", f"{base}api/token").text
        headers = {"X-aws-ec2-metadata-token": token}
        listed = f"{base}meta-data/iam/security-credentials/"
        role = self.send("GET", listed, headers=headers).text
        found = json.loads(self.send("GET", f"{listed}{role}", headers=headers).text)
        return Credentials(found["AccessKeyId"], found["SecretAccessKey"], found["Token"])

    def read(self, path: str, address: str, *, region: str = "us-east-1", method: str = "GET") -> str:
        """Reads an object with the role's credentials. Returns the object's content, or the error code if the read
        fails.
        """
        bucket, _, key = path.partition("/")
        url = f"http://{bucket}.s3.{region}.amazonaws.com/{key}"
        request = AWSRequest(method=method, url=url)
        S3SigV4Auth(self.credentials(), "s3", region).add_auth(request)
        answer = self.send(method, url, headers=dict(request.headers), environ_overrides={"REMOTE_ADDR": address})
        return answer.text.partition("<Code>")[2].partition("</Code>")[0] or answer.text

    def deny_reads_if(self, *conditions: dict[str, Any]) -> None:
        refusals = [statement("Deny", ["s3:GetObject", "s3:ListBucket"], Condition=each) for each in conditions]
        document = json.dumps(policy(*refusals))
        self.iam.put_role_policy(RoleName="shield", PolicyName="origin-ways", PolicyDocument=document)


@pytest.fixture
def cloud(aws_cloud: None) -> Iterator[Cloud]:
    aws = cast(Any, boto3)
    iam, ec2, s3 = (aws.client(name, region_name="us-east-1") for name in ("iam", "ec2", "s3"))
    trust = statement(action="sts:AssumeRole", Principal={"Service": "ec2.amazonaws.com"})
    iam.create_role(RoleName="shield", AssumeRolePolicyDocument=json.dumps(policy(trust)))
    iam.create_instance_profile(InstanceProfileName="shield")
    iam.add_role_to_instance_profile(InstanceProfileName="shield", RoleName="shield")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    routes = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.associate_route_table(RouteTableId=routes, SubnetId=subnet)
    endpoint = ec2.create_vpc_endpoint(
        VpcId=vpc, ServiceName="com.amazonaws.us-east-1.s3", VpcEndpointType="Gateway", RouteTableIds=[routes]
    )["VpcEndpoint"]["VpcEndpointId"]
    image = ec2.register_image(Name="debian")["ImageId"]
    profile = {"Name": "shield"}
    instance = ec2.run_instances(
        ImageId=image, SubnetId=subnet, MinCount=1, MaxCount=1, IamInstanceProfile=profile, InstanceType="i4i.large"
    )["Instances"][0]["InstanceId"]
    address = ec2.allocate_address(Domain="vpc")
    ec2.associate_address(AllocationId=address["AllocationId"], InstanceId=instance)
    for bucket, region in (("near", "us-east-1"), ("far", "eu-west-1")):
        more = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        aws.client("s3", region_name=region).create_bucket(Bucket=bucket, **more)
        s3.put_object(Bucket=bucket, Key="k", Body=b"body")
        grant = statement(resource=f"arn:aws:s3:::{bucket}/*", Principal={"AWS": [ROLE]})
        listing = statement(action="s3:ListBucket", resource=f"arn:aws:s3:::{bucket}", Principal={"AWS": ROLE})
        s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy(grant, listing)))
    moto = cast(Any, DomainDispatcherApplication)(create_backend_app)
    client = Client(S3Addresses(InstanceMetadata(Permissions(moto))))

    def send(method: str, url: str, **options: Any) -> Any:
        host = urlsplit(url).netloc or "aws.test"
        options.setdefault("environ_overrides", {"REMOTE_ADDR": ELSEWHERE})
        return client.open(url, base_url=f"http://{host}", method=method, **options)

    yield Cloud(send, instance, address["PublicIp"], endpoint, iam)


def test_a_role_reads_only_through_its_endpoint_or_from_its_address(cloud: Cloud) -> None:
    # At first, the role `shield` may read objects from any network. `deny_reads_if` then adds a policy to the role.
    # Each statement of this policy has one condition, and denies reads if the condition is true.
    assert cloud.read("near/k", ELSEWHERE) == "body"
    cloud.deny_reads_if(
        {"StringNotEquals": {"aws:SourceVpce": cloud.endpoint}}, {"NotIpAddress": {"aws:SourceIp": "10.1.1.1/32"}}
    )
    # In its own region, the machine reaches S3 through the VPC endpoint, so its request has no key aws:SourceIp.
    # Without this key, the negated condition NotIpAddress is true, and the policy statement denies the read.
    assert cloud.read("near/k", cloud.address) == "AccessDenied"
    cloud.deny_reads_if({"StringNotEquals": {"aws:SourceVpce": cloud.endpoint}})
    assert cloud.read("near/k", cloud.address) == "body"
    assert cloud.read("near/k", ELSEWHERE) == "AccessDenied"
    # A request to S3 in another region does not go through the VPC endpoint. An endpoint of the type Gateway serves
    # only its own region.
    assert cloud.read("far/k", cloud.address, region="eu-west-1") == "AccessDenied"
    cloud.deny_reads_if({"NotIpAddress": {"aws:SourceIp": [f"{cloud.address}/32"]}})
    assert cloud.read("far/k", cloud.address, region="eu-west-1") == "body"
    assert cloud.read("far/k", ELSEWHERE, region="eu-west-1") == "AccessDenied"


def test_only_a_role_that_may_list_learns_that_a_key_is_missing(cloud: Cloud) -> None:
    assert cloud.read("near/missing", cloud.address) == "NoSuchKey"
    cast(Any, boto3).client("s3", region_name="us-east-1").put_bucket_policy(
        Bucket="near",
        Policy=json.dumps(policy(statement(resource="arn:aws:s3:::near/*", Principal={"AWS": ROLE}))),
    )
    assert cloud.read("near/k", cloud.address) == "body"
    assert cloud.read("near/missing", cloud.address) == "AccessDenied"
    assert cloud.read("near/", cloud.address) == "AccessDenied"


def test_a_role_cannot_do_anything_else_to_a_bucket(cloud: Cloud) -> None:
    for method, path in (("PUT", "near/k"), ("DELETE", "near/k"), ("GET", "near/?policy"), ("DELETE", "near/")):
        assert cloud.read(path, cloud.address, method=method) == "AccessDenied"
    assert cloud.read("near/?list-type=2", cloud.address).count("<Key>") == 1


def test_a_key_of_more_than_1024_bytes_is_refused(cloud: Cloud) -> None:
    url = f"http://near.s3.us-east-1.amazonaws.com/%C3%A9{'k' * 1022}"
    assert "<Code>NoSuchKey</Code>" in cloud.send("GET", url).text
    answer = cloud.send("GET", f"{url}k")
    assert (answer.status_code, "<Code>KeyTooLongError</Code>" in answer.text) == (400, True)


def test_a_request_with_more_than_8192_bytes_of_headers_is_refused(cloud: Cloud) -> None:
    url = "http://near.s3.us-east-1.amazonaws.com/k"
    assert cloud.send("GET", url, headers={"If-None-Match": f'"{"x" * 4_000}"'}).text == "body"
    answer = cloud.send("GET", url, headers={"If-None-Match": f'"{"x" * 9_000}"'})
    assert (answer.status_code, "<Code>RequestHeaderSectionTooLarge</Code>" in answer.text) == (400, True)


def test_a_session_needs_its_token_also_in_a_signed_url(cloud: Cloud) -> None:
    credentials = cloud.credentials()
    url = "http://near.s3.us-east-1.amazonaws.com/k"
    request = AWSRequest(method="GET", url=url)
    S3SigV4Auth(Credentials(credentials.access_key, credentials.secret_key), "s3", "us-east-1").add_auth(request)
    assert "<Code>InvalidToken" in cloud.send("GET", url, headers=dict(request.headers)).text
    cloud.deny_reads_if({"NotIpAddress": {"aws:SourceIp": "192.0.2.1/32"}, "StringNotEquals": {"aws:SourceVpce": "x"}})
    request = AWSRequest(method="GET", url=url)
    S3SigV4QueryAuth(credentials, "s3", "us-east-1").add_auth(request)
    assert "<Code>AccessDenied" in cloud.send("GET", request.url).text


def test_the_metadata_service_gives_credentials_only_to_machines_with_a_role(cloud: Cloud) -> None:
    listed = f"{INSTANCES_PATH}/{cloud.instance}/latest/meta-data/iam/security-credentials/"
    assert cloud.send("GET", listed).status_code == 401
    assert cloud.send("GET", listed, headers={"X-aws-ec2-metadata-token": ""}).status_code == 401
    # Two requests for the role's credentials get the same credentials. The metadata service returns the same
    # credentials for hours.
    assert cloud.credentials().access_key == cloud.credentials().access_key
    other = f"{INSTANCES_PATH}/i-0123/latest/"
    token = {"X-aws-ec2-metadata-token": cloud.send("PUT", f"{other}api/token").text}
    assert cloud.send("GET", f"{other}meta-data/iam/security-credentials/", headers=token).status_code == 404
    trust = policy(statement(action="sts:AssumeRole", Principal={"Service": "lambda.amazonaws.com"}))
    for each in trust["Statement"]:
        del each["Resource"]
    cloud.iam.update_assume_role_policy(RoleName="shield", PolicyDocument=json.dumps(trust))
    token = {"X-aws-ec2-metadata-token": cloud.send("PUT", f"{INSTANCES_PATH}/{cloud.instance}/latest/api/token").text}
    assert cloud.send("GET", listed, headers=token).status_code == 404
