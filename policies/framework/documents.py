"""Finds the IAM policy documents in Pulumi resources. A document is the value of a property, or an entry in a role's
list of inline policies. The fields of a Lambda permission are converted to statements of such a document.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pulumi_policy import PolicyResource, ResourceValidationArgs

from policies.framework.declare import Properties, given, parts, statements, texts
from policies.framework.kinds import kind
from policies.framework.relations import is_set

ROLE = "aws:iam/role:Role"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
LAMBDA_PERMISSION = "aws:lambda/permission:Permission"

# Types of Pulumi resources whose IAM policy says what a role, user or group may do.
IDENTITY_POLICIES = {
    ROLE,
    ROLE_POLICY,
    "aws:iam/policy:Policy",
    "aws:iam/userPolicy:UserPolicy",
    "aws:iam/groupPolicy:GroupPolicy",
}
# Types of Pulumi resources whose property `policy` is an IAM policy that says who may use the resource.
BUCKET_POLICIES = {"aws:s3/bucket:Bucket", "aws:s3/bucketPolicy:BucketPolicy"}
RESOURCE_POLICIES = {
    "aws:kms/key:Key",
    "aws:kms/replicaKey:ReplicaKey",
    "aws:kms/keyPolicy:KeyPolicy",
    "aws:sqs/queue:Queue",
    "aws:sqs/queuePolicy:QueuePolicy",
    "aws:sns/topic:Topic",
    "aws:sns/topicPolicy:TopicPolicy",
    "aws:secretsmanager/secret:Secret",
    "aws:secretsmanager/secretPolicy:SecretPolicy",
    "aws:dynamodb/resourcePolicy:ResourcePolicy",
}


def identity_statements(resource: ResourceValidationArgs | PolicyResource) -> Iterator[Properties]:
    """Yields all statements of an IAM policy, or of a role's inline policies."""
    if kind(resource) != ROLE:
        yield from statements(resource.props.get("policy"))
    elif is_set(resource, "inlinePolicies"):
        for inline in parts(resource.props, "inlinePolicies"):
            yield from statements(inline.get("policy"))


def statements_about_principals(resource: ResourceValidationArgs | PolicyResource) -> Iterator[Properties]:
    """Yields all IAM statements with which a resource gives access to principals. For a role, the function yields the
    statements of the trust policy. For a permission to invoke a Lambda function, it yields statements with the same
    meaning as the permission. For any other resource, it yields the statements of the resource's own policy.
    """
    if kind(resource) == ROLE:
        yield from statements(resource.props.get("assumeRolePolicy"))
    elif kind(resource) == LAMBDA_PERMISSION:
        yield from _permission_statements(resource.props)
    else:
        yield from statements(resource.props.get("policy"))


def title_of(statement: Properties, number: int) -> str:
    return f"statement {statement.get('Sid') or number}"


def _permission_statements(props: Properties) -> Iterator[Properties]:
    """Converts the permission to invoke a Lambda function to IAM statements.

    Yields one statement with all conditions. If the principal is not an AWS service, first yields the same statement
    without conditions. The policy pack can then check the principal even if the values of the conditions are not known
    yet.
    """
    principal = str(props.get("principal"))
    service = principal.endswith(".amazonaws.com")
    bare: Mapping[str, object] = {"Effect": "Allow", "Action": props.get("action")}
    if not service:
        yield {**bare, "Principal": {"AWS": principal}}
    conditions = {
        operator: {key: texts(props.get(name))}
        for name, operator, key in (
            ("sourceAccount", "StringEquals", "aws:SourceAccount"),
            ("sourceArn", "ArnLike", "aws:SourceArn"),
            ("principalOrgId", "StringEqualsIgnoreCase", "aws:PrincipalOrgID"),
        )
        if given(props, name) and props.get(name)
    }
    yield {**bare, "Principal": {"Service" if service else "AWS": principal}, "Condition": conditions}
