"""Checks the AWS account: credentials, regions, the permissions boundary, secrets, names of buckets, and quotas."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterator
from typing import Any, cast

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from contract.secrets import POP_SECRETS, SecretName
from doctor.finding import Finding
from doctor.machines import machines_in_regions
from stacks.config import Stack

# The names of the secrets that the stack needs. The command `python -m registry keys init` creates these secrets.
_SECRETS: tuple[SecretName, ...] = ("shield", "edge", "metadata-api", "npm-signing", "edge-kv", "purge-signing")
# The service and the code of the quota "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances", which limits
# the virtual CPUs in a region.
_VCPUS = ("ec2", "L-1216C47A")
_STANDARD_FAMILIES = "acdhimrtz"
# The service and the code of the quota "EC2-VPC Elastic IPs", which limits the number of fixed addresses in a region.
_ADDRESSES = ("ec2", "L-0263D0A3")
# The number of concurrent executions that an AWS account must keep for all Lambda functions without reserved
# concurrency (Lambda Developer Guide, "Configuring reserved concurrency").
_UNRESERVED = 100

# The number of concurrent executions that the metadata API reserves, and the number that the outbox relay reserves.
# Both are Lambda functions. The relay delivers published changes.
_API, _RELAY = 10, 1

# A function that returns a boto3 client for a service and a region.
Clients = Callable[[str, str], Any]


def boto3_client(service: str, region: str) -> Any:
    return cast(Any, boto3).client(service, region_name=region)


def reserved_concurrency(stack: Stack) -> int:
    """Returns the number of concurrent executions that the stack's Lambda functions reserve together."""
    if stack.config.metadata.store != "dynamodb":
        return 0
    return _API + (_RELAY if stack.config.blobs.store == "s3" else 0)


def check(stack: Stack, clients: Clients = boto3_client) -> Iterator[Finding]:
    """Checks the AWS account of the default credentials, and yields a finding for each check."""
    try:
        account: str = clients("sts", stack.home_region).get_caller_identity()["Account"]
    except (BotoCoreError, ClientError) as error:
        yield Finding("AWS credentials", _short(error), "log in, for example with: aws sso login, or set AWS_PROFILE")
        return
    yield Finding("AWS credentials", f"account {account}")
    disabled = yield from _regions(stack, clients)
    yield from _boundary(stack, account, clients)
    yield from _secrets(stack, clients)
    yield from _buckets(stack, clients)
    for region, machines in machines_in_regions(stack, "aws").items():
        if region not in disabled:
            yield from _quotas(region, machines, clients)
    yield from _concurrency(stack, clients)


def _regions(stack: Stack, clients: Clients) -> Generator[Finding, None, set[str]]:
    """Yields a finding for each AWS region that the stack uses and the account has disabled. After the last finding,
    the generator returns the disabled regions.
    """
    config = stack.config
    used = {stack.home_region, *machines_in_regions(stack, "aws")}
    used |= set(config.blobs.regions) if config.blobs.store == "s3" else set()
    used |= set(config.metadata.regions) if config.metadata.store == "dynamodb" else set()
    listed = clients("ec2", stack.home_region).describe_regions(AllRegions=True)["Regions"]
    disabled = used & {each["RegionName"] for each in listed if each["OptInStatus"] == "not-opted-in"}
    for region in sorted(disabled):
        yield Finding(
            f"AWS region {region}",
            "the account has not enabled it",
            f"run: aws account enable-region --region-name {region}, and wait some minutes",
        )
    if not disabled:
        yield Finding("AWS regions", f"{', '.join(sorted(used))} are enabled")
    return disabled


def _boundary(stack: Stack, account: str, clients: Clients) -> Iterator[Finding]:
    arn = stack.config.permissions_boundary
    if not arn:
        return
    subject = f"permissions boundary {arn}"
    if arn.split(":")[4] != account:
        fix = "write the output `boundaries` of bootstrap into artifact-edge:permissions_boundary"
        yield Finding(subject, f"belongs to another account than {account}", fix)
        return
    try:
        clients("iam", stack.home_region).get_policy(PolicyArn=arn)
    except ClientError as error:
        fix = "run `pulumi up` in bootstrap/, and write its output `boundaries` into artifact-edge:permissions_boundary"
        yield Finding(subject, _short(error), fix)
    else:
        yield Finding(subject, "exists")


