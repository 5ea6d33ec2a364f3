"""Implements the Pulumi resources for Object Lock, access logging and request metrics of S3 buckets in the emulated AWS
provider.
"""

from __future__ import annotations

from typing import Any

import pulumi_aws as aws

from emulation.providers.aws.described import Api, Described
from emulation.providers.aws.s3 import Setting
from emulation.providers.handler import CloudError, Handler, Properties


def handlers() -> list[Handler]:
    """Returns the emulated provider's handlers for the Pulumi resources of Object Lock, access logging and request
    metrics.

    The Pulumi id of Object Lock and access logging is the bucket's name. The Pulumi id of a metrics configuration also
    contains the configuration's name.
    """
    return [
        Setting(aws.s3.BucketObjectLockConfiguration, _put_lock, _get_lock, _unlock),
        Setting(
            aws.s3.BucketLogging,
            _put_logging,
            _get_logging,
            lambda s3, name: s3.put_bucket_logging(Bucket=name, BucketLoggingStatus={}),
        ),
        Described(
            aws.s3.BucketMetric,
            "s3",
            make=_put_metric,
            describe=_describe_metric,
            remove=lambda s3, id, state: s3.delete_bucket_metrics_configuration(
                Bucket=state["bucket"], Id=state["name"]
            ),
            replace_on=frozenset({"bucket", "region", "name", "filter"}),
        ),
    ]


def _put_lock(s3: Api, inputs: Properties) -> None:
    configuration: dict[str, Any] = {"ObjectLockEnabled": inputs.get("objectLockEnabled", "Enabled")}
    if "rule" in inputs:
        retention = inputs["rule"]["defaultRetention"]
        period = {"Years": retention["years"]} if "years" in retention else {"Days": retention["days"]}
        configuration["Rule"] = {"DefaultRetention": {"Mode": retention["mode"], **period}}
    s3.put_object_lock_configuration(Bucket=inputs["bucket"], ObjectLockConfiguration=configuration)


def _get_lock(s3: Api, name: str) -> Properties | None:
    found = s3.get_object_lock_configuration(Bucket=name)["ObjectLockConfiguration"]
    seen: Properties = {"objectLockEnabled": found["ObjectLockEnabled"]}
    retention = found.get("Rule", {}).get("DefaultRetention")
    if retention is None:
        return None
    years = retention.get("Years", 0)
    period = {"years": years} if years else {"days": retention["Days"]}
    return {**seen, "rule": {"defaultRetention": {"mode": retention["Mode"], **period}}}


def _unlock(s3: Api, name: str) -> None:
    """Removes the default retention of an S3 bucket. Object Lock itself cannot be disabled (S3 User Guide, "Locking
    objects with Object Lock")."""
    s3.put_object_lock_configuration(Bucket=name, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"})


def _put_logging(s3: Api, inputs: Properties) -> None:
    for given in ("targetGrants", "targetObjectKeyFormat"):
        if given in inputs:
            raise CloudError(f"{given} of access logs is not emulated")
    target = {"TargetBucket": inputs["targetBucket"], "TargetPrefix": inputs["targetPrefix"]}
    s3.put_bucket_logging(Bucket=inputs["bucket"], BucketLoggingStatus={"LoggingEnabled": target})


def _get_logging(s3: Api, name: str) -> Properties | None:
    found = s3.get_bucket_logging(Bucket=name).get("LoggingEnabled")
    return found and {"targetBucket": found["TargetBucket"], "targetPrefix": found["TargetPrefix"]}


def _put_metric(s3: Api, inputs: Properties) -> str:
    if "filter" in inputs:
        raise CloudError("request metrics of some objects only are not emulated; leave out `filter`")
    bucket, name = inputs["bucket"], inputs["name"]
    s3.put_bucket_metrics_configuration(Bucket=bucket, Id=name, MetricsConfiguration={"Id": name})
    return f"{bucket}:{name}"


def _describe_metric(s3: Api, id: str, state: Properties) -> Properties | None:
    bucket, name = id.split(":", 1)
    found = s3.get_bucket_metrics_configuration(Bucket=bucket, Id=name)["MetricsConfiguration"]
    return {"bucket": bucket, "name": found["Id"], "region": s3.meta.region_name}
