"""Creates Lambda functions. Each function has its own role and log group, and may read its own secrets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra import iam
from infra.exclusive import keep_only
from infra.serverless import FunctionArgs

_RUNTIME = "python3.13"
_MEMORY_MB = 256  # Lambda assigns CPU in proportion to memory. With 128 MB, a TLS handshake would take a second.
_LOG_DAYS = 30


@dataclass(frozen=True)
class Function:
    """A Lambda function that the program has created. Whatever invokes the function must wait for the resources in
    `ready`.
    """

    resource: aws.lambda_.Function
    name: str
    ready: Sequence[pulumi.Resource]


def function(name: str, args: FunctionArgs, parent: pulumi.Resource) -> Function:
    """Creates a Lambda function with its role and log group, as children of the component `parent`."""
    child = pulumi.ResourceOptions(parent=parent)
    full_name = f"{args.prefix}-{name}"
    role = aws.iam.Role(
        name,
        name=full_name,
        description=args.description,
        assume_role_policy=iam.document(iam.assumed_by_service("lambda.amazonaws.com")),
        opts=child,
    )
    log = aws.cloudwatch.LogGroup(
        name, name=f"/aws/lambda/{full_name}", region=args.region, retention_in_days=_LOG_DAYS, opts=child
    )
    account = aws.get_caller_identity_output(opts=pulumi.InvokeOutputOptions(parent=parent)).account_id
    ids = list(args.secrets.values())
    secrets = account.apply(lambda known: iam.read_secrets([args.secret_region], known, ids))
    policy = aws.iam.RolePolicy(
        name,
        name="work",
        role=role.name,
        policy=pulumi.Output.all(secrets, log.arn.apply(_write_log), *args.rights).apply(
            lambda parts: iam.document(*parts)
        ),
        opts=child,
    )
    keep_only(name, role.name, [policy.name], parent)
    made = aws.lambda_.Function(
        name,
        name=full_name,
        region=args.region,
        description=args.description,
        role=role.arn,
        runtime=_RUNTIME,
        architectures=["arm64"],
        handler=f"{args.code.module}.handler",
        code=args.code.archive,
        memory_size=_MEMORY_MB,
        timeout=args.timeout,
        reserved_concurrent_executions=args.reserved,
        environment={"variables": {**args.variables, **args.secrets, "SECRET_REGION": args.secret_region}},
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[log]),
    )
    return Function(made, full_name, [policy])


def _write_log(group_arn: str) -> iam.Statement:
    return iam.allow(["logs:CreateLogStream", "logs:PutLogEvents"], f"{group_arn}:*", sid="Log")
