"""Creates, reads, changes and deletes the log groups of CloudWatch Logs for the emulated AWS provider."""

from __future__ import annotations

import pulumi_aws as aws

from emulation.providers.aws.clients import removed_tags, tags_output
from emulation.providers.aws.described import Api, Described
from emulation.providers.handler import Handler, Properties


def handlers() -> list[Handler]:
    """Returns the handlers with which the emulated Pulumi provider serves CloudWatch log groups."""
    return [
        Described(
            aws.cloudwatch.LogGroup,
            "logs",
            make=_make,
            describe=_describe,
            remove=lambda logs, id, state: logs.delete_log_group(logGroupName=id),
            change=_change,
            replace_on=frozenset({"name", "region", "logGroupClass"}),
        )
    ]


def _make(logs: Api, inputs: Properties) -> str:
    name = inputs["name"]
    key = {"kmsKeyId": inputs["kmsKeyId"]} if inputs.get("kmsKeyId") else {}
    logs.create_log_group(logGroupName=name, tags=inputs.get("tags", {}), **key)
    _set_retention(logs, name, inputs)
    return name


def _describe(logs: Api, id: str, state: Properties) -> Properties | None:
    groups = logs.describe_log_groups(logGroupNamePrefix=id)["logGroups"]
    group = next((each for each in groups if each["logGroupName"] == id), None)
    if group is None:
        return None
    # The CloudWatch API returns the ARN of a log group with `:*` at the end. This function removes the `:*`, as
    # Pulumi's real AWS provider does.
    arn = group["arn"].removesuffix(":*")
    tags = logs.list_tags_for_resource(resourceArn=arn)["tags"]
    return {
        "name": id,
        "arn": arn,
        "retentionInDays": group.get("retentionInDays", 0),
        **tags_output(tags, state),
    }


def _change(logs: Api, id: str, old: Properties, new: Properties) -> None:
    _set_retention(logs, id, new)
    arn = old["arn"]
    if gone := removed_tags(old, new):
        logs.untag_resource(resourceArn=arn, tagKeys=gone)
    if new.get("tags"):
        logs.tag_resource(resourceArn=arn, tags=new["tags"])


def _set_retention(logs: Api, name: str, inputs: Properties) -> None:
    if inputs.get("retentionInDays"):
        logs.put_retention_policy(logGroupName=name, retentionInDays=inputs["retentionInDays"])
    else:
        logs.delete_retention_policy(logGroupName=name)
