"""Creates, reads, changes and deletes Lambda resources for the emulated AWS provider: functions from zip archives,
their URLs and permissions, and the event source mappings through which functions read streams.
"""

from __future__ import annotations

import json
from typing import Any

import pulumi_aws as aws

from emulation.providers.archives import zipped
from emulation.providers.aws.clients import removed_tags, tags_output
from emulation.providers.aws.described import Api, Described, unless_missing
from emulation.providers.handler import CloudError, Handler, Properties

_CONFIGURATION = {
    "description": "Description",
    "handler": "Handler",
    "memorySize": "MemorySize",
    "role": "Role",
    "runtime": "Runtime",
    "timeout": "Timeout",
}
_EMULATED = frozenset(
    {*_CONFIGURATION, "architectures", "code", "environment", "name", "region", "reservedConcurrentExecutions", "tags"}
)
_MAPPING = {
    "batchSize": "BatchSize",
    "bisectBatchOnFunctionError": "BisectBatchOnFunctionError",
    "functionResponseTypes": "FunctionResponseTypes",
    "maximumBatchingWindowInSeconds": "MaximumBatchingWindowInSeconds",
    "maximumRecordAgeInSeconds": "MaximumRecordAgeInSeconds",
    "maximumRetryAttempts": "MaximumRetryAttempts",
    "parallelizationFactor": "ParallelizationFactor",
}


def handlers() -> list[Handler]:
    """Returns the handlers with which the emulated Pulumi provider serves Lambda functions, their URLs and permissions,
    and event source mappings."""
    return [
        Described(
            aws.lambda_.Function,
            "lambda",
            make=_make_function,
            describe=_describe_function,
            remove=lambda api, id, state: api.delete_function(FunctionName=id),
            change=_change_function,
            replace_on=frozenset({"name", "region"}),
        ),
        Described(
            aws.lambda_.FunctionUrl,
            "lambda",
            make=_make_url,
            describe=_describe_url,
            remove=lambda api, id, state: api.delete_function_url_config(FunctionName=id),
            change=_change_url,
            replace_on=frozenset({"functionName", "region", "qualifier"}),
        ),
        Described(
            aws.lambda_.Permission,
            "lambda",
            make=_add_permission,
            describe=_describe_permission,
            remove=lambda api, id, state: api.remove_permission(FunctionName=state["function"], StatementId=id),
            replace_on=frozenset(
                {"action", "function", "functionUrlAuthType", "invokedViaFunctionUrl", "principal", "region"}
                | {"statementId", "sourceArn", "sourceAccount"}
            ),
        ),
        Described(
            aws.lambda_.EventSourceMapping,
            "lambda",
            make=_make_mapping,
            describe=_describe_mapping,
            remove=lambda api, id, state: api.delete_event_source_mapping(UUID=id),
            change=_change_mapping,
            replace_on=frozenset({"eventSourceArn", "region", "startingPosition"}),
        ),
    ]


def _make_function(api: Api, inputs: Properties) -> str:
    others = sorted(inputs.keys() - _EMULATED)
    if others:
        raise CloudError(f"not emulated: a function with {', '.join(others)}")
    api.create_function(
        FunctionName=inputs["name"],
        Code={"ZipFile": zipped(inputs["code"])},
        Architectures=inputs.get("architectures", ["x86_64"]),
        Tags=inputs.get("tags", {}),
        **_configuration(inputs),
    )
    _reserve(api, inputs["name"], inputs)
    return inputs["name"]


def _describe_function(api: Api, id: str, state: Properties) -> Properties | None:
    found = api.get_function(FunctionName=id)
    configuration = found["Configuration"]
    known: Properties = {name: configuration[key] for name, key in _CONFIGURATION.items() if key in configuration}
    variables = configuration.get("Environment", {}).get("Variables", {})
    tags = found.get("Tags", {})
    return {
        **known,
        "name": id,
        "arn": configuration["FunctionArn"],
        "codeSha256": configuration["CodeSha256"],
        "architectures": configuration["Architectures"],
        "reservedConcurrentExecutions": found.get("Concurrency", {}).get("ReservedConcurrentExecutions", -1),
        **({"environment": {"variables": variables}} if variables or "environment" in state else {}),
        **tags_output(tags, state),
    }


def _change_function(api: Api, id: str, old: Properties, new: Properties) -> None:
    api.update_function_code(
        FunctionName=id,
        ZipFile=zipped(new["code"]),
        Architectures=new.get("architectures", ["x86_64"]),
    )
    api.update_function_configuration(FunctionName=id, **_configuration(new))
    _reserve(api, id, new)
    if gone := removed_tags(old, new):
        api.untag_resource(Resource=old["arn"], TagKeys=gone)
    if new.get("tags"):
        api.tag_resource(Resource=old["arn"], Tags=new["tags"])


