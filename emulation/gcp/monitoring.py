"""Emulates the API of Cloud Monitoring: alerting policies, notification channels, dashboards, and custom metrics with
their values."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from flask import Blueprint, Response, jsonify, request

from emulation.gcp.alerting import check_channel, check_dashboard, check_descriptor, check_policy
from emulation.gcp.catalog import Json, Refused
from emulation.gcp.metric_filters import Descriptors
from emulation.gcp.metric_types import OWN_RESOURCES, MetricType
from emulation.gcp.time_series import TimeSeries
from emulation.state_store import StateStore

_KIND = "monitoring"


@dataclass(frozen=True)
class StoredCollection:
    """A collection of the Cloud Monitoring API, such as the alerting policies. `identity` returns the id of a new
    resource. The id is a random number or a name from the request.
    """

    version: str
    collection: str
    check: Callable[[Json, Descriptors], None]
    identity: Callable[[Json], str]
    rule: str = "<id>"


def _numbered(body: Json) -> str:
    return str(10**18 + secrets.randbelow(10**18))


_COLLECTIONS = (
    StoredCollection("v3", "notificationChannels", check_channel, _numbered),
    StoredCollection("v3", "alertPolicies", check_policy, _numbered),
    StoredCollection("v3", "metricDescriptors", check_descriptor, lambda body: body["type"], "<path:id>"),
    StoredCollection("v1", "dashboards", check_dashboard, _numbered),
)


class Monitoring:
    """Stores the Cloud Monitoring resources of all projects. The state store keeps the resources on disk."""

    def __init__(self, store: StateStore) -> None:
        self._store = store
        self.series = TimeSeries()

    def blueprint(self) -> Blueprint:
        api = Blueprint("monitoring", __name__, url_prefix="/monitoring")
        for stored in _COLLECTIONS:
            self._serve(api, stored)
        rule = "/v3/projects/<project>/timeSeries"
        api.add_url_rule(rule, "write", self._write, methods=["POST"])
        api.add_url_rule(rule, "list", self._list, methods=["GET"])
        return api

    def custom_metrics(self, project: str) -> Descriptors:
        """Returns the custom metrics of a Google Cloud project, by metric type."""
        return {
            document["type"]: MetricType(
                document["metricKind"],
                document["valueType"],
                OWN_RESOURCES,
                frozenset(label["key"] for label in document.get("labels", [])),
            )
            for document in self._store.all(_KIND, f"projects/{project}/metricDescriptors")
        }

    def _serve(self, api: Blueprint, stored: StoredCollection) -> None:
        rule = f"/{stored.version}/projects/<project>/{stored.collection}"

        def create(project: str) -> Response:
            body = _body()
            stored.check(body, self.custom_metrics(project))
            self._expect_channels(body)
            return jsonify(self._store_document(stored, project, stored.identity(body), body))

        def every(project: str) -> Response:
            return jsonify({stored.collection: self._store.all(_KIND, _scope(stored, project))})

        def get(project: str, id: str) -> Response:
            return jsonify(self._existing(_scope(stored, project), id))

        def replace(project: str, id: str) -> Response:
            """Handles a PATCH request for a Cloud Monitoring resource by replacing the whole resource. The real API
            also replaces the whole resource if the request has no update mask (REST reference, "alertPolicies.patch").
            The emulation refuses requests with an update mask.
            """
            self._existing(_scope(stored, project), id)
            if request.args:
                raise Refused(501, f"not emulated: a patch with {', '.join(request.args)}")
            body = _body()
            stored.check(body, self.custom_metrics(project))
            self._expect_channels(body)
            return jsonify(self._store_document(stored, project, id, body))

        def delete(project: str, id: str) -> Response:
            scope = _scope(stored, project)
            self._existing(scope, id)
            self._expect_unused(project, f"{scope}/{id}")
            self._store.remove(_KIND, scope, id)
            return jsonify({})

        views: dict[tuple[str, str], Callable[..., Response]] = {
            (rule, "POST"): create,
            (rule, "GET"): every,
            (f"{rule}/{stored.rule}", "GET"): get,
            (f"{rule}/{stored.rule}", "PATCH"): replace,
            (f"{rule}/{stored.rule}", "DELETE"): delete,
        }
        for (path, method), view in views.items():
            api.add_url_rule(path, f"{view.__name__} {stored.collection}", view, methods=[method])

    def _store_document(self, stored: StoredCollection, project: str, id: str, body: Json) -> Json:
        scope = _scope(stored, project)
        name = f"{scope}/{id}"
        document = {**body, "name": name, "selfLink": f"monitoring/{stored.version}/{name}"}
        self._store.put(_KIND, scope, id, document)
        return document

    def _existing(self, scope: str, id: str) -> Json:
        known = self._store.get(_KIND, scope, id)
        if known is None:
            raise Refused(404, f"The resource '{scope}/{id}' was not found")
        return known

    def _expect_channels(self, body: Json) -> None:
        for channel in cast(list[str], body.get("notificationChannels", [])):
            self._existing(*cast("tuple[str, str]", tuple(channel.rsplit("/", 1))))

    def _expect_unused(self, project: str, name: str) -> None:
        for policy in self._store.all(_KIND, f"projects/{project}/alertPolicies"):
            if name in policy.get("notificationChannels", []):
                raise Refused(400, f"Cannot delete '{name}': it is used by '{policy['name']}'")

    def _write(self, project: str) -> Response:
        self.series.write(project, _body(), self.custom_metrics(project))
        return jsonify({})

    def _list(self, project: str) -> Response:
        return jsonify({"timeSeries": self.series.read(project, request.args, self.custom_metrics(project))})


def _scope(stored: StoredCollection, project: str) -> str:
    return f"projects/{project}/{stored.collection}"


def _body() -> Json:
    given: Any = request.get_json(force=True, silent=True)
    if not isinstance(given, dict):
        raise Refused(400, "Invalid JSON payload received")
    return cast(Json, given)
