"""IAM permissions of the roles with which GitHub's workflows deploy an environment or detect drift.

Where AWS supports it, a permission covers only resources whose name contains the environment's name. The Service
Authorization Reference of AWS lists all actions and the resources that each supports.
"""

from __future__ import annotations

from collections.abc import Sequence

from contract.pops import WORKERS
from contract.secrets import SecretName, secret_id, secret_pattern
from contract.shields import serving_parameters
from infra.iam import Statement, allow, secret_arn

# Read-only actions without a resource type. A policy can allow such actions only for the resource "*".
_READS_WITHOUT_RESOURCE = (
    "application-autoscaling:DescribeScalableTargets",
    "application-autoscaling:DescribeScalingPolicies",
    "ec2:Describe*",
    "globalaccelerator:ListAccelerators",
    "iam:ListRoles",
    "kms:ListAliases",
    "logs:DescribeLogGroups",
    "route53:ListHealthChecks",
    "route53:ListHostedZones",
    "sns:GetSubscriptionAttributes",
    "ssm:DescribeParameters",
    "sts:GetCallerIdentity",
    "tag:GetResources",
)

# The secrets that a deployment rewrites when it renews the edge's client certificate or the certificate authority of
# this certificate.
_RENEWED_SECRETS: Sequence[SecretName] = ("authority", "shield", "edge")

# The secrets that the role for drift detection reads: those that the Pulumi program passes to the edge, and the API
# token with which a preview reads Cloudflare. The role reads neither the API token with which a deployment changes
# Cloudflare, nor the key of the authority that the shields trust.
_DRIFT_SECRETS: Sequence[SecretName] = ("edge", "metadata-api", "purge-signing", "cloudflare-read")

# The services for which the deploy role may create a service-linked role. AWS creates the role of KMS when the deploy
# role creates the account's first multi-Region key (KMS, "Authorizing AWS KMS to synchronize multi-Region keys"). AWS
# creates the role for DynamoDB replication with the first global table (DynamoDB, "DynamoDB global tables security").
# AWS creates the role for auto scaling of DynamoDB with the first scaling policy of a table (Application Auto Scaling,
# "Service-linked roles"). AWS creates the role of Global Accelerator with the first accelerator (Global Accelerator,
# "Service-linked role for Global Accelerator").
_LINKED_SERVICES = (
    "mrk.kms.amazonaws.com",
    "replication.dynamodb.amazonaws.com",
    "dynamodb.application-autoscaling.amazonaws.com",
    "globalaccelerator.amazonaws.com",
)


def state_access(bucket: str, key: str, environment: str, may_write: bool) -> Sequence[Statement]:
    """Returns the permissions to read the environment's part of the bucket with Pulumi's state, and also to write it if
    `may_write` is true.

    A preview takes no lock on the state, so the role that detects drift needs no write permission.
    """
    objects = ["s3:GetObject", *(["s3:PutObject", "s3:DeleteObject"] if may_write else [])]
    use = ["kms:Decrypt", *(["kms:Encrypt", "kms:GenerateDataKey"] if may_write else [])]
    return [
        allow(
            ["s3:ListBucket"],
            [f"arn:aws:s3:::{bucket}"],
            condition={"StringLike": {"s3:prefix": [f"{environment}/*", environment]}},
        ),
        allow(objects, [f"arn:aws:s3:::{bucket}/{environment}/*"]),
        allow(use, [key]),
    ]


