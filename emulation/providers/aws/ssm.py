"""Emulates how Pulumi's AWS provider manages the parameters of AWS Systems Manager Parameter Store."""

from __future__ import annotations

import pulumi_aws as aws

from emulation.providers.aws.clients import client, removed_tags, tag_list, tag_map, tags_output
from emulation.providers.aws.described import Api, Described
from emulation.providers.handler import CloudError, Handler, Properties


class ParametersByPath:
    """Serves the Pulumi data source `aws:ssm/getParametersByPath:getParametersByPath`, which returns the parameters
    directly below a path.
    """

    token = "aws:ssm/getParametersByPath:getParametersByPath"  # noqa: S105  a type token

    def invoke(self, arguments: Properties) -> Properties:
        pages = client("ssm", arguments).get_paginator("get_parameters_by_path").paginate(Path=arguments["path"])
        found = [parameter for page in pages for parameter in page["Parameters"]]
        return {
            **arguments,
            "id": arguments["path"],
            "arns": [each["ARN"] for each in found],
            "names": [each["Name"] for each in found],
            "types": [each["Type"] for each in found],
            "values": [each["Value"] for each in found],
        }


_SETTABLE = {"description", "name", "region", "tags", "type", "value"}


def handlers() -> list[Handler]:
    """Returns a list with one handler, which serves the parameters of Parameter Store."""
    return [
        Described(
            aws.ssm.Parameter,
            "ssm",
            make=_make,
            describe=_describe,
            remove=lambda ssm, id, state: ssm.delete_parameter(Name=id),
            change=_change,
            replace_on=frozenset({"name", "region"}),
        ),
    ]


def _make(ssm: Api, inputs: Properties) -> str:
    name: str = inputs["name"]
    ssm.put_parameter(**_settings(inputs), Tags=tag_list(inputs.get("tags")))
    return name


def _change(ssm: Api, id: str, old: Properties, new: Properties) -> None:
    ssm.put_parameter(**_settings(new), Overwrite=True)
    if gone := removed_tags(old, new):
        ssm.remove_tags_from_resource(ResourceType="Parameter", ResourceId=id, TagKeys=gone)
    if new.get("tags"):
        ssm.add_tags_to_resource(ResourceType="Parameter", ResourceId=id, Tags=tag_list(new["tags"]))


def _settings(inputs: Properties) -> Properties:
    if unknown := inputs.keys() - _SETTABLE:
        raise CloudError(f"parameters with {', '.join(sorted(unknown))} are not emulated")
    if inputs["type"] != "String":
        raise CloudError(f"parameters of type {inputs['type']} are not emulated (only String)")
    description = {"Description": inputs["description"]} if "description" in inputs else {}
    return {"Name": inputs["name"], "Type": "String", "Value": inputs["value"], **description}


def _describe(ssm: Api, id: str, state: Properties) -> Properties | None:
    found = ssm.get_parameter(Name=id)["Parameter"]
    tags = tag_map(ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=id)["TagList"])
    return {
        "name": found["Name"],
        "arn": found["ARN"],
        "type": found["Type"],
        "value": found["Value"],
        "region": ssm.meta.region_name,
        **tags_output(tags, state),
    }
