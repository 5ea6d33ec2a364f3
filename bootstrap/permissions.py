"""What the roles may do, in IAM's words. Resources are named by the environment, wherever the cloud lets us name them.

Actions and the resources that they know are those of AWS's Service Authorization Reference.
"""

from __future__ import annotations

from collections.abc import Sequence

Statements = list[dict[str, object]]


def state_access(bucket: str, key: str, environment: str, may_write: bool) -> Statements:
    """The environment's own part of the state's bucket. A preview takes no lock, so drift needs to write nothing."""
    objects = ["s3:GetObject", *(["s3:PutObject", "s3:DeleteObject"] if may_write else [])]
    use = ["kms:Decrypt", *(["kms:Encrypt", "kms:GenerateDataKey"] if may_write else [])]
    listing = _allow(["s3:ListBucket"], [f"arn:aws:s3:::{bucket}"])
    listing["Condition"] = {"StringLike": {"s3:prefix": [f"{environment}/*", environment]}}
    return [listing, _allow(objects, [f"arn:aws:s3:::{bucket}/{environment}/*"]), _allow(use, [key])]


def reading(account: str, environment: str) -> Statements:
    """Configuration, no data: neither objects nor items. But the program reads what the edge must be told."""
    prefix = f"artifact-edge-{environment}"
    return [
        _allow(["ec2:Describe*", "sts:GetCallerIdentity", "logs:DescribeLogGroups"], ["*"]),
        _allow(["s3:GetBucket*", "s3:Get*Configuration", "s3:ListBucket"], [f"arn:aws:s3:::{prefix}-*"]),
        _allow(["dynamodb:Describe*", "dynamodb:List*"], _tables(account, prefix)),
        _allow(["iam:Get*", "iam:List*"], _identities(account, prefix)),
        _allow(["route53:Get*", "route53:List*"], ["arn:aws:route53:::*"]),
        _allow(["kms:Describe*", "kms:Get*", "kms:List*"], [f"arn:aws:kms:*:{account}:*"]),
        _allow(
            ["cloudwatch:Describe*", "cloudwatch:Get*", "cloudwatch:List*"],
            [f"arn:aws:cloudwatch:*:{account}:*", f"arn:aws:cloudwatch::{account}:*"],
        ),
        _allow(["sns:Get*", "sns:List*"], [f"arn:aws:sns:*:{account}:{prefix}-*"]),
        _allow(["sqs:Get*", "sqs:List*"], [f"arn:aws:sqs:*:{account}:{prefix}-*"]),
        _allow(["lambda:Get*", "lambda:List*"], [f"arn:aws:lambda:*:{account}:*"]),
        _allow(["events:Describe*", "events:List*"], [f"arn:aws:events:*:{account}:rule/{prefix}-*"]),
        _allow(["logs:Describe*", "logs:List*"], [f"arn:aws:logs:*:{account}:log-group:*"]),
        _allow(["globalaccelerator:Describe*", "globalaccelerator:List*"], [f"arn:aws:globalaccelerator::{account}:*"]),
        _allow(
            ["secretsmanager:GetSecretValue"],
            [f"arn:aws:secretsmanager:*:{account}:secret:artifact-edge/{environment}/*"],
        ),
    ]


def deploying(account: str, environment: str) -> Statements:
    """All that `up` and `destroy` of the environment's stack ask for, on what bears the environment's name.

    Networks and zones get their names from the cloud; of those it is all in the account. Roles are made for machines
    and functions, so rights can be given with them: an account for each environment is the wall that holds.
    """
    prefix = f"artifact-edge-{environment}"
    roles = _identities(account, prefix)
    tagged = _allow(["kms:*"], [f"arn:aws:kms:*:{account}:key/*"])
    tagged["Condition"] = {"StringEquals": {"aws:ResourceTag/environment": environment}}
    create = _allow(["kms:CreateKey", "kms:TagResource"], [f"arn:aws:kms:*:{account}:*"])
    create["Condition"] = {"StringEquals": {"aws:RequestTag/environment": environment}}
    passing = _allow(["iam:PassRole"], [role for role in roles if ":role/" in role])
    passing["Condition"] = {
        "StringEquals": {"iam:PassedToService": ["ec2.amazonaws.com", "lambda.amazonaws.com", "s3.amazonaws.com"]}
    }
    return [
        _allow(["ec2:*"], [f"arn:aws:ec2:*:{account}:*", "arn:aws:ec2:*::image/*", "arn:aws:ec2:*:aws:prefix-list/*"]),
        _allow(["s3:*"], [f"arn:aws:s3:::{prefix}-*"]),
        _allow(["dynamodb:*"], _tables(account, prefix)),
        _allow(["route53:*"], ["arn:aws:route53:::*"]),
        _allow(["sns:*"], [f"arn:aws:sns:*:{account}:{prefix}-*"]),
        _allow(["sqs:*"], [f"arn:aws:sqs:*:{account}:{prefix}-*"]),
        _allow(
            ["lambda:*"],
            [f"arn:aws:lambda:*:{account}:function:{prefix}-*", f"arn:aws:lambda:*:{account}:event-source-mapping:*"],
        ),
        _allow(["events:*"], [f"arn:aws:events:*:{account}:rule/{prefix}-*"]),
        _allow(["logs:*"], [f"arn:aws:logs:*:{account}:log-group:/aws/lambda/{prefix}-*"]),
        _allow(
            ["cloudwatch:*"],
            [f"arn:aws:cloudwatch:*:{account}:alarm:{prefix}-*", f"arn:aws:cloudwatch::{account}:dashboard/{prefix}"],
        ),
        _allow(["globalaccelerator:*"], [f"arn:aws:globalaccelerator::{account}:*"]),
        _allow(["kms:CreateAlias", "kms:DeleteAlias", "kms:UpdateAlias"], [f"arn:aws:kms:*:{account}:alias/{prefix}"]),
        create,
        tagged,
        _allow(
            [
                "iam:CreateRole",
                "iam:DeleteRole",
                "iam:UpdateRole",
                "iam:UpdateAssumeRolePolicy",
                "iam:PutRolePolicy",
                "iam:DeleteRolePolicy",
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
        passing,
    ]


def _allow(actions: Sequence[str], resources: Sequence[str]) -> dict[str, object]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": list(resources)}


def _tables(account: str, prefix: str) -> list[str]:
    return [f"arn:aws:dynamodb:*:{account}:table/{prefix}-*"]


def _identities(account: str, prefix: str) -> list[str]:
    return [f"arn:aws:iam::{account}:role/{prefix}-*", f"arn:aws:iam::{account}:instance-profile/{prefix}-*"]
