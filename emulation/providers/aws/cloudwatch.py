"""Emulates how Pulumi's AWS provider manages CloudWatch dashboards, and CloudWatch alarms on a single metric."""

from __future__ import annotations

import json

import pulumi_aws as aws

from emulation.providers.aws.clients import removed_tags, tag_list, tag_map, tags_output
from emulation.providers.aws.described import Api, Described
from emulation.providers.handler import CloudError, Handler, Properties

# Maps each Pulumi property of a CloudWatch alarm to the name of the parameter in the CloudWatch API.
_ALARM = {
    "name": "AlarmName",
    "alarmDescription": "AlarmDescription",
    "namespace": "Namespace",
    "metricName": "MetricName",
    "statistic": "Statistic",
    "period": "Period",
    "evaluationPeriods": "EvaluationPeriods",
    "datapointsToAlarm": "DatapointsToAlarm",
    "threshold": "Threshold",
    "comparisonOperator": "ComparisonOperator",
    "treatMissingData": "TreatMissingData",
    "alarmActions": "AlarmActions",
    "okActions": "OKActions",
    "actionsEnabled": "ActionsEnabled",
}


def handlers() -> list[Handler]:
    """Returns the handlers with which the emulated Pulumi provider serves CloudWatch alarms and dashboards."""
    return [
        Described(
            aws.cloudwatch.MetricAlarm,
            "cloudwatch",
            make=_put_alarm,
            describe=_describe_alarm,
            remove=lambda cloudwatch, id, state: cloudwatch.delete_alarms(AlarmNames=[id]),
            change=_change_alarm,
            replace_on=frozenset({"name", "region"}),
        ),
        Described(
            aws.cloudwatch.Dashboard,
            "cloudwatch",
            make=_put_dashboard,
            describe=_describe_dashboard,
            remove=lambda cloudwatch, id, state: cloudwatch.delete_dashboards(DashboardNames=[id]),
            change=lambda cloudwatch, id, old, new: _put_dashboard(cloudwatch, new),
            replace_on=frozenset({"dashboardName"}),
        ),
    ]


def _put_alarm(cloudwatch: Api, inputs: Properties) -> str:
    unknown = inputs.keys() - _ALARM.keys() - {"dimensions", "tags", "region"}
    if unknown:
        raise CloudError(f"alarms with {', '.join(sorted(unknown))} are not emulated")
    request = {called: inputs[name] for name, called in _ALARM.items() if name in inputs}
    dimensions = [{"Name": name, "Value": value} for name, value in sorted(inputs.get("dimensions", {}).items())]
    cloudwatch.put_metric_alarm(**request, Dimensions=dimensions, Tags=tag_list(inputs.get("tags")))
    return inputs["name"]


def _change_alarm(cloudwatch: Api, id: str, old: Properties, new: Properties) -> None:
    """Changes a CloudWatch alarm in place. The tags are changed with a separate call, because PutMetricAlarm ignores
    the tags of an existing alarm (CloudWatch API, "PutMetricAlarm").
    """
    _put_alarm(cloudwatch, new)
    arn = old["arn"]
    if gone := removed_tags(old, new):
        cloudwatch.untag_resource(ResourceARN=arn, TagKeys=gone)
    if new.get("tags"):
        cloudwatch.tag_resource(ResourceARN=arn, Tags=tag_list(new["tags"]))


def _describe_alarm(cloudwatch: Api, id: str, state: Properties) -> Properties | None:
    found = cloudwatch.describe_alarms(AlarmNames=[id])["MetricAlarms"]
    if not found:
        return None
    (alarm,) = found
    tags = tag_map(cloudwatch.list_tags_for_resource(ResourceARN=alarm["AlarmArn"])["Tags"])
    return {
        **{name: alarm[called] for name, called in _ALARM.items() if called in alarm},
        "dimensions": {dimension["Name"]: dimension["Value"] for dimension in alarm["Dimensions"]},
        "arn": alarm["AlarmArn"],
        "region": cloudwatch.meta.region_name,
        **tags_output(tags, state),
    }


def _put_dashboard(cloudwatch: Api, inputs: Properties) -> str:
    cloudwatch.put_dashboard(DashboardName=inputs["dashboardName"], DashboardBody=inputs["dashboardBody"])
    return inputs["dashboardName"]


def _describe_dashboard(cloudwatch: Api, id: str, state: Properties) -> Properties | None:
    found = cloudwatch.get_dashboard(DashboardName=id)
    body, given = found["DashboardBody"], state.get("dashboardBody")
    same = given is not None and json.loads(body) == json.loads(given)
    return {
        "dashboardName": id,
        "dashboardArn": found["DashboardArn"],
        "dashboardBody": given if same else body,
        "region": cloudwatch.meta.region_name,
    }
