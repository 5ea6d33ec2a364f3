"""Lists the Google Cloud resources of a stack by their labels, and compares them with the Pulumi state.

The module covers the resource types that have labels and can be deleted. Keys of Cloud KMS have labels, but Google
never deletes them. Networks, firewalls and service accounts have no labels. Their names are unique in a project. If
such a resource exists but is missing from the state, `pulumi up` therefore fails and creates no duplicate.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from drift.comparison import Comparison
from drift.google_api import listed
from drift.state import Resource, State


@dataclass(frozen=True)
class _Kind:
    """A kind of resource on Google Cloud: the Pulumi type, and the request to an API that lists these resources.

    `collection` is the field of the response that contains the resources. `labels` is the field of a resource that
    contains its labels.
    """

    type: str
    api: str
    path: str
    collection: str
    labels: str = "labels"


_SERVICE = "gcp:cloudrunv2/service:Service"
_GLOBAL_ADDRESS = "gcp:compute/globalAddress:GlobalAddress"
_KINDS = (
    _Kind("gcp:compute/address:Address", "compute", "projects/{project}/aggregated/addresses", "addresses"),
    _Kind(_GLOBAL_ADDRESS, "compute", "projects/{project}/aggregated/addresses", "addresses"),
    _Kind("gcp:compute/instance:Instance", "compute", "projects/{project}/aggregated/instances", "instances"),
    _Kind("gcp:storage/bucket:Bucket", "storage", "b", "items"),
    _Kind("gcp:spanner/instance:Instance", "spanner", "projects/{project}/instances", "instances"),
    _Kind("gcp:pubsub/topic:Topic", "pubsub", "projects/{project}/topics", "topics"),
    _Kind("gcp:pubsub/subscription:Subscription", "pubsub", "projects/{project}/subscriptions", "subscriptions"),
    _Kind(_SERVICE, "run", "projects/{project}/locations/{location}/services", "services"),
    _Kind(
        "gcp:monitoring/alertPolicy:AlertPolicy",
        "monitoring",
        "v3/projects/{project}/alertPolicies",
        "alertPolicies",
        "userLabels",
    ),
    _Kind(
        "gcp:monitoring/notificationChannel:NotificationChannel",
        "monitoring",
        "v3/projects/{project}/notificationChannels",
        "notificationChannels",
        "userLabels",
    ),
)


def compare(state: State) -> Comparison:
    """Compares the labelled resources in Google Cloud with the resources in the Pulumi state.

    The function searches every Google Cloud project that the state mentions. Cloud Run cannot list the services of all
    regions in one request, so the function searches for services only in the regions in which the state has services.
    """
    found = Comparison()
    known = [resource for resource in state.resources if resource.type.startswith("gcp:")]
    for project in sorted({str(each.outputs["project"]) for each in known if each.outputs.get("project")}):
        for kind in _KINDS:
            here = [each for each in known if each.type == kind.type and each.outputs.get("project") == project]
            names = {_place(name): name for name in _names(kind, project, state, here)}
            ids = {_place(each.id) for each in here}
            found.add(
                (f"{kind.type} {name}" for place, name in names.items() if place not in ids),
                (each for each in here if _place(each.id) not in names),
            )
    return found


def _names(kind: _Kind, project: str, state: State, here: list[Resource]) -> Iterator[str]:
    """Yields the names of the resources of type `kind` in `project` that have the stack's labels."""
    labels = {"project": _label(state.project), "environment": _label(state.environment)}
    locations = sorted({str(each.outputs["location"]) for each in here}) if kind.type == _SERVICE else [""]
    for location in locations:
        for each in _resources(kind, project, location):
            if labels.items() <= each.get(kind.labels, {}).items():
                # The name of a resource of Compute Engine is unique only in its region or zone. The URL in `selfLink`
                # contains the name, and the region or zone.
                link: str = each.get("selfLink", "") if kind.api == "compute" else ""
                yield "projects/" + link.partition("/projects/")[2] if link else each["name"]


def _resources(kind: _Kind, project: str, location: str) -> Iterator[Mapping[str, Any]]:
    path = kind.path.format(project=project, location=location)
    if kind.api != "compute":
        yield from listed(kind.api, path, kind.collection, {"project": project} if kind.api == "storage" else None)
        return
    # An aggregated list of Compute Engine has one part for each zone and region (Compute Engine API v1,
    # `addresses.aggregatedList`), and one for global resources. The part of a zone without resources has a warning and
    # no list. Global addresses are another type of Pulumi resource than those of regions.
    for scope, part in listed(kind.api, path, "items"):
        if (scope == "global") == (kind.type == _GLOBAL_ADDRESS):
            yield from part.get(kind.collection, [])


def _place(name: str) -> tuple[str, str]:
    """Returns two parts of a resource's name: the region or zone, and the text after the last slash. The Pulumi state
    and Google's API write a resource's name in different forms, but both forms contain these two parts.
    """
    location = re.search(r"/(?:regions|zones|locations)/([^/]+)/", name)
    return location[1] if location else "", name.rpartition("/")[2]


def _label(text: str) -> str:
    """Converts a string to the value of a Google Cloud label, in which only some characters are allowed. When the stack
    creates a resource, `infra/transforms.py` converts the values of labels in the same way.
    """
    return re.sub(r"[^a-z0-9_-]", "-", text.lower())[:63]
