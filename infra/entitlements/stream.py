"""The way of a token's record from the metadata table's stream to the edge's key-value store."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from contract.tokens import PARTITION
from infra.entitlements import permissions
from infra.metadata import ChangeSource
from infra.observability import CloudWatchAlarm
from infra.serverless.lambda_function import FunctionArgs, function
from infra.serverless.package import Code

_NAME = "entitlements"
_TIMEOUT = 30  # seconds, for two requests to Cloudflare's API
_BATCH = 100  # changes: as many tokens as one bulk read of Workers KV takes
_OLDEST_SECONDS = 6 * 3600  # for so long the edge may be out of reach before a change is given up
_TRIES = 100
_DEAD_SECONDS = 14 * 86_400  # the longest that SQS keeps a message
_LAG_MS = 5_000.0  # the objective: a revocation is seen at the edge within five seconds
_TOKENS_ONLY = json.dumps({"dynamodb": {"Keys": {"pk": {"S": [PARTITION]}}}})


@dataclass(frozen=True)
class LambdaTokenSyncArgs:
    """`secret_id`, in `secret_region`, holds an API token that may edit the key-value store of `account_id` and
    `namespace_id`."""

    prefix: str
    source: ChangeSource
    account_id: str
    namespace_id: pulumi.Input[str]
    secret_id: str
    secret_region: str
    code: Code


class LambdaTokenSync(pulumi.ComponentResource):
    """A function that the stream's shards feed, each in order, and a queue for the changes that it had to give up."""

    dead_letters: pulumi.Output[str]
    alarms: Sequence[CloudWatchAlarm]

    def __init__(self, name: str, args: LambdaTokenSyncArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("artifact-edge:entitlements:EntitlementStream", name, None, opts)
        source = args.source
        queue_name = f"{args.prefix}-entitlements-dead"
        dead = aws.sqs.Queue(
            _NAME,
            name=queue_name,
            region=source.region,
            message_retention_seconds=_DEAD_SECONDS,
            sqs_managed_sse_enabled=True,
            opts=pulumi.ResourceOptions(parent=self),
        )
        made = function(
            _NAME,
            FunctionArgs(
                prefix=args.prefix,
                region=source.region,
                description="Carries changes of tokens and grants to the edge",
                code=args.code,
                variables={
                    "ACCOUNT_ID": args.account_id,
                    "NAMESPACE_ID": args.namespace_id,
                    "DEAD_LETTERS": dead.url,
                },
                secrets={"SECRET_ID": args.secret_id},
                secret_region=args.secret_region,
                rights=[
                    pulumi.Output.from_input(source.table_arn).apply(permissions.read_stream),
                    dead.arn.apply(permissions.send),
                ],
                timeout=_TIMEOUT,
            ),
            self,
        )
        aws.lambda_.EventSourceMapping(
            _NAME,
            region=source.region,
            event_source_arn=source.stream_arn,
            function_name=made.resource.arn,
            starting_position="TRIM_HORIZON",  # what was changed while there was no function is carried, too
            batch_size=_BATCH,
            parallelization_factor=1,
            filter_criteria={"filters": [{"pattern": _TOKENS_ONLY}]},
            function_response_types=["ReportBatchItemFailures"],
            bisect_batch_on_function_error=True,
            maximum_record_age_in_seconds=_OLDEST_SECONDS,
            maximum_retry_attempts=_TRIES,
            destination_config={"on_failure": {"destination_arn": dead.arn}},
            opts=pulumi.ResourceOptions(parent=self, depends_on=made.ready),
        )
        self.dead_letters = dead.url
        self.alarms = list(_alarms(source.region, made.name, queue_name))
        self.register_outputs({"dead_letters": self.dead_letters})


def _alarms(region: str, function_name: str, queue_name: str) -> Iterator[CloudWatchAlarm]:
    """Metrics are those of "Viewing metrics for Lambda functions" and "Available CloudWatch metrics for Amazon SQS"."""
    in_lambda, in_sqs = {"FunctionName": function_name}, {"QueueName": queue_name}
    late = "Grants and revocations reach the edge late"
    dead = "Changes of tokens never reached the edge"
    for name, namespace, metric, dimensions, threshold, fault, heading in (
        ("lag", "AWS/Lambda", "IteratorAge", in_lambda, _LAG_MS, late, "changes-are-late"),
        ("errors", "AWS/Lambda", "Errors", in_lambda, 0.0, f"{late}: the function fails", "changes-are-late"),
        ("dead", "AWS/SQS", "ApproximateNumberOfMessagesVisible", in_sqs, 0.0, dead, "changes-are-dead"),
        (
            "dead-age",
            "AWS/SQS",
            "ApproximateAgeOfOldestMessage",
            in_sqs,
            900.0,
            f"{dead}, 15 minutes ago",
            "changes-are-dead",
        ),
    ):
        yield CloudWatchAlarm(
            name=f"entitlements-{name}",
            tier="entitlements",
            region=region,
            fault=fault,
            namespace=namespace,
            metric=metric,
            dimensions=dimensions,
            threshold=threshold,
            periods=1 if namespace == "AWS/SQS" else 3,
            runbook=f"docs/entitlements.md#{heading}",
        )