def reading(account: str, environment: str, may_write: bool) -> Sequence[Statement]:
    """Returns permissions to read the configuration of resources but no data: neither objects in buckets nor items in
    tables. `may_write` is true for the role that deploys, which may read all secrets of the environment.

    There are two exceptions. Pulumi reads the edge's secrets and passes them to the edge. Pulumi also reads the objects
    with the edge worker that it stores for PoPs, without permission to decrypt them: a refresh reads only their headers
    and tags.
    """
    prefix = f"artifact-edge-{environment}"
    secrets = (
        [f"arn:aws:secretsmanager:*:{account}:secret:{secret_pattern(environment)}"]
        if may_write
        else [secret_arn("*", account, secret_id(environment, name)) for name in _DRIFT_SECRETS]
    )
    return [
        allow(list(_READS_WITHOUT_RESOURCE), ["*"]),
        allow(["s3:GetBucket*", "s3:Get*Configuration", "s3:ListBucket"], [f"arn:aws:s3:::{prefix}-*"]),
        allow(["s3:GetObject", "s3:GetObjectTagging"], [f"arn:aws:s3:::{prefix}-*/{WORKERS}*"]),
        allow(["application-autoscaling:ListTagsForResource"], _scalable_targets(account)),
        allow(["dynamodb:Describe*", "dynamodb:List*"], _tables(account, prefix)),
        allow(["iam:Get*", "iam:List*"], _identities(account, prefix)),
        allow(["acm:DescribeCertificate", "acm:GetCertificate", "acm:ListTagsForCertificate"], _certificates(account)),
        allow(["ssm:GetParameter*", "ssm:ListTagsForResource"], _parameters(account, environment)),
        allow(["route53:Get*", "route53:List*"], ["arn:aws:route53:::*"]),
        allow(["globalaccelerator:Describe*", "globalaccelerator:List*"], _accelerators(account)),
        allow(["kms:Describe*", "kms:Get*", "kms:List*"], [f"arn:aws:kms:*:{account}:*"]),
        allow(
            ["cloudwatch:Describe*", "cloudwatch:Get*", "cloudwatch:List*"],
            [f"arn:aws:cloudwatch:*:{account}:*", f"arn:aws:cloudwatch::{account}:*"],
        ),
        allow(["sns:Get*", "sns:List*"], [f"arn:aws:sns:*:{account}:{prefix}-*"]),
        allow(["sqs:Get*", "sqs:List*"], [f"arn:aws:sqs:*:{account}:{prefix}-*"]),
        allow(["lambda:Get*", "lambda:List*"], [f"arn:aws:lambda:*:{account}:*"]),
        allow(["events:Describe*", "events:List*"], [f"arn:aws:events:*:{account}:rule/{prefix}-*"]),
        allow(["logs:Describe*", "logs:List*"], [f"arn:aws:logs:*:{account}:log-group:*"]),
        allow(["secretsmanager:GetSecretValue"], secrets),
    ]


