"""Probes how S3 answers an IAM role: which keys S3 lists, what a bucket policy permits, and what happens after the end
of the role's session.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from probes.aws import AwsAccount, allow, answer, is_denied, refusal
from probes.fact import Fact, Probe
from probes.waiting import becomes_true

# The minimum duration of a role session, in seconds (STS API Reference, "AssumeRole": DurationSeconds).
_SESSION_SECONDS = 900
_LATER_SECONDS = 120.0  # seconds to wait until S3 applies a new bucket policy, or refuses an expired session


def _prefixes(account: AwsAccount) -> Iterator[Fact]:
    bucket = account.bucket("prefixes", is_versioned=False)
    arn = f"arn:aws:s3:::{bucket}"
    listing = allow("s3:ListBucket", arn, {"StringLike": {"s3:prefix": "own/*"}})
    s3 = account.as_role([listing, allow("s3:GetObject", f"{arn}/*")])("s3")
    code = refusal(s3.list_objects_v2, Bucket=bucket, Prefix="own/")
    yield Fact("A role lists the prefix that the condition on its s3:ListBucket names", code == "accepted", code)
    for prefix in ("other/", ""):
        code = refusal(s3.list_objects_v2, Bucket=bucket, Prefix=prefix)
        text = f"The role does not list {'another prefix' if prefix else 'the whole bucket'}"
        yield Fact(text, is_denied(code), code)
    code = refusal(s3.get_object, Bucket=bucket, Key="own/missing")
    yield Fact("S3 answers NoSuchKey to a read of a missing key below the prefix", code == "NoSuchKey", code)
    code = refusal(s3.get_object, Bucket=bucket, Key="other/missing")
    yield Fact("S3 answers AccessDenied to a read of a missing key elsewhere", is_denied(code), code)


def _bucket_policies(account: AwsAccount) -> Iterator[Fact]:
    bucket = account.bucket("policy", is_versioned=False)
    call, role = account.as_known_role([])
    s3, write = call("s3"), {"Bucket": bucket, "Key": "logs/object", "Body": b""}
    code = refusal(s3.put_object, **write)
    yield Fact("A role without permissions may not write to a bucket of its account", is_denied(code), code)
    statement = {**allow("s3:PutObject", f"arn:aws:s3:::{bucket}/logs/*"), "Principal": {"AWS": role}}
    account.put_bucket_policy(bucket, [statement])
    becomes_true(lambda: refusal(s3.put_object, **write) == "accepted", _LATER_SECONDS)
    code = refusal(s3.put_object, **write)
    yield Fact("The same role may write if the bucket's policy allows it", code == "accepted", code)


def _expired_sessions(account: AwsAccount) -> Iterator[Fact]:
    bucket = account.bucket("sessions", is_versioned=False)
    account.client("s3").put_object(Bucket=bucket, Key="object", Body=b"")
    s3 = account.as_role([allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*")], seconds=_SESSION_SECONDS)("s3")
    read = {"Bucket": bucket, "Key": "object"}
    found = answer(s3.get_object, **read)
    yield Fact("S3 accepts the credentials of a session of 15 minutes", found == (200, "accepted"), str(found))
    time.sleep(_SESSION_SECONDS)
    becomes_true(lambda: answer(s3.get_object, **read)[0] != 200, _LATER_SECONDS)
    found = answer(s3.get_object, **read)
    yield Fact("S3 answers 400 ExpiredToken after the end of the session", found == (400, "ExpiredToken"), str(found))


PROBES = (
    Probe("s3-prefixes", "AWS, Service Authorization Reference; ceph/ceph, pull request 68577", _prefixes),
    Probe("s3-bucket-policies", 'IAM User Guide, "Policy evaluation logic"', _bucket_policies),
    Probe(
        "s3-expired-sessions",
        'STS API Reference, "AssumeRole"; S3 API Reference, "Error responses"',
        _expired_sessions,
    ),
)
