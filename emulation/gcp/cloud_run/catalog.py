"""Lists the resource types of the emulated Cloud Run v2 and Pub/Sub v1 APIs, with the fields from Google's
references.
"""

from __future__ import annotations

from typing import Any

from emulation.gcp.catalog import Collection, Json, Request
from emulation.gcp.cloud_run import effects

_PUBSUB = "pubsub/v1/projects/{project}"


def _no_bindings(request: Request) -> Json:
    return {"iam": {"bindings": []}}


def _without_id(body: Json) -> Json:
    """Removes the id of a new Cloud Run service from the fields of a create request. Clients send the id in the query
    string, and the id is not part of the service's JSON document.
    """
    return {name: value for name, value in body.items() if name != "serviceId"}


def _named(body: Json) -> Any:
    return body.get("serviceId")


def _fields(names: str) -> frozenset[str]:
    return frozenset(names.split())


_SERVICE = _fields("description ingress launchStage labels template iam")
_TOPIC = _fields("labels messageRetentionDuration iam")
_SUBSCRIPTION = _fields("labels messageRetentionDuration ackDeadlineSeconds expirationPolicy")

COLLECTIONS = (
    Collection(
        effects.PATH,
        _SERVICE,
        _fields("template"),
        _SERVICE,
        identity=_named,
        body=_without_id,
        computed=effects.computed_fields,
        listed="services",
    ),
    Collection(f"{_PUBSUB}/topics", _TOPIC | {"name"}, _fields("name"), _TOPIC, computed=_no_bindings, listed="topics"),
    Collection(
        f"{_PUBSUB}/subscriptions",
        _SUBSCRIPTION | {"name", "topic"},
        _fields("name topic"),
        _SUBSCRIPTION,
        listed="subscriptions",
    ),
)
