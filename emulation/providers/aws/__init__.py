"""Lists the handlers with which the emulated AWS provider creates, reads, changes and deletes resources. Handlers call
the emulated AWS with boto3."""

from __future__ import annotations

from collections.abc import Iterable

from emulation.providers.aws import (
    acm,
    appautoscaling,
    cloudwatch,
    dynamodb,
    dynamodb_replicas,
    ec2,
    events,
    globalaccelerator,
    iam,
    iam_exclusive,
    kms,
    lambda_,
    logs,
    route53,
    s3,
    s3_objects,
    s3_rules,
    s3_watch,
    secretsmanager,
    sns,
    sqs,
    ssm,
)
from emulation.providers.handler import Function, Handler


def handlers() -> Iterable[Handler]:
    """Returns the handlers with which the emulated Pulumi provider serves all AWS resource types of the project."""
    return [
        s3.Bucket(),
        *s3.settings(),
        *s3_objects.handlers(),
        *s3_rules.handlers(),
        *s3_watch.handlers(),
        dynamodb.Table(),
        dynamodb_replicas.TableReplica(),
        *acm.handlers(),
        *appautoscaling.handlers(),
        *ec2.handlers(),
        *events.handlers(),
        *globalaccelerator.handlers(),
        *iam.handlers(),
        *iam_exclusive.handlers(),
        *kms.handlers(),
        *lambda_.handlers(),
        *logs.handlers(),
        *route53.handlers(),
        *cloudwatch.handlers(),
        *sns.handlers(),
        *sqs.handlers(),
        *ssm.handlers(),
    ]


def functions() -> Iterable[Function]:
    """Returns the handlers with which the emulated Pulumi provider serves all AWS data sources of the project."""
    return [
        ec2.AvailabilityZones(),
        ec2.Ami(),
        ec2.ElasticIp(),
        ec2.ManagedPrefixList(),
        ec2.IpRanges(),
        iam.CallerIdentity(),
        route53.Records(),
        secretsmanager.SecretVersion(),
        ssm.ParametersByPath(),
    ]
