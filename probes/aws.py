"""The AWS account in which probes (checks on real clouds) run. When a probe ends, all resources that the probe has
created are deleted.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any, cast

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from probes.recording import Recording
from probes.waiting import until

REGION = "us-east-1"
# A probe (a check on a real cloud) waits at most this many seconds until a new role and its policies have an effect
# everywhere in AWS. Changes are not always visible immediately (IAM User Guide, "Troubleshoot IAM").
_TIMEOUT_SECONDS = 120.0

_HOUR = 3600

KEY_DELETION_DAYS = 7  # AWS KMS deletes a key only after a waiting period; this is the shortest period, in days

Statement = Mapping[str, Any]


class AwsAccount:
    """The AWS account in which probes create resources. The default credentials of boto3 belong to this account.

    The names of all these resources contain `run`, a string that differs for each run. Two runs of the probes at the
    same time therefore use different names. Probes request certificates for `domain`, which belongs to the person who
    runs the probes. No probe changes the domain's DNS zone.
    """

    def __init__(self, run: str, domain: str, cleanup: ExitStack, recording: Recording) -> None:
        self.domain = domain
        self._run = run
        self._cleanup = cleanup
        self._recording = recording

    @property
    def number(self) -> str:
        """Returns the 12-digit ID of the AWS account."""
        return self.client("sts").get_caller_identity()["Account"]

    def client(self, service: str, credentials: Mapping[str, str] | None = None, region: str = REGION) -> Any:
        """Returns a boto3 client. With the option `--record`, the probe stores every response that the client receives.

        `credentials` are the credentials of a role. Without them, the client uses the default credentials of boto3.
        """
        # Requests contain the bucket's name in the path, not in the host name. The probe of bucket names sends invalid
        # names. In the host name, such a name would make the host name invalid.
        config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
        made = cast(Any, boto3).client(service, region_name=region, config=config, **(credentials or {}))
        made.meta.events.register("after-call", self._record)
        return made

    def name(self, kind: str) -> str:
        """Returns a name for an AWS resource that the probe creates. The name contains `kind`, and differs from run to
        run.
        """
        return f"artifact-edge-probe-{self._run}-{kind}"

    def later(self, remove: Callable[..., Any], **arguments: Any) -> None:
        """Registers a function that deletes a resource when the probe ends. The newest resource is deleted first."""
        self._cleanup.callback(remove, **arguments)

    def bucket(self, kind: str, *, is_versioned: bool) -> str:
        """Creates an empty bucket and returns its name. The bucket and its objects are deleted when the probe ends."""
        s3, name = self.client("s3"), self.name(kind)
        s3.create_bucket(Bucket=name)
        self.later(s3.delete_bucket, Bucket=name)
        self.later(_empty, s3=s3, bucket=name)
        if is_versioned:
            s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        return name

    def role(self, kind: str, trusted: Mapping[str, str], statements: Sequence[Statement]) -> str:
        """Creates a role that `trusted` may assume. `statements` are the role's permissions. Returns the role's ARN."""
        iam, name = self.client("iam"), self.name(kind)
        trust = {"Effect": "Allow", "Principal": trusted, "Action": "sts:AssumeRole"}
        arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document([trust]))["Role"]["Arn"]
        self.later(iam.delete_role, RoleName=name)
        iam.put_role_policy(RoleName=name, PolicyName="probe", PolicyDocument=document(statements))
        self.later(iam.delete_role_policy, RoleName=name, PolicyName="probe")
        return arn

    def key(self) -> str:
        """Creates a KMS key and returns its ARN. When the probe ends, the key is scheduled for deletion. AWS deletes it
        a week later.
        """
        kms = self.client("kms")
        created = kms.create_key(Description=self.name("key"))["KeyMetadata"]
        self.later(kms.schedule_key_deletion, KeyId=created["KeyId"], PendingWindowInDays=KEY_DELETION_DAYS)
        return created["Arn"]

    def put_bucket_policy(self, bucket: str, statements: Sequence[Statement]) -> None:
        """Gives a bucket a policy. If the policy names a role that was just created, AWS refuses the policy for some
        seconds. The method repeats the request until AWS accepts it.
        """
        s3, policy = self.client("s3"), {"Bucket": bucket, "Policy": document(statements)}
        self.until(lambda: refusal(s3.put_bucket_policy, **policy) == "accepted", f"{bucket} takes no policy")

    def as_role(self, statements: Sequence[Statement], seconds: int = _HOUR) -> Callable[..., Any]:
        """Creates a role with a policy, and waits until the role works. Returns a function that makes boto3 clients
        with the role's credentials.

        The arguments of the returned function are the name of an AWS service and, optionally, `region`. The credentials
        expire after `seconds`.
        """
        return self.as_known_role(statements, seconds)[0]

    def as_known_role(self, statements: Sequence[Statement], seconds: int = _HOUR) -> tuple[Callable[..., Any], str]:
        """Creates a role in the same way as the method `as_role`. Returns a function that makes boto3 clients with the
        role's credentials, and the role's ARN.

        A new role works only after some seconds. The method therefore also allows the role to call `kms:ListAliases`.
        It repeats this call with the role's credentials until AWS accepts the call.
        """
        works = allow("kms:ListAliases")
        arn = self.role("caller", {"AWS": f"arn:aws:iam::{self.number}:root"}, [works, *statements])
        sts = self.client("sts")
        session = {"RoleArn": arn, "RoleSessionName": "probe", "DurationSeconds": seconds}
        self.until(lambda: refusal(sts.assume_role, **session) == "accepted", f"nobody may assume {arn}")
        credentials = session_credentials(sts, session)
        kms = self.client("kms", credentials)
        self.until(lambda: refusal(kms.list_aliases) == "accepted", f"{arn} has no permissions")
        return partial(self.client, credentials=credentials), arn

    def until(self, condition: Callable[[], bool], problem: str, timeout_seconds: float = _TIMEOUT_SECONDS) -> None:
        """Waits until `condition` returns true. Raises ProbeError with the message `problem` after `timeout_seconds`
        seconds.
        """
        until(condition, problem, timeout_seconds)

    def _record(self, http_response: Any, parsed: Any, model: Any, **more: Any) -> None:
        error: str = parsed.get("Error", {}).get("Code", "")
        body = {name: value for name, value in parsed.items() if name not in ("Body", "ResponseMetadata")}
        call = f"{model.service_model.service_name} {model.name}"
        self._recording.add(call, http_response.status_code, error, http_response.headers, body)


def session_credentials(sts: Any, session: Mapping[str, Any]) -> Mapping[str, str]:
    """Assumes a role with the boto3 client `sts`. Returns the session's credentials under the names that boto3 uses."""
    found = sts.assume_role(**session)["Credentials"]
    return {
        "aws_access_key_id": found["AccessKeyId"],
        "aws_secret_access_key": found["SecretAccessKey"],
        "aws_session_token": found["SessionToken"],
    }


