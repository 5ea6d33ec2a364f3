"""Probes which API calls IAM permits to a role with given policies."""

from __future__ import annotations

from collections.abc import Iterator

from probes.aws import (
    KEY_DELETION_DAYS,
    REGION,
    AwsAccount,
    allow,
    attempt,
    document,
    is_denied,
    refusal,
    session_credentials,
)
from probes.dynamodb import create_table
from probes.fact import Fact, Probe, ProbeError

# The key of a resource tag. IAM policies of the Pulumi program have conditions on this tag.
_TAG = "environment"
# The service-linked role that AWS KMS creates when an account gets its first multi-Region key.
_LINKED_ROLE = "AWSServiceRoleForKeyManagementServiceMultiRegionKeys"


def _statements(account: AwsAccount) -> Iterator[Fact]:
    topic = account.name("topic")
    arn = f"arn:aws:sns:{REGION}:{account.number}:{topic}"
    client = account.as_role(
        [
            allow("s3:ListAllMyBuckets", "arn:aws:s3:::*"),
            allow("kms:ListKeys", condition={"StringEquals": {f"aws:ResourceTag/{_TAG}": "any"}}),
            allow("sns:CreateTopic", arn),
        ]
    )
    code = refusal(client("s3").list_buckets)
    text = "A statement for the ARNs of resources does not allow an action that has no resource types"
    yield Fact(text, is_denied(code), code)
    code = refusal(client("kms").list_keys)
    text = "A statement with a condition key that its action does not support allows nothing"
    yield Fact(text, is_denied(code), code)
    account.later(account.client("sns").delete_topic, TopicArn=arn)
    sns, tags = client("sns"), [{"Key": _TAG, "Value": "any"}]
    code = refusal(sns.create_topic, Name=topic, Tags=tags)
    yield Fact("A new resource with tags also needs the permission to tag it", is_denied(code), code)
    code = refusal(sns.create_topic, Name=topic)
    yield Fact("The same resource without tags does not", code == "accepted", code)


def _new_resources(account: AwsAccount) -> Iterator[Fact]:
    own, other = account.name("own"), account.name("other")
    iam = account.as_role([allow("iam:CreatePolicy", f"arn:aws:iam::{account.number}:policy/{own}")])("iam")
    policy = document([allow("s3:ListAllMyBuckets")])
    for name, verdict in ((own, "allowed"), (other, "refused")):
        account.later(_delete_policy, account=account, name=name)
        code = refusal(iam.create_policy, PolicyName=name, PolicyDocument=policy)
        holds = code == "accepted" if verdict == "allowed" else is_denied(code)
        which = "that the permission names" if verdict == "allowed" else "of another name"
        yield Fact(f"The creation of a policy {which} is {verdict}", holds, code)


def _delete_policy(account: AwsAccount, name: str) -> None:
    attempt(account.client("iam").delete_policy, PolicyArn=f"arn:aws:iam::{account.number}:policy/{name}")


def _regional_sessions(account: AwsAccount) -> Iterator[Fact]:
    # The role needs no statements of its own: `as_known_role` allows each role to call `kms:ListAliases`, and this
    # function makes only this call with the role.
    _, role = account.as_known_role([])
    session = {"RoleArn": role, "RoleSessionName": "elsewhere"}
    credentials = session_credentials(account.client("sts", region="eu-west-1"), session)
    code = refusal(account.client("kms", credentials, region="us-west-2").list_aliases)
    text = "Credentials from Security Token Service in one region are valid in another region"
    yield Fact(text, code == "accepted", code)


