"""Probes how Amazon S3 handles bucket names, replication rules, and preconditions of copies and reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from probes.aws import AwsAccount, answer, refusal
from probes.fact import Fact, Probe

# A bucket with a public data set. The bucket belongs to an account of Common Crawl (Registry of Open Data on AWS).
_TAKEN = "commoncrawl"
# The maximum length of an object's key in bytes (S3 User Guide, "Naming Amazon S3 objects").
_MOST_KEY_BYTES = 1024
_NOTHING = {"Effect": "Deny", "Action": "*", "Resource": "*"}


def replication_rule(destination: Mapping[str, Any]) -> dict[str, Any]:
    """Returns an S3 replication rule that copies all objects of a bucket to the destination."""
    return {
        "ID": "all",
        "Status": "Enabled",
        "Priority": 1,
        "Filter": {"Prefix": ""},
        "DeleteMarkerReplication": {"Status": "Disabled"},
        "Destination": destination,
    }


def _names(account: AwsAccount) -> Iterator[Fact]:
    s3, run = account.client("s3"), account.name("name")
    for name in (f"xn--{run}", f"sthree-{run}", f"{run}-s3alias", f"{run}--ol-s3", f"{run}..dots", f"{run}-"):
        code = refusal(s3.create_bucket, Bucket=name)
        if code == "accepted":
            account.later(s3.delete_bucket, Bucket=name)
        yield Fact(f"S3 refuses the bucket name {name.replace(run, '<name>')}", code == "InvalidBucketName", code)
    code = refusal(s3.create_bucket, Bucket=_TAKEN)
    yield Fact("S3 refuses the name of a bucket of another account", code == "BucketAlreadyExists", code)


def _rules(account: AwsAccount) -> Iterator[Fact]:
    s3 = account.client("s3")
    versioned, plain = account.bucket("versioned", is_versioned=True), account.bucket("plain", is_versioned=False)
    role = account.role("replication", {"Service": "s3.amazonaws.com"}, [_NOTHING])
    for source, destination, text in (
        (versioned, plain, "S3 refuses a replication rule to a bucket without versioning"),
        (plain, versioned, "S3 refuses a replication rule from a bucket without versioning"),
        (versioned, account.name("missing"), "S3 refuses a replication rule to a bucket that does not exist"),
    ):
        rule = replication_rule({"Bucket": f"arn:aws:s3:::{destination}"})
        code = refusal(
            s3.put_bucket_replication, Bucket=source, ReplicationConfiguration={"Role": role, "Rules": [rule]}
        )
        yield Fact(text, code == "InvalidRequest", code)


def _conditional_copies(account: AwsAccount) -> Iterator[Fact]:
    s3, bucket = account.client("s3"), account.bucket("copies", is_versioned=True)
    tag = s3.put_object(Bucket=bucket, Key="object", Body=b"first")["ETag"]
    source = {"Bucket": bucket, "Key": "object"}
    copy = {"Bucket": bucket, "Key": "object", "CopySource": source, "MetadataDirective": "REPLACE"}
    code = refusal(s3.copy_object, **copy, IfMatch='"0"')
    yield Fact("S3 refuses a copy with If-Match over an object with another ETag", code == "PreconditionFailed", code)
    code = refusal(s3.copy_object, **copy, IfMatch=tag)
    yield Fact("S3 accepts a copy with If-Match over the object with this ETag", code == "accepted", code)
    code = refusal(s3.copy_object, **{**copy, "Key": "missing"}, IfMatch=tag)
    yield Fact("S3 refuses a copy with If-Match to a key without an object", code == "NoSuchKey", code)


def _conditional_reads(account: AwsAccount) -> Iterator[Fact]:
    s3, bucket = account.client("s3"), account.bucket("reads", is_versioned=False)
    tag = s3.put_object(Bucket=bucket, Key="object", Body=b"first")["ETag"]
    read = {"Bucket": bucket, "Key": "object"}
    modified = s3.head_object(**read)["LastModified"]
    code = refusal(s3.get_object, **read, IfNoneMatch='"0"', IfModifiedSince=modified)
    yield Fact("S3 answers a read with another ETag although the object is not newer", code == "accepted", code)
    code = refusal(s3.get_object, **read, IfNoneMatch=tag, IfModifiedSince=modified)
    yield Fact("S3 answers 304 to a read with the object's ETag and date", code == "304", code)
    earlier = modified - timedelta(days=1)
    code = refusal(s3.get_object, **read, IfMatch=tag, IfUnmodifiedSince=earlier)
    yield Fact("S3 answers a read with the object's ETag although the object is newer", code == "accepted", code)


def _long_keys(account: AwsAccount) -> Iterator[Fact]:
    s3, bucket = account.client("s3"), account.bucket("keys", is_versioned=False)
    for size, expected in ((_MOST_KEY_BYTES, (404, "NoSuchKey")), (_MOST_KEY_BYTES + 1, (400, "KeyTooLongError"))):
        # In UTF-8, é takes two bytes, so the key has one character fewer than bytes. If S3 counted characters and not
        # bytes, it would accept both keys.
        found = answer(s3.get_object, Bucket=bucket, Key="é" + "k" * (size - 2))
        yield Fact(f"S3 answers {' '.join(map(str, expected))} to a key of {size} bytes", found == expected, str(found))


def _long_headers(account: AwsAccount) -> Iterator[Fact]:
    s3, bucket = account.client("s3"), account.bucket("headers", is_versioned=False)
    for size, expected in ((4_000, (404, "NoSuchKey")), (9_000, (400, "RequestHeaderSectionTooLarge"))):
        found = answer(s3.get_object, Bucket=bucket, Key="missing", IfNoneMatch=f'"{"x" * size}"')
        text = f"S3 answers {' '.join(map(str, expected))} to a request with an ETag of {size} bytes"
        yield Fact(text, found == expected, str(found))


PROBES = (
    Probe("s3-bucket-names", 'S3 User Guide, "General purpose bucket naming rules"', _names),
    Probe("s3-replication-rules", 'S3 User Guide, "Requirements and considerations for replication"', _rules),
    Probe(
        "s3-conditional-copies",
        'S3 User Guide, "How to prevent object overwrites with conditional writes"',
        _conditional_copies,
    ),
    Probe("s3-long-keys", 'S3 API Reference, "Error responses"', _long_keys),
    Probe("s3-long-headers", 'S3 API Reference, "Error responses"', _long_headers),
    Probe("s3-conditional-reads", 'Amazon S3 API Reference, "GetObject"; RFC 7232, section 6', _conditional_reads),
)
