"""Builds the Cloud Monitoring filters that select the metric series of an alarm ("Monitoring filters")."""

from __future__ import annotations

import json

import pulumi

from infra.observability import CloudMonitoringAlarm, Like


def everything(alarm: CloudMonitoringAlarm) -> pulumi.Output[str]:
    """Returns the Cloud Monitoring filter for all metric series that an alarm watches."""
    labels = [_restriction(label, value) for label, value in sorted(alarm.where.items(), key=lambda item: item[0])]
    first = f'metric.type = "{alarm.metric}" AND resource.type = "{alarm.resource}"'
    return pulumi.Output.all(*labels).apply(lambda known: " AND ".join([first, *known]))


def narrowed(alarm: CloudMonitoringAlarm) -> pulumi.Output[str]:
    """Returns the Cloud Monitoring filter that selects the time series of an alarm's bad events. If the alarm has no
    `bad`, the filter selects all time series of the alarm.
    """
    if alarm.bad is None:
        return everything(alarm)
    return pulumi.Output.concat(everything(alarm), " AND ", _restriction(*alarm.bad))


def _restriction(label: str, value: pulumi.Input[str] | bool | Like) -> pulumi.Output[str]:
    if isinstance(value, Like):
        return pulumi.Output.from_input(f"{label} = monitoring.regex.full_match({json.dumps(value.pattern)})")
    return pulumi.Output.from_input(value).apply(lambda known: f"{label} = {json.dumps(known)}")