def deploying(account: str, environment: str) -> Sequence[Statement]:
    """Returns the permissions of the deploy role to run `pulumi up` and `pulumi destroy` for an environment.

    Most permissions cover only resources with the environment's name. AWS chooses the IDs of networks and DNS zones, so
    the permissions cover all networks and zones in the account. The deploy role creates roles for machines and
    functions, and a permissions boundary limits what these roles may do. Only a separate account for each environment
    isolates environments fully.
    """
    prefix = f"artifact-edge-{environment}"
    roles = _identities(account, prefix)
    receivers = ["ec2.amazonaws.com", "lambda.amazonaws.com", "s3.amazonaws.com"]
    return [
        allow(["ec2:*"], [f"arn:aws:ec2:*:{account}:*", "arn:aws:ec2:*::image/*", "arn:aws:ec2:*:aws:prefix-list/*"]),
        allow(["s3:*"], [f"arn:aws:s3:::{prefix}-*"]),
        allow(["dynamodb:*"], _tables(account, prefix)),
        allow(["route53:*"], ["arn:aws:route53:::*"]),
        # AWS chooses the IDs of accelerators, so an ARN does not show the environment. The condition therefore checks
        # the accelerator's tag `environment`. When tags change, Pulumi sends only those that change, so the condition
        # cannot check the tags of the request.
        allow(
            [
                "globalaccelerator:CreateEndpointGroup",
                "globalaccelerator:CreateListener",
                "globalaccelerator:DeleteAccelerator",
                "globalaccelerator:DeleteEndpointGroup",
                "globalaccelerator:DeleteListener",
                "globalaccelerator:TagResource",
                "globalaccelerator:UntagResource",
                "globalaccelerator:UpdateAccelerator",
                "globalaccelerator:UpdateAcceleratorAttributes",
                "globalaccelerator:UpdateEndpointGroup",
                "globalaccelerator:UpdateListener",
            ],
            _accelerators(account),
            condition={"StringEquals": {"aws:ResourceTag/environment": environment}},
        ),
        allow(["sns:*"], [f"arn:aws:sns:*:{account}:{prefix}-*"]),
        allow(["sqs:*"], [f"arn:aws:sqs:*:{account}:{prefix}-*"]),
        allow(
            ["lambda:*"],
            [f"arn:aws:lambda:*:{account}:function:{prefix}-*", f"arn:aws:lambda:*:{account}:event-source-mapping:*"],
        ),
        allow(["events:*"], [f"arn:aws:events:*:{account}:rule/{prefix}-*"]),
        allow(["logs:*"], [f"arn:aws:logs:*:{account}:log-group:/aws/lambda/{prefix}-*"]),
        allow(
            ["cloudwatch:*"],
            [f"arn:aws:cloudwatch:*:{account}:alarm:{prefix}-*", f"arn:aws:cloudwatch::{account}:dashboard/{prefix}"],
        ),
        # A deployment renews the secrets that hold the edge's client certificate and the certificate authority that
        # signs it (registry/key_renewal.py), so the deploy role must be able to write these secrets.
        allow(
            ["secretsmanager:PutSecretValue"],
            [secret_arn("*", account, secret_id(environment, name)) for name in _RENEWED_SECRETS],
        ),
        allow(
            ["ssm:AddTagsToResource", "ssm:DeleteParameter", "ssm:PutParameter", "ssm:RemoveTagsFromResource"],
            _parameters(account, environment),
        ),
        # These actions on certificates do not include `acm:ExportCertificate`, because only the machines of shields
        # (regional caches) and of PoPs need the private keys of certificates.
        allow(
            [
                "acm:AddTagsToCertificate",
                "acm:DeleteCertificate",
                "acm:RemoveTagsFromCertificate",
                "acm:UpdateCertificateOptions",
            ],
            _certificates(account),
            condition={"StringEquals": {"aws:ResourceTag/environment": environment}},
        ),
        allow(["kms:CreateAlias", "kms:DeleteAlias", "kms:UpdateAlias"], [f"arn:aws:kms:*:{account}:alias/{prefix}"]),
        *_without_resource(account, environment),
        # The deploy role adds tags when it creates certificates, accelerators and keys. A new resource has no tags yet,
        # so the condition StringEqualsIfExists also accepts resources without the tag `environment`. The condition does
        # not accept resources of other environments.
        allow(
            ["acm:AddTagsToCertificate", "globalaccelerator:TagResource", "kms:TagResource"],
            [*_certificates(account), *_accelerators(account), f"arn:aws:kms:*:{account}:key/*"],
            condition={
                "StringEquals": {"aws:RequestTag/environment": environment},
                "StringEqualsIfExists": {"aws:ResourceTag/environment": environment},
            },
        ),
        allow(
            ["application-autoscaling:TagResource", "application-autoscaling:UntagResource"],
            _scalable_targets(account),
            condition={"StringEqualsIfExists": {"aws:ResourceTag/environment": environment}},
        ),
        allow(
            ["kms:*"],
            [f"arn:aws:kms:*:{account}:key/*"],
            condition={"StringEquals": {"aws:ResourceTag/environment": environment}},
        ),
        # The condition on `iam:PermissionsBoundary` lets the deploy role create only roles with the permissions
        # boundary. It also lets the deploy role change the permissions only of such roles. The deploy role has no
        # permission to remove the boundary from a role.
        allow(
            [
                "iam:CreateRole",
                "iam:DeleteRolePolicy",
                "iam:DetachRolePolicy",
                "iam:PutRolePermissionsBoundary",
                "iam:PutRolePolicy",
                "iam:UpdateAssumeRolePolicy",
            ],
            [role for role in roles if ":role/" in role],
            condition={"StringEquals": {"iam:PermissionsBoundary": boundary_arn(account, environment)}},
        ),
        allow(
            [
                "iam:DeleteRole",
                "iam:UpdateRole",
                "iam:TagRole",
                "iam:UntagRole",
                "iam:CreateInstanceProfile",
                "iam:DeleteInstanceProfile",
                "iam:AddRoleToInstanceProfile",
                "iam:RemoveRoleFromInstanceProfile",
                "iam:TagInstanceProfile",
                "iam:UntagInstanceProfile",
            ],
            roles,
        ),
        allow(
            ["iam:PassRole"],
            [role for role in roles if ":role/" in role],
            condition={"StringEquals": {"iam:PassedToService": receivers}},
        ),
    ]


def boundary_name(environment: str) -> str:
    """Returns the name of the IAM policy that serves as the permissions boundary of an environment's roles."""
    return f"artifact-edge-bootstrap-{environment}-boundary"


def boundary_arn(account: str, environment: str) -> str:
    return f"arn:aws:iam::{account}:policy/{boundary_name(environment)}"