def refusal(call: Callable[..., Any], **arguments: Any) -> str:
    """Calls a method of a boto3 client. Returns the error code if AWS refuses the request, and `accepted` otherwise."""
    return attempt(call, **arguments)[0]


def attempt(call: Callable[..., Any], **arguments: Any) -> tuple[str, Any]:
    """Calls a method of a boto3 client. Returns `accepted` and the response. If AWS refuses the request, returns AWS's
    error code and an empty response.
    """
    try:
        return "accepted", call(**arguments)
    except ClientError as error:
        return cast(Any, error.response)["Error"]["Code"], {}


def answer(call: Callable[..., Any], **arguments: Any) -> tuple[int, str]:
    """Calls a method of a boto3 client. Returns the HTTP status, and the error code or `accepted`."""
    try:
        return call(**arguments)["ResponseMetadata"]["HTTPStatusCode"], "accepted"
    except ClientError as error:
        response = cast(Any, error.response)
        return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


def is_denied(code: str) -> bool:
    """Returns whether an error code means that the caller lacks a permission. AWS's services use different codes for
    this error.
    """
    return code in ("AccessDenied", "AccessDeniedException", "AuthorizationError", "AuthorizationErrorException")


def allow(action: str | list[str], resource: str = "*", condition: Mapping[str, Any] | None = None) -> Statement:
    """Returns a statement of an IAM policy that allows one or more actions. `condition` has the form of the field
    `Condition` in IAM: it maps an operator to keys, and each key to the values to compare it with.
    """
    statement = {"Effect": "Allow", "Action": action, "Resource": resource}
    return {**statement, "Condition": condition} if condition else statement


def document(statements: Sequence[Statement]) -> str:
    """Returns the JSON text of an IAM policy."""
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def _empty(s3: Any, bucket: str) -> None:
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for version in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
            s3.delete_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])