def _certificate_tags(account: AwsAccount) -> Iterator[Fact]:
    acm = account.client("acm")
    wanted, other = ([{"Key": _TAG, "Value": value}] for value in ("probe", "other"))
    client = account.as_role(
        [
            allow(
                ["acm:RequestCertificate", "acm:AddTagsToCertificate"],
                condition={"StringEquals": {f"aws:RequestTag/{_TAG}": "probe"}},
            ),
            allow("acm:DescribeCertificate", condition={"StringEquals": {f"aws:ResourceTag/{_TAG}": "probe"}}),
        ]
    )("acm")
    request = {"DomainName": f"*.probe.{account.domain}", "ValidationMethod": "DNS"}
    code = refusal(client.request_certificate, **request, Tags=other)
    yield Fact("A condition on the tags of a request refuses a certificate with another tag", is_denied(code), code)
    code, made = attempt(client.request_certificate, **request, Tags=wanted)
    yield Fact("The same condition allows a certificate with the tag", code == "accepted", code)
    if made:
        account.later(acm.delete_certificate, CertificateArn=made["CertificateArn"])
        code = refusal(client.describe_certificate, CertificateArn=made["CertificateArn"])
        yield Fact("A condition on the tags of a resource allows a certificate with the tag", code == "accepted", code)
    request["DomainName"] = f"*.other.{account.domain}"
    untagged = acm.request_certificate(**request)["CertificateArn"]
    account.later(acm.delete_certificate, CertificateArn=untagged)
    code = refusal(client.describe_certificate, CertificateArn=untagged)
    yield Fact("The same condition refuses a certificate without the tag", is_denied(code), code)


def _partitions(account: AwsAccount) -> Iterator[Fact]:
    table = create_table(account, "partitions", sort_key=True)
    arn = f"arn:aws:dynamodb:{REGION}:{account.number}:table/{table}"
    own = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["own#*"]}}
    actions = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"]
    dynamodb = account.as_role([allow(actions, arn, own)])("dynamodb")
    for partition, verdict in (("own#1", "allowed"), ("other#1", "refused")):
        key = {"pk": {"S": partition}, "sk": {"S": "any"}}
        names, values = {"#p": "pk"}, {":p": {"S": partition}}
        query = {"ExpressionAttributeNames": names, "ExpressionAttributeValues": values}
        put = {"Put": {"TableName": table, "Item": key}}
        for text, code in (
            ("A read", refusal(dynamodb.get_item, TableName=table, Key=key)),
            ("A query", refusal(dynamodb.query, TableName=table, KeyConditionExpression="#p = :p", **query)),
            ("A write in a transaction", refusal(dynamodb.transact_write_items, TransactItems=[put])),
        ):
            holds = code == "accepted" if verdict == "allowed" else is_denied(code)
            where = "a partition that the policy names" if verdict == "allowed" else "another partition"
            yield Fact(f"{text} in {where} is {verdict}", holds, code)


def _linked_role(account: AwsAccount) -> Iterator[Fact]:
    if refusal(account.client("iam").get_role, RoleName=_LINKED_ROLE) == "accepted":
        raise ProbeError(
            f"the account has the role {_LINKED_ROLE} already, so that its next multi-Region key is not the first one; "
            "use an account that has never had a multi-Region key"
        )
    client = account.as_role([allow(["kms:CreateKey", "kms:TagResource"])])("kms")
    code, made = attempt(client.create_key, MultiRegion=True)
    if made:
        key = made["KeyMetadata"]["KeyId"]
        account.client("kms").schedule_key_deletion(KeyId=key, PendingWindowInDays=KEY_DELETION_DAYS)
    text = "The first multi-Region key of an account needs the permission iam:CreateServiceLinkedRole"
    yield Fact(text, is_denied(code), code)


_REFERENCE = "AWS, Service Authorization Reference"
PROBES = (
    Probe("iam-statements", _REFERENCE, _statements),
    Probe("iam-new-policies", _REFERENCE, _new_resources),
    Probe("sts-regions", 'IAM User Guide, "Manage AWS STS in an AWS Region"', _regional_sessions),
    Probe("acm-tag-conditions", 'IAM User Guide, "AWS global condition context keys"', _certificate_tags),
    Probe("dynamodb-partitions", 'DynamoDB Developer Guide, "Using IAM policy conditions"', _partitions),
    Probe("kms-service-linked-role", 'AWS KMS, "Authorizing AWS KMS to synchronize multi-Region keys"', _linked_role),
)