def _configuration(inputs: Properties) -> dict[str, Any]:
    given = {key: inputs[name] for name, key in _CONFIGURATION.items() if name in inputs}
    return {**given, "Environment": {"Variables": inputs.get("environment", {}).get("variables", {})}}


def _reserve(api: Api, name: str, inputs: Properties) -> None:
    reserved = inputs.get("reservedConcurrentExecutions", -1)
    if reserved >= 0:
        api.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=reserved)
    else:
        api.delete_function_concurrency(FunctionName=name)


def _make_url(api: Api, inputs: Properties) -> str:
    api.create_function_url_config(FunctionName=inputs["functionName"], AuthType=inputs["authorizationType"])
    return inputs["functionName"]


def _describe_url(api: Api, id: str, state: Properties) -> Properties | None:
    found = api.get_function_url_config(FunctionName=id)
    url = found["FunctionUrl"].rstrip("/")
    return {
        "functionName": id,
        "functionArn": found["FunctionArn"],
        "functionUrl": f"{url}/",  # The real Lambda API, too, ends the URL with a slash.
        "urlId": url.removeprefix("https://").split(".")[0],
        "authorizationType": found["AuthType"],
    }


def _change_url(api: Api, id: str, old: Properties, new: Properties) -> None:
    api.update_function_url_config(FunctionName=id, AuthType=new["authorizationType"])


def _add_permission(api: Api, inputs: Properties) -> str:
    given = {
        "FunctionUrlAuthType": inputs.get("functionUrlAuthType"),
        "InvokedViaFunctionUrl": inputs.get("invokedViaFunctionUrl"),
        "SourceArn": inputs.get("sourceArn"),
        "SourceAccount": inputs.get("sourceAccount"),
    }
    api.add_permission(
        FunctionName=inputs["function"],
        StatementId=inputs["statementId"],
        Action=inputs["action"],
        Principal=inputs["principal"],
        **{name: value for name, value in given.items() if value is not None},
    )
    return inputs["statementId"]


def _describe_permission(api: Api, id: str, state: Properties) -> Properties | None:
    """Reads the id and the action of a Lambda permission from the API. The other outputs keep their values from the
    Pulumi state, because moto, which emulates AWS, does not store all conditions of a permission.
    """
    policy = unless_missing(lambda: api.get_policy(FunctionName=state["function"]))
    statements: list[Properties] = json.loads(policy["Policy"])["Statement"] if policy else []
    found = next((statement for statement in statements if statement["Sid"] == id), None)
    return None if found is None else {"statementId": id, "action": found["Action"]}


def _make_mapping(api: Api, inputs: Properties) -> str:
    return api.create_event_source_mapping(
        EventSourceArn=inputs["eventSourceArn"],
        FunctionName=inputs["functionName"],
        StartingPosition=inputs["startingPosition"],
        Tags=inputs.get("tags", {}),
        **_settings(inputs),
    )["UUID"]


def _describe_mapping(api: Api, id: str, state: Properties) -> Properties | None:
    found: Properties = api.get_event_source_mapping(UUID=id)
    known: Properties = {name: found[key] for name, key in _MAPPING.items() if name in state and key in found}
    destinations: Properties = found.get("DestinationConfig") or {}
    destination = destinations.get("OnFailure", {}).get("Destination")
    criteria: Properties = found.get("FilterCriteria") or {}
    patterns = [{"pattern": each["Pattern"]} for each in criteria.get("Filters", [])]
    return {
        **known,
        "uuid": id,
        "arn": found.get("EventSourceMappingArn", ""),
        "eventSourceArn": found["EventSourceArn"],
        "functionArn": found["FunctionArn"],
        "state": found["State"],
        **({"destinationConfig": {"onFailure": {"destinationArn": destination}}} if destination else {}),
        **({"filterCriteria": {"filters": patterns}} if patterns else {}),
    }


def _change_mapping(api: Api, id: str, old: Properties, new: Properties) -> None:
    api.update_event_source_mapping(UUID=id, FunctionName=new["functionName"], **_settings(new))


def _settings(inputs: Properties) -> dict[str, Any]:
    settings: dict[str, Any] = {key: inputs[name] for name, key in _MAPPING.items() if name in inputs}
    destination = inputs.get("destinationConfig", {}).get("onFailure", {}).get("destinationArn")
    filters = [{"Pattern": each["pattern"]} for each in inputs.get("filterCriteria", {}).get("filters", [])]
    return {
        **settings,
        "Enabled": inputs.get("enabled", True),
        "DestinationConfig": {"OnFailure": {"Destination": destination}} if destination else {},
        "FilterCriteria": {"Filters": filters},
    }
