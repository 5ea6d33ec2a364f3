"""Finds Cloud Monitoring resources by the values of their inputs, because alerting policies, notification channels and
dashboards have no unique names.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from drift.google_api import listed
from drift.identifiers import Inputs


def policies(inputs: Inputs) -> Iterator[str]:
    """Yields the IDs of the alerting policies that have the same name and labels as the policy with the Pulumi inputs
    `inputs`.
    """
    return _named("v3", "alertPolicies", inputs, ("displayName", "userLabels"))


def channels(inputs: Inputs) -> Iterator[str]:
    """Yields the IDs of the notification channels that have the same name and notify the same address as a given
    channel.
    """
    return _named("v3", "notificationChannels", inputs, ("displayName", "type", "labels"))


def dashboards(inputs: Inputs) -> Iterator[str]:
    """Yields the IDs of the dashboards that have the same name as the dashboard with the Pulumi inputs `inputs`."""
    shown = json.loads(inputs["dashboardJson"])
    return _named("v1", "dashboards", {**shown, "project": inputs["project"]}, ("displayName",))


def _named(version: str, collection: str, inputs: Inputs, fields: tuple[str, ...]) -> Iterator[str]:
    """Yields the IDs of matching resources in a collection of the API, such as all dashboards. A resource matches if
    each field in `fields` has the same value as the input with this name in `inputs`.
    """
    for each in listed("monitoring", f"{version}/projects/{inputs['project']}/{collection}", collection):
        if all(each.get(name) == inputs.get(name) for name in fields):
            yield each["name"]