def within_boundary(account: str, environment: str) -> Sequence[Statement]:
    """Returns the permissions boundary of the roles of an environment's machines and functions.

    A boundary grants no permissions. A role may use a permission only if the role's own policies and the role's
    boundary allow it (IAM User Guide, "Permissions boundaries for IAM entities").
    """
    prefix = f"artifact-edge-{environment}"
    return [
        allow(
            ["s3:DeleteObject", "s3:Get*", "s3:List*", "s3:PutObject", "s3:Replicate*"],
            [f"arn:aws:s3:::{prefix}-*"],
        ),
        allow(
            [
                "dynamodb:DeleteItem",
                "dynamodb:Describe*",
                "dynamodb:Get*",
                "dynamodb:PutItem",
                "dynamodb:Query",
                "dynamodb:UpdateItem",
            ],
            _tables(account, prefix),
        ),
        allow(["sqs:SendMessage"], [f"arn:aws:sqs:*:{account}:{prefix}-*"]),
        allow(
            ["logs:CreateLogStream", "logs:PutLogEvents"],
            [f"arn:aws:logs:*:{account}:log-group:/aws/lambda/{prefix}-*"],
        ),
        allow(
            ["secretsmanager:GetSecretValue"],
            [f"arn:aws:secretsmanager:*:{account}:secret:{secret_pattern(environment)}"],
        ),
        allow(
            ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey*"],
            [f"arn:aws:kms:*:{account}:key/*"],
            condition={"StringEquals": {"aws:ResourceTag/environment": environment}},
        ),
        allow(["ssm:GetParameter"], _parameters(account, environment)),
        allow(["ssm:PutParameter"], [f"arn:aws:ssm:*:{account}:parameter{serving_parameters(environment)}/*"]),
        allow(
            ["acm:ExportCertificate"],
            _certificates(account),
            condition={"StringEquals": {"aws:ResourceTag/environment": environment}},
        ),
        # IAM evaluates `cloudwatch:PutMetricData` and `dynamodb:ListStreams` only against the resource "*", because
        # these actions have no resource type.
        allow(["cloudwatch:PutMetricData", "dynamodb:ListStreams"], ["*"]),
    ]


def _without_resource(account: str, environment: str) -> Sequence[Statement]:
    """Returns the permissions of the deploy role for actions that cannot be limited to resources with the environment's
    name.

    Condition keys limit most of these permissions. AWS has no condition keys for three kinds of actions: to create
    health checks in Route 53, to create zones in Route 53, and to end subscriptions in SNS.
    """
    function = f"arn:aws:lambda:*:{account}:function:artifact-edge-{environment}-*"
    return [
        allow(["route53:CreateHealthCheck", "route53:CreateHostedZone", "sns:Unsubscribe"], ["*"]),
        allow(
            ["acm:RequestCertificate", "globalaccelerator:CreateAccelerator", "kms:CreateKey"],
            ["*"],
            condition={"StringEquals": {"aws:RequestTag/environment": environment}},
        ),
        allow(
            ["lambda:CreateEventSourceMapping"],
            ["*"],
            condition={"ArnLike": {"lambda:FunctionArn": function}},
        ),
        allow(
            [
                "application-autoscaling:DeleteScalingPolicy",
                "application-autoscaling:DeregisterScalableTarget",
                "application-autoscaling:PutScalingPolicy",
                "application-autoscaling:RegisterScalableTarget",
            ],
            # The ARN of a scalable target contains no name, only an ID that AWS chooses. The permission therefore
            # covers all scalable targets of DynamoDB tables in the account.
            _scalable_targets(account),
            condition={"StringEquals": {"application-autoscaling:service-namespace": "dynamodb"}},
        ),
        allow(
            ["iam:CreateServiceLinkedRole"],
            [f"arn:aws:iam::{account}:role/aws-service-role/{service}/*" for service in _LINKED_SERVICES],
            condition={"StringEquals": {"iam:AWSServiceName": list(_LINKED_SERVICES)}},
        ),
    ]


def _tables(account: str, prefix: str) -> list[str]:
    return [f"arn:aws:dynamodb:*:{account}:table/{prefix}-*"]


def _certificates(account: str) -> list[str]:
    return [f"arn:aws:acm:*:{account}:certificate/*"]


def _scalable_targets(account: str) -> list[str]:
    return [f"arn:aws:application-autoscaling:*:{account}:scalable-target/*"]


def _accelerators(account: str) -> list[str]:
    """Returns an ARN pattern that matches all accelerators in the account, and the listeners and endpoint groups of
    these accelerators. The ARN of a listener or an endpoint group begins with the ARN of its accelerator.
    """
    return [f"arn:aws:globalaccelerator::{account}:accelerator/*"]


def _parameters(account: str, environment: str) -> list[str]:
    return [f"arn:aws:ssm:*:{account}:parameter/artifact-edge/{environment}/*"]


def _identities(account: str, prefix: str) -> list[str]:
    return [f"arn:aws:iam::{account}:role/{prefix}-*", f"arn:aws:iam::{account}:instance-profile/{prefix}-*"]
