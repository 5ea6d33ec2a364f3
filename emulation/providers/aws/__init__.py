"""Handlers of the AWS resource types that the project uses. They call the API with boto3."""

from __future__ import annotations

from collections.abc import Iterable

from emulation.providers.aws import (
    appautoscaling,
    cloudwatch,
    dynamodb,
    dynamodb_replicas,
    ec2,
    events,
    iam,
    kms,
    lambda_,
    logs,
    route53,
    s3,
    s3_rules,
    s3_watch,
    secretsmanager,
    sns,
    sqs,
)
from emulation.providers.handler import Function, Handler


def handlers() -> Iterable[Handler]:
    """Returns one handler for each resource type."""
    return [
        s3.Bucket(),
        *s3.settings(),
        *s3_rules.handlers(),
        *s3_watch.handlers(),
        dynamodb.Table(),
        dynamodb_replicas.TableReplica(),
        *appautoscaling.handlers(),
        *ec2.handlers(),
        *events.handlers(),
        *iam.handlers(),
        *kms.handlers(),
        *lambda_.handlers(),
        *logs.handlers(),
        *route53.handlers(),
        *cloudwatch.handlers(),
        *sns.handlers(),
        *sqs.handlers(),
    ]


def functions() -> Iterable[Function]:
    """Returns one handler for each data source."""
    return [
        ec2.AvailabilityZones(),
        ec2.Ami(),
        ec2.ManagedPrefixList(),
        ec2.IpRanges(),
        iam.CallerIdentity(),
        secretsmanager.SecretVersion(),
    ]
