"""What an alarm looks at, in the language of Monitoring filters (Cloud Monitoring, "Monitoring filters")."""

from __future__ import annotations

import json

import pulumi

from infra.observability import GoogleAlarm


def everything(alarm: GoogleAlarm) -> pulumi.Output[str]:
    """All series that the alarm knows of."""
    labels = [pulumi.Output.format("{0} = {1}", label, _value(value)) for label, value in sorted(alarm.where.items())]
    first = f'metric.type = "{alarm.metric}" AND resource.type = "{alarm.resource}"'
    return pulumi.Output.all(*labels).apply(lambda known: " AND ".join([first, *known]))


def narrowed(alarm: GoogleAlarm) -> pulumi.Output[str]:
    """Those that are counted as bad; all where there is no such difference."""
    return pulumi.Output.concat(everything(alarm), f" AND {alarm.bad}") if alarm.bad else everything(alarm)


def _value(value: pulumi.Input[str] | bool) -> pulumi.Output[str]:
    return pulumi.Output.from_input(value).apply(json.dumps)