def _secrets(stack: Stack, clients: Clients) -> Iterator[Finding]:
    manager = clients("secretsmanager", stack.home_region)
    home, *replicas = stack.secret_regions
    pop_replicas = stack.pop_secret_regions[1:]
    expected = {"shield": replicas, **dict.fromkeys(POP_SECRETS, pop_replicas)}
    command = " ".join(
        [
            f"run: python -m registry keys init --environment {stack.environment} --domain {stack.config.domain}",
            f"--region {home}",
            *(f"--replica {region}" for region in replicas),
            *(f"--pop-replica {region}" for region in pop_replicas),
        ]
    )
    for name in _SECRETS:
        secret = stack.secret(name)
        try:
            found = manager.describe_secret(SecretId=secret)
        except ClientError as error:
            yield Finding(f"secret {secret}", _short(error), command)
            continue
        synchronized = {each["Region"] for each in found.get("ReplicationStatus", []) if each["Status"] == "InSync"}
        missing = [region for region in expected.get(name, []) if region not in synchronized]
        if missing:
            yield Finding(f"secret {secret}", f"has no current replica in {', '.join(missing)}", command)
        else:
            yield Finding(f"secret {secret}", "exists")


def _buckets(stack: Stack, clients: Clients) -> Iterator[Finding]:
    if stack.config.blobs.store != "s3":
        return
    s3 = clients("s3", stack.home_region)
    for region in stack.config.blobs.regions:
        name = f"{stack.bucket_prefix}-{region}"
        try:
            s3.head_bucket(Bucket=name)
        except ClientError as error:
            # S3 answers 404 if no bucket has this name. S3 answers 403 if another account owns the bucket, and 301 if
            # the bucket is in another region.
            status = cast(Any, error.response)["ResponseMetadata"]["HTTPStatusCode"]
            if status == 404:
                yield Finding(f"bucket {name}", "the name is free")
            else:
                yield Finding(f"bucket {name}", f"S3 answers {status}", "choose another artifact-edge:name")
        else:
            yield Finding(f"bucket {name}", "exists in this account")


def _quotas(region: str, machines: Counter[str], clients: Clients) -> Iterator[Finding]:
    """Yields findings (results of checks) about machine types that a region does not offer, and about the region's
    quotas.
    """
    ec2 = clients("ec2", region)
    filters = [{"Name": "instance-type", "Values": sorted(machines)}]
    pages = ec2.get_paginator("describe_instance_type_offerings").paginate(LocationType="region", Filters=filters)
    offered = {each["InstanceType"] for page in pages for each in page["InstanceTypeOfferings"]}
    for name in sorted(machines.keys() - offered):
        yield Finding(f"machine type {name}", f"{region} does not offer it", "choose another machine type")
    standard = {name: count for name, count in machines.items() if name in offered and name[0] in _STANDARD_FAMILIES}
    if standard:
        types = ec2.describe_instance_types(InstanceTypes=sorted(standard))["InstanceTypes"]
        vcpus = sum(each["VCpuInfo"]["DefaultVCpus"] * standard[each["InstanceType"]] for each in types)
        yield _quota("virtual CPUs", region, vcpus, _VCPUS, clients)
    yield _quota("Elastic IP addresses", region, machines.total(), _ADDRESSES, clients)


def _quota(what: str, region: str, needed: int, code: tuple[str, str], clients: Clients) -> Finding:
    subject, (service, quota) = f"quota of {what} in {region}", code
    try:
        found = clients("service-quotas", region).get_service_quota(ServiceCode=service, QuotaCode=quota)
    except ClientError as error:
        return Finding(subject, _short(error), "let your role call servicequotas:GetServiceQuota")
    allowed = int(found["Quota"]["Value"])
    if allowed >= needed:
        return Finding(subject, f"{allowed}, and the stack uses {needed}")
    return Finding(
        subject,
        f"{allowed}, and the stack uses {needed}",
        "run: aws service-quotas request-service-quota-increase"
        f" --region {region} --service-code {service} --quota-code {quota} --desired-value {needed}",
    )


def _concurrency(stack: Stack, clients: Clients) -> Iterator[Finding]:
    """Yields a finding (the result of a check) about the limit on concurrent executions of Lambda functions. In a new
    account, this limit is often only 10.
    """
    reserved = reserved_concurrency(stack)
    if not reserved:
        return
    limits = clients("lambda", stack.home_region).get_account_settings()["AccountLimit"]
    free: int = limits["UnreservedConcurrentExecutions"]
    subject = f"concurrency of Lambda functions in {stack.home_region}"
    if free - reserved >= _UNRESERVED:
        yield Finding(subject, f"{free} unreserved, and the stack reserves {reserved}")
        return
    yield Finding(
        subject,
        f"{free} unreserved, and the stack reserves {reserved} while AWS keeps {_UNRESERVED}",
        "run: aws service-quotas request-service-quota-increase"
        f" --region {stack.home_region} --service-code lambda --quota-code L-B99A9384 --desired-value 1000",
    )


def _short(error: Exception) -> str:
    """Returns the error code of an AWS error response, or the message of any other exception in one line."""
    if isinstance(error, ClientError):
        return cast(Any, error.response)["Error"]["Code"]
    return " ".join(str(error).split())
