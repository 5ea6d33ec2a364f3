"""Creates, reads, changes and deletes the replication and lifecycle rules of S3 buckets for the emulated AWS provider.

moto, which emulates AWS, only stores the rules, and emulation/aws/replication.py copies the objects. The API adds or
omits some default values, which Pulumi must not report as changes. The method `read` therefore compares only the id,
the state and the destination of each rule with the Pulumi inputs. If they are equal in all rules, the method returns
the Pulumi inputs.
"""

from __future__ import annotations

from typing import Any

import pulumi_aws as aws

from emulation.providers.aws.described import Api, Described
from emulation.providers.handler import Handler, Properties


def handlers() -> list[Handler]:
    """Returns the handlers of S3 replication and lifecycle rules. The Pulumi id of these resources is the bucket's
    name.
    """
    return [
        Described(
            aws.s3.BucketReplicationConfig,
            "s3",
            make=_put_replication,
            describe=_describe_replication,
            remove=lambda s3, id, state: s3.delete_bucket_replication(Bucket=id),
            change=lambda s3, id, old, new: _put_replication(s3, new),
            replace_on=frozenset({"bucket", "region"}),
        ),
        Described(
            aws.s3.BucketLifecycleConfiguration,
            "s3",
            make=_put_lifecycle,
            describe=_describe_lifecycle,
            remove=lambda s3, id, state: s3.delete_bucket_lifecycle(Bucket=id),
            change=lambda s3, id, old, new: _put_lifecycle(s3, new),
            replace_on=frozenset({"bucket", "region"}),
        ),
    ]


def _put_replication(s3: Api, inputs: Properties) -> str:
    rules = [_replication_rule(rule) for rule in inputs["rules"]]
    s3.put_bucket_replication(
        Bucket=inputs["bucket"], ReplicationConfiguration={"Role": inputs["role"], "Rules": rules}
    )
    return inputs["bucket"]


def _replication_rule(rule: Properties) -> dict[str, Any]:
    destination: dict[str, Any] = {"Bucket": rule["destination"]["bucket"]}
    timing, metrics = rule["destination"].get("replicationTime"), rule["destination"].get("metrics")
    if timing:
        minutes = timing["time"]["minutes"]
        destination["ReplicationTime"] = {"Status": timing["status"], "Time": {"Minutes": minutes}}
    if metrics:
        minutes = metrics["eventThreshold"]["minutes"]
        destination["Metrics"] = {"Status": metrics["status"], "EventThreshold": {"Minutes": minutes}}
    made: dict[str, Any] = {
        "ID": rule["id"],
        "Status": rule["status"],
        "Priority": rule.get("priority", 0),
        "Filter": {"Prefix": rule.get("filter", {}).get("prefix", "")},
        "Destination": destination,
    }
    encrypted = rule["destination"].get("encryptionConfiguration")
    if encrypted:
        destination["EncryptionConfiguration"] = {"ReplicaKmsKeyID": encrypted["replicaKmsKeyId"]}
    selected = rule.get("sourceSelectionCriteria", {}).get("sseKmsEncryptedObjects")
    if selected:
        made["SourceSelectionCriteria"] = {"SseKmsEncryptedObjects": {"Status": selected["status"]}}
    if "deleteMarkerReplication" in rule:
        made["DeleteMarkerReplication"] = {"Status": rule["deleteMarkerReplication"]["status"]}
    return made


def _describe_replication(s3: Api, id: str, state: Properties) -> Properties | None:
    found = s3.get_bucket_replication(Bucket=id)["ReplicationConfiguration"]
    seen = {rule["ID"]: (rule["Status"], rule["Destination"]["Bucket"]) for rule in found["Rules"]}
    given: list[Properties] = state.get("rules", [])
    if seen == {rule["id"]: (rule["status"], rule["destination"]["bucket"]) for rule in given}:
        return {"bucket": id, "role": found["Role"], "rules": given}
    drifted = [
        {"id": name, "status": status, "destination": {"bucket": bucket}} for name, (status, bucket) in seen.items()
    ]
    return {"bucket": id, "role": found["Role"], "rules": drifted}


def _put_lifecycle(s3: Api, inputs: Properties) -> str:
    rules = [_lifecycle_rule(rule) for rule in inputs["rules"]]
    s3.put_bucket_lifecycle_configuration(Bucket=inputs["bucket"], LifecycleConfiguration={"Rules": rules})
    return inputs["bucket"]


def _lifecycle_rule(rule: Properties) -> dict[str, Any]:
    made: dict[str, Any] = {
        "ID": rule["id"],
        "Status": rule["status"],
        "Filter": {"Prefix": rule.get("filter", {}).get("prefix", "")},
    }
    if "abortIncompleteMultipartUpload" in rule:
        days = rule["abortIncompleteMultipartUpload"]["daysAfterInitiation"]
        made["AbortIncompleteMultipartUpload"] = {"DaysAfterInitiation": days}
    if "noncurrentVersionExpiration" in rule:
        made["NoncurrentVersionExpiration"] = {"NoncurrentDays": rule["noncurrentVersionExpiration"]["noncurrentDays"]}
    expiration = rule.get("expiration", {})
    if expiration.get("expiredObjectDeleteMarker"):
        made["Expiration"] = {"ExpiredObjectDeleteMarker": True}
    if "days" in expiration:
        made["Expiration"] = {"Days": expiration["days"]}
    if "transitions" in rule:
        made["Transitions"] = [
            {"Days": transition["days"], "StorageClass": transition["storageClass"]}
            for transition in rule["transitions"]
        ]
    return made


def _describe_lifecycle(s3: Api, id: str, state: Properties) -> Properties | None:
    found = {rule["ID"]: rule["Status"] for rule in s3.get_bucket_lifecycle_configuration(Bucket=id)["Rules"]}
    given: list[Properties] = state.get("rules", [])
    if found == {rule["id"]: rule["status"] for rule in given}:
        return {"bucket": id, "rules": given}
    return {"bucket": id, "rules": [{"id": name, "status": status} for name, status in found.items()]}
