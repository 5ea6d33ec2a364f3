"""The token sync, which copies tokens to Workers KV, and the metadata API. Both are Lambda functions in the home region
of the DynamoDB table.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import pulumi
import pulumi_aws as aws

from contract.tokens import PARTITION
from infra.entitlements import LambdaMetadataApiArgs, LambdaTokenSyncArgs, permissions
from infra.observability import CloudWatchAlarm
from infra.serverless import FunctionArgs
from infra.serverless.lambda_function import function

_SYNC, _API = "entitlements", "metadata-api"
_SYNC_TIMEOUT = 30  # the function's time limit in seconds, which suffices for two requests to Cloudflare's API
# The maximum number of token changes that Lambda passes to the token sync in one invocation. The token sync reads the
# entries of all these tokens with one bulk read of Workers KV, which accepts at most this number of keys.
_BATCH = 100
# The token sync, which writes tokens to Workers KV, retries a change for at most this time. It then moves the change to
# the dead-letter queue.
_OLDEST_SECONDS = 6 * 3600
_TRIES = 100
_DEAD_SECONDS = 14 * 86_400  # the longest time in seconds that SQS keeps a message
# The alarm threshold, in milliseconds, for the delay with which the token sync writes changes to Workers KV. A
# revocation must reach the edge within five seconds.
_LAG_MS = 5_000.0
# the timeout of the metadata API in seconds; the edge worker waits only two seconds for an answer
_API_TIMEOUT = 5
# The maximum number of concurrent executions of the metadata API. One execution answers about 100 queries a second, so
# this number limits the cost that unauthorized requests can cause.
_INSTANCES = 10
_TOKENS_ONLY = json.dumps({"dynamodb": {"Keys": {"pk": {"S": [PARTITION]}}}})


class LambdaTokenSync(pulumi.ComponentResource):
    """A Lambda function that sends each token change in DynamoDB's stream to Workers KV. The function keeps the order
    that the changes have in a shard of the stream. A queue receives the changes that the function could not deliver.
    """

    dead_letters: pulumi.Output[str]
    alarms: Sequence[CloudWatchAlarm]

    def __init__(self, name: str, args: LambdaTokenSyncArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("artifact-edge:entitlements:EntitlementStream", name, None, opts)
        source = args.source
        queue_name = f"{args.prefix}-entitlements-dead"
        dead = aws.sqs.Queue(
            _SYNC,
            name=queue_name,
            region=source.region,
            message_retention_seconds=_DEAD_SECONDS,
            sqs_managed_sse_enabled=True,
            opts=pulumi.ResourceOptions(parent=self),
        )
        made = function(
            _SYNC,
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
                    permissions.list_streams(),
                    dead.arn.apply(permissions.send),
                ],
                timeout=_SYNC_TIMEOUT,
            ),
            self,
        )
        aws.lambda_.EventSourceMapping(
            _SYNC,
            region=source.region,
            event_source_arn=source.stream_arn,
            function_name=made.resource.arn,
            # The token sync, which writes tokens to Workers KV, starts with the oldest changes in the stream. It
            # therefore also delivers changes that were made before Pulumi created the token sync.
            starting_position="TRIM_HORIZON",
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
        self.alarms = list(_sync_alarms(source.region, made.name, queue_name))
        self.register_outputs({"dead_letters": self.dead_letters})


class LambdaMetadataApi(pulumi.ComponentResource):
    """A Lambda function behind a public URL. The function answers only the edge worker's signed queries.

    The function runs in the region where the registry writes tokens. It therefore finds a new token immediately. This
    region can be far from a PoP, but the edge worker queries the function only for tokens that the worker's key-value
    store lacks.
    """

    url: pulumi.Output[str]
    alarms: Sequence[CloudWatchAlarm]

    def __init__(self, name: str, args: LambdaMetadataApiArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("artifact-edge:entitlements:MetadataApi", name, None, opts)
        source = args.source
        made = function(
            _API,
            FunctionArgs(
                prefix=args.prefix,
                region=source.region,
                description="Answers the edge about tokens that its store lacks",
                code=args.code,
                variables={"TABLE": source.table},
                secrets={"SECRET_ID": args.secret_id},
                secret_region=args.secret_region,
                rights=[
                    pulumi.Output.from_input(source.table_arn).apply(permissions.read_tokens),
                    pulumi.Output.from_input(source.table_arn).apply(permissions.read_feeds),
                ],
                timeout=_API_TIMEOUT,
                reserved=_INSTANCES,
            ),
            self,
        )
        url = aws.lambda_.FunctionUrl(
            _API,
            region=source.region,
            function_name=made.resource.name,
            # IAM cannot authorize edge workers, because they have no AWS credentials. Instead, the function checks the
            # HMAC signature of each request.
            authorization_type="NONE",
            opts=pulumi.ResourceOptions(parent=self, depends_on=made.ready),
        )
        # Since October 2025 a caller of a function URL needs both permissions, `InvokeFunctionUrl` and `InvokeFunction`
        # (AWS Lambda, "Control access to Lambda function URLs").
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
                "Throttles": "The metadata API gets more queries than it may answer: a client may be guessing tokens",
            }.items()
        ]
        self.register_outputs({"url": self.url})


def _sync_alarms(region: str, function_name: str, queue_name: str) -> Iterator[CloudWatchAlarm]:
    """Yields alarms on the token sync, which writes tokens to Workers KV: on its delay, its errors and its dead-letter
    queue.

    AWS describes the metrics in "Viewing metrics for Lambda functions" and "Available CloudWatch metrics for Amazon
    SQS".
    """
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
