"""The handlers of the emulated AWS provider for KMS resources: keys, their replicas in other regions, and aliases.

The handlers treat a key that is scheduled for deletion as deleted, because the key cannot be used. The next `pulumi up`
creates a new key.
"""

from __future__ import annotations

import pulumi_aws as aws

from emulation.providers.aws.clients import client, removed_tags, tag_list, tags_output
from emulation.providers.aws.described import Api, Described
from emulation.providers.aws.documents import in_given_form
from emulation.providers.handler import CloudError, Handler, Properties

# The default number of days between the request to delete a KMS key and the deletion (KMS API, "ScheduleKeyDeletion").
_DELETION_DAYS = 30


def handlers() -> list[Handler]:
    """Returns the handlers with which the emulated Pulumi provider serves KMS keys, replica keys and aliases."""
    return [
        Described(
            aws.kms.Key,
            "kms",
            make=_make_key,
            describe=_describe_key,
            remove=_schedule_deletion,
            change=_change_key,
            replace_on=frozenset({"region", "multiRegion", "keyUsage", "customerMasterKeySpec"}),
        ),
        Described(
            aws.kms.ReplicaKey,
            "kms",
            make=_make_replica,
            describe=_describe_replica,
            remove=_schedule_deletion,
            change=_change_key,
            replace_on=frozenset({"region", "primaryKeyArn"}),
        ),
        Described(
            aws.kms.Alias,
            "kms",
            make=_make_alias,
            describe=_describe_alias,
            remove=lambda kms, id, state: kms.delete_alias(AliasName=id),
            change=lambda kms, id, old, new: kms.update_alias(AliasName=id, TargetKeyId=new["targetKeyId"]),
            replace_on=frozenset({"name", "region"}),
        ),
    ]


def _make_key(kms: Api, inputs: Properties) -> str:
    request = {"Policy": inputs["policy"]} if "policy" in inputs else {}
    key: str = kms.create_key(
        Description=inputs.get("description", ""),
        KeyUsage=inputs.get("keyUsage", "ENCRYPT_DECRYPT"),
        KeySpec=inputs.get("customerMasterKeySpec", "SYMMETRIC_DEFAULT"),
        MultiRegion=inputs.get("multiRegion", False),
        Tags=_tags(inputs),
        **request,
    )["KeyMetadata"]["KeyId"]
    _change_key(kms, key, {}, inputs)
    return key


def _make_replica(kms: Api, inputs: Properties) -> str:
    """Creates a replica of a KMS key with a call to the region of the primary key. Then sets the properties that moto,
    which emulates AWS, does not copy to the replica.
    """
    _, _, _, home, _, resource = inputs["primaryKeyArn"].split(":")
    primary = client("kms", {"region": home})
    key: str = resource.removeprefix("key/")
    if "region" not in inputs or inputs["region"] == home:
        raise CloudError(f"the primary key {key} is in {home}; a replica goes to another region")
    primary.replicate_key(KeyId=key, ReplicaRegion=inputs["region"], Tags=_tags(inputs))
    _change_key(kms, key, {}, inputs)
    return key


def _change_key(kms: Api, id: str, old: Properties, new: Properties) -> None:
    kms.update_key_description(KeyId=id, Description=new.get("description", ""))
    if "policy" in new:
        kms.put_key_policy(KeyId=id, PolicyName="default", Policy=new["policy"])
    if "enableKeyRotation" in new:
        (kms.enable_key_rotation if new["enableKeyRotation"] else kms.disable_key_rotation)(KeyId=id)
    enabled = new.get("isEnabled", new.get("enabled", True))
    if enabled != kms.describe_key(KeyId=id)["KeyMetadata"]["Enabled"]:
        (kms.enable_key if enabled else kms.disable_key)(KeyId=id)
    if gone := removed_tags(old, new):
        kms.untag_resource(KeyId=id, TagKeys=gone)
    if new.get("tags"):
        kms.tag_resource(KeyId=id, Tags=_tags(new))


def _tags(inputs: Properties) -> list[dict[str, str]]:
    return [{"TagKey": tag["Key"], "TagValue": tag["Value"]} for tag in tag_list(inputs.get("tags"))]


def _describe_key(kms: Api, id: str, state: Properties) -> Properties | None:
    found = _described(kms, id, state)
    if found is not None:
        found["enableKeyRotation"] = kms.get_key_rotation_status(KeyId=id)["KeyRotationEnabled"]
        found["isEnabled"] = found.pop("enabled")
    return found


def _describe_replica(kms: Api, id: str, state: Properties) -> Properties | None:
    return _described(kms, id, state)


def _described(kms: Api, id: str, state: Properties) -> Properties | None:
    key = kms.describe_key(KeyId=id)["KeyMetadata"]
    if key["KeyState"] in ("PendingDeletion", "PendingReplicaDeletion"):
        return None
    tags = {tag["TagKey"]: tag["TagValue"] for tag in kms.list_resource_tags(KeyId=id)["Tags"]}
    return {
        "keyId": key["KeyId"],
        "arn": key["Arn"],
        "region": kms.meta.region_name,
        "description": key["Description"],
        "enabled": key["Enabled"],
        "policy": in_given_form(kms.get_key_policy(KeyId=id, PolicyName="default")["Policy"], state.get("policy")),
        **tags_output(tags, state),
    }


def _schedule_deletion(kms: Api, id: str, state: Properties) -> None:
    if _described(kms, id, state) is not None:
        kms.schedule_key_deletion(KeyId=id, PendingWindowInDays=state.get("deletionWindowInDays", _DELETION_DAYS))


def _make_alias(kms: Api, inputs: Properties) -> str:
    kms.create_alias(AliasName=inputs["name"], TargetKeyId=inputs["targetKeyId"])
    return inputs["name"]


def _describe_alias(kms: Api, id: str, state: Properties) -> Properties | None:
    for page in kms.get_paginator("list_aliases").paginate():
        for alias in page["Aliases"]:
            if alias["AliasName"] == id:
                target, given = alias["TargetKeyId"], state.get("targetKeyId", "")
                return {
                    "name": id,
                    "arn": alias["AliasArn"],
                    "targetKeyId": given if given.endswith(target) else target,
                    "targetKeyArn": alias["AliasArn"].replace(f":{id}", f":key/{target}"),
                }
    return None
