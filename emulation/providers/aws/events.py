"""Creates, reads, changes and deletes EventBridge resources for the emulated AWS provider: rules that run at a fixed
rate, their targets, and the settings of how Lambda retries asynchronous invocations.
"""

from __future__ import annotations

from typing import Any

import pulumi_aws as aws

from emulation.lambda_runtime.schedules import rate_seconds
from emulation.providers.aws.clients import removed_tags, tag_list, tag_map, tags_output
from emulation.providers.aws.described import Api, Described
from emulation.providers.handler import CloudError, Handler, Properties

_RULE = {"name": "Name", "description": "Description", "scheduleExpression": "ScheduleExpression", "state": "State"}
_TARGET = {"targetId": "Id", "arn": "Arn", "input": "Input"}
_RETRY = {"maximumEventAgeInSeconds": "MaximumEventAgeInSeconds", "maximumRetryAttempts": "MaximumRetryAttempts"}


def handlers() -> list[Handler]:
    """Returns the handlers with which the emulated Pulumi provider serves EventBridge rules, their targets, and the
    retry settings of asynchronous Lambda invocations.
    """
    return [
        Described(
            aws.cloudwatch.EventRule,
            "events",
            make=_put_rule,
            describe=_describe_rule,
            remove=lambda events, id, state: events.delete_rule(Name=id),
            change=_change_rule,
            replace_on=frozenset({"name", "region"}),
        ),
        Described(
            aws.cloudwatch.EventTarget,
            "events",
            make=_put_target,
            describe=_describe_target,
            remove=lambda events, id, state: events.remove_targets(Rule=state["rule"], Ids=[state["targetId"]]),
            change=lambda events, id, old, new: _put_target(events, new),
            replace_on=frozenset({"region", "rule", "targetId"}),
        ),
        Described(
            aws.lambda_.FunctionEventInvokeConfig,
            "lambda",
            make=_configure,
            describe=_describe_configuration,
            remove=lambda api, id, state: api.delete_function_event_invoke_config(FunctionName=id),
            change=_replace_configuration,
            replace_on=frozenset({"functionName", "region"}),
        ),
    ]


def _put_rule(events: Api, inputs: Properties) -> str:
    _refuse(inputs, {*_RULE, "region", "tags"}, "a rule")
    try:
        rate_seconds(inputs.get("scheduleExpression", ""))
    except ValueError as error:
        raise CloudError(str(error)) from None
    events.put_rule(**_with_api_names(_RULE, inputs), Tags=tag_list(inputs.get("tags")))
    return inputs["name"]


def _describe_rule(events: Api, id: str, state: Properties) -> Properties | None:
    found = events.describe_rule(Name=id)
    tags = tag_map(events.list_tags_for_resource(ResourceARN=found["Arn"])["Tags"])
    return {
        **{name: found[called] for name, called in _RULE.items() if called in found},
        "arn": found["Arn"],
        **tags_output(tags, state),
    }


def _change_rule(events: Api, id: str, old: Properties, new: Properties) -> None:
    """Changes an EventBridge rule in place. The tags are changed with a separate call, because PutRule ignores the tags
    of an existing rule (EventBridge API, "PutRule").
    """
    _put_rule(events, new)
    if gone := removed_tags(old, new):
        events.untag_resource(ResourceARN=old["arn"], TagKeys=gone)
    if new.get("tags"):
        events.tag_resource(ResourceARN=old["arn"], Tags=tag_list(new["tags"]))


def _put_target(events: Api, inputs: Properties) -> str:
    _refuse(inputs, {*_TARGET, "region", "rule", "retryPolicy"}, "a target")
    retry = {"RetryPolicy": _with_api_names(_RETRY, inputs["retryPolicy"])} if "retryPolicy" in inputs else {}
    answer = events.put_targets(Rule=inputs["rule"], Targets=[{**_with_api_names(_TARGET, inputs), **retry}])
    if answer["FailedEntryCount"]:
        raise CloudError(f"{inputs['rule']}: {answer['FailedEntries'][0]['ErrorMessage']}")
    return f"{inputs['rule']}-{inputs['targetId']}"


def _describe_target(events: Api, id: str, state: Properties) -> Properties | None:
    targets = events.list_targets_by_rule(Rule=state["rule"])["Targets"]
    found = next((target for target in targets if target["Id"] == state["targetId"]), None)
    if found is None:
        return None
    retry = {name: found["RetryPolicy"][called] for name, called in _RETRY.items()} if "RetryPolicy" in found else None
    return {
        **{name: found[called] for name, called in _TARGET.items() if called in found},
        **({"retryPolicy": retry} if retry else {}),
    }


def _configure(api: Api, inputs: Properties) -> str:
    _refuse(inputs, {*_RETRY, "functionName", "region"}, "a configuration of asynchronous invocations")
    api.put_function_event_invoke_config(FunctionName=inputs["functionName"], **_with_api_names(_RETRY, inputs))
    return inputs["functionName"]


def _describe_configuration(api: Api, id: str, state: Properties) -> Properties | None:
    found = api.get_function_event_invoke_config(FunctionName=id)
    return {"functionName": id, **{name: found[called] for name, called in _RETRY.items() if called in found}}


def _replace_configuration(api: Api, id: str, old: Properties, new: Properties) -> None:
    """Changes how often Lambda retries an asynchronous invocation. Deletes the old retry settings first, because moto,
    which emulates AWS, would otherwise keep each old setting that the new inputs do not contain.
    """
    api.delete_function_event_invoke_config(FunctionName=id)
    _configure(api, new)


def _with_api_names(names: dict[str, str], inputs: Properties) -> dict[str, Any]:
    return {called: inputs[name] for name, called in names.items() if name in inputs}


def _refuse(inputs: Properties, known: set[str], what: str) -> None:
    others = sorted(inputs.keys() - known)
    if others:
        raise CloudError(f"not emulated: {what} with {', '.join(others)}")
