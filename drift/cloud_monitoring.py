"""Searches Cloud Monitoring for resources by their inputs. The search serves the resource types whose resources have no
unique names.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from drift.google_api import listed
from drift.identifiers import Inputs


def policies(inputs: Inputs) -> Iterator[str]:
    """Yields the IDs of the alerting policies with the same name and labels as the policy with these inputs."""
    return _named("v3", "alertPolicies", inputs, ("displayName", "userLabels"))


def channels(inputs: Inputs) -> Iterator[str]:
    """Yields the IDs of the notification channels that match a given channel: the channels with the same name and the
    same address to notify.
    """
    return _named("v3", "notificationChannels", inputs, ("displayName", "type", "labels"))


def dashboards(inputs: Inputs) -> Iterator[str]:
    """Yields the IDs of the dashboards that have the same name as the dashboard with the Pulumi inputs `inputs`."""
    shown = json.loads(inputs["dashboardJson"])
    return _named("v1", "dashboards", {**shown, "project": inputs["project"]}, ("displayName",))


def _named(version: str, collection: str, inputs: Inputs, fields: tuple[str, ...]) -> Iterator[str]:
    """Lists a collection of the API. Yields the ID of each resource in it that has the same values in `fields` as the
    Pulumi inputs `inputs`.
    """
    for each in listed("monitoring", f"{version}/projects/{inputs['project']}/{collection}", collection):
        if all(each.get(name) == inputs.get(name) for name in fields):
            yield each["name"]
