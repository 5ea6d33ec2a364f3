"""The outbox relay as a Lambda function. Once a minute, it delivers published changes that have not reached readers
yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pulumi
import pulumi_aws as aws

from contract.metrics import CERTIFICATE_WARNING_DAYS, EDGE_CERTIFICATE_DAYS, NAMESPACE
from infra.blobs.s3_policies import arn
from infra.iam import write_metrics
from infra.observability import CloudWatchAlarm
from infra.publishing import DrainArgs, permissions
from infra.serverless import FunctionArgs
from infra.serverless.lambda_function import function
from infra.serverless.package import Code, pack

_NAME = "drain"
# The timeout, in seconds, of the Lambda function that delivers published changes. A run starts each minute. A run that
# hangs must end before the next run starts.
_TIMEOUT = 55
_SCHEDULE = "rate(1 minute)"  # the shortest interval that an EventBridge schedule offers


class Drain(pulumi.ComponentResource):
    """The outbox relay, which delivers published changes to readers. It consists of a Lambda function in the home
    region of the metadata, and of the schedule that invokes the function every minute.

    Lambda does not retry a failed run, because the retry and the next scheduled run could deliver the same changes at
    the same time.
    """

    alarms: Sequence[CloudWatchAlarm]

    def __init__(self, name: str, args: DrainArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("artifact-edge:registry:Drain", name, None, opts)
        source, child = args.source, pulumi.ResourceOptions(parent=self)
        table = pulumi.Output.from_input(source.table_arn).apply(lambda known: list(permissions.metadata(known)))
        objects = pulumi.Output.from_input(args.key_arn).apply(
            lambda known: list(permissions.objects(arn(args.bucket.name), args.bucket.region, known))
        )
        made = function(
            _NAME,
            FunctionArgs(
                prefix=args.prefix,
                region=source.region,
                description="Brings what was published to its readers where the publisher could not",
                code=args.code,
                variables={
                    "ENVIRONMENT": args.environment,
                    "URL": args.url,
                    "TABLE": source.table,
                    "BUCKET": args.bucket.name,
                    "BUCKET_REGION": args.bucket.region,
                    "ACCOUNT_ID": args.account_id,
                    "NAMESPACE_ID": args.namespace_id,
                    "EDGE_CERTIFICATE_EXPIRES": args.certificate_expires,
                },
                secrets={"PURGE_SECRET_ID": args.purge_secret_id, "KV_SECRET_ID": args.kv_secret_id},
                secret_region=args.secret_region,
                rights=[table, objects, write_metrics()],
                timeout=_TIMEOUT,
                reserved=1,
            ),
            self,
        )
        once = aws.lambda_.FunctionEventInvokeConfig(
            _NAME,
            region=source.region,
            function_name=made.resource.name,
            maximum_retry_attempts=0,
            maximum_event_age_in_seconds=60,
            opts=child,
        )
        rule = aws.cloudwatch.EventRule(
            _NAME,
            name=made.name,
            region=source.region,
            description="When the outbox is looked through",
            schedule_expression=_SCHEDULE,
            # ENABLED is the default of `state`. The program sets it explicitly, because otherwise `pulumi refresh` does
            # not detect that somebody has disabled the rule by hand.
            state="ENABLED",
            opts=child,
        )
        allowed = aws.lambda_.Permission(
            _NAME,
            statement_id="schedule",
            action="lambda:InvokeFunction",
            region=source.region,
            function=made.resource.name,
            principal="events.amazonaws.com",
            source_arn=rule.arn,
            opts=child,
        )
        aws.cloudwatch.EventTarget(
            _NAME,
            region=source.region,
            rule=rule.name,
            target_id=_NAME,
            arn=made.resource.arn,
            retry_policy={"maximum_event_age_in_seconds": 60, "maximum_retry_attempts": 0},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[*made.ready, once, allowed]),
        )
        self.alarms = [
            CloudWatchAlarm(
                name="drain-errors",
                tier="registry",
                region=source.region,
                fault="The outbox relay fails: changes that publishers could not deliver do not reach readers",
                namespace="AWS/Lambda",
                metric="Errors",
                dimensions={"FunctionName": made.name},
                threshold=0,
                statistic="Sum",
                runbook="docs/operations.md#the-drain-fails",
            ),
            CloudWatchAlarm(
                name="edge-certificate-expires",
                tier="edge",
                region=source.region,
                fault=f"The edge's client certificate expires within {CERTIFICATE_WARNING_DAYS} days",
                namespace=NAMESPACE,
                metric=EDGE_CERTIFICATE_DAYS,
                dimensions={"Environment": args.environment},
                threshold=CERTIFICATE_WARNING_DAYS,
                comparison="LessThanThreshold",
                statistic="Minimum",
                runbook="docs/operations.md#the-certificate-of-the-edge-expires",
            ),
        ]
        self.register_outputs({"function": made.resource.arn})


def pack_drain(root: Path) -> Code:
    """Packs the code of the outbox relay, the Lambda function that delivers published changes, from the checkout at
    `root`.

    The code includes two Python distributions. With these distributions, the function sorts package names and versions
    in the same way as the registry.
    """
    return pack(root, "workers.drain.function", ["packaging", "semver"])
