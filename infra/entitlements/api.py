"""The metadata API: the edge asks it about a token of which its own store has no entry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from contract.tokens import PARTITION
from infra.entitlements import permissions
from infra.metadata import ChangeSource
from infra.observability import CloudWatchAlarm
from infra.serverless.lambda_function import FunctionArgs, function
from infra.serverless.package import Code

_NAME = "metadata-api"
_TIMEOUT = 5  # seconds; the edge itself waits for two
_INSTANCES = 10  # each answers some 100 look-ups a second: the bound on what strangers can cost us


@dataclass(frozen=True)
class LambdaMetadataApiArgs:
    """`secret_id`, in `secret_region`, holds the key with which the edge signs its questions."""

    prefix: str
    source: ChangeSource
    secret_id: str
    secret_region: str
    code: Code


class LambdaMetadataApi(pulumi.ComponentResource):
    """A function behind a URL that anybody may call; it answers those who sign. It stands where the table is written,
    so that a token is known as soon as it was issued; no PoP is near, but none asks for what its store holds."""

    url: pulumi.Output[str]
    alarms: Sequence[CloudWatchAlarm]

    def __init__(self, name: str, args: LambdaMetadataApiArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("artifact-edge:entitlements:MetadataApi", name, None, opts)
        source = args.source
        may_read = pulumi.Output.from_input(source.table_arn).apply(lambda arn: permissions.read_tokens(arn, PARTITION))
        made = function(
            _NAME,
            FunctionArgs(
                prefix=args.prefix,
                region=source.region,
                description="Answers the edge about tokens that its store lacks",
                code=args.code,
                variables={"TABLE": source.table},
                secrets={"SECRET_ID": args.secret_id},
                secret_region=args.secret_region,
                rights=[may_read],
                timeout=_TIMEOUT,
                reserved=_INSTANCES,
            ),
            self,
        )
        url = aws.lambda_.FunctionUrl(
            _NAME,
            region=source.region,
            function_name=made.resource.name,
            authorization_type="NONE",  # the function itself checks the signature: isolates have no AWS credentials
            opts=pulumi.ResourceOptions(parent=self, depends_on=made.ready),
        )
        # Since 2025-10 a function URL needs both (AWS Lambda, "Control access to Lambda function URLs").
        child = pulumi.ResourceOptions(parent=self)
        aws.lambda_.Permission(
            "url",
            statement_id="url",
            action="lambda:InvokeFunctionUrl",
            function_url_auth_type="NONE",
            region=source.region,
            function=made.resource.name,
            principal="*",
            opts=child,
        )
        aws.lambda_.Permission(
            "invoke",
            statement_id="invoke",
            action="lambda:InvokeFunction",
            invoked_via_function_url=True,
            region=source.region,
            function=made.resource.name,
            principal="*",
            opts=child,
        )
        self.url = url.function_url
        self.alarms = [
            CloudWatchAlarm(
                name=f"metadata-api-{metric.lower()}",
                tier="entitlements",
                region=source.region,
                fault=fault,
                namespace="AWS/Lambda",
                metric=metric,
                dimensions={"FunctionName": made.name},
                threshold=0,
                statistic="Sum",
                runbook="docs/entitlements.md#the-metadata-api-fails",
            )
            for metric, fault in {
                "Errors": "The metadata API fails: tokens that the edge's store lacks are answered with 503",
                "Throttles": "The metadata API is asked more than it may answer: somebody may be trying out tokens",
            }.items()
        ]
        self.register_outputs({"url": self.url})
