"""Creates, reads, changes and deletes Cloud Monitoring resources for the emulated Google Cloud provider: alerting
policies, notification channels, dashboards and custom metrics.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

import pulumi_gcp as gcp

from emulation.providers.gcp.rest import Clients, Rest, picked
from emulation.providers.handler import Handler, Properties

_V3, _V1 = "monitoring/v3/", "monitoring/v1/"
_POLICY = ("displayName", "combiner", "conditions", "documentation", "severity", "notificationChannels")
_POLICY_MORE = ("alertStrategy", "userLabels", "enabled")
_CHANNEL = ("displayName", "type", "labels", "userLabels", "description", "enabled")
_DESCRIPTOR = ("type", "displayName", "description", "metricKind", "valueType", "unit", "labels")


class Dashboard(Rest):
    """The handler of Cloud Monitoring dashboards, whose content is JSON text. As in Pulumi's real provider, a dashboard
    whose JSON text differs only in layout counts as unchanged.
    """

    def _outputs(self, given: Properties, document: Properties) -> Properties:
        outputs = {name: value for name, value in document.items() if name not in ("name", "selfLink")}
        same = json.loads(given["dashboardJson"]) == outputs
        return {**given, "dashboardJson": given["dashboardJson"] if same else json.dumps(outputs)}


def handlers(clients: Clients) -> Iterable[Handler]:
    """Returns the handlers of Cloud Monitoring resources. In the list, a resource type comes after the types that it
    depends on.
    """
    return [
        Rest(
            gcp.monitoring.MetricDescriptor,
            clients,
            collection=lambda inputs: f"{_V3}projects/{inputs['project']}/metricDescriptors",
            request=lambda inputs: picked(inputs, *_DESCRIPTOR),
            outputs=lambda document: picked(document, "name", *_DESCRIPTOR),
            id_from=_V3,
            replace_on=frozenset({"project", *_DESCRIPTOR}),
        ),
        Rest(
            gcp.monitoring.NotificationChannel,
            clients,
            collection=lambda inputs: f"{_V3}projects/{inputs['project']}/notificationChannels",
            request=lambda inputs: picked(inputs, *_CHANNEL),
            outputs=lambda document: picked(document, "name", *_CHANNEL),
            id_from=_V3,
            changed=lambda inputs: picked(inputs, *_CHANNEL),
            replace_on=frozenset({"project"}),
        ),
        Rest(
            gcp.monitoring.AlertPolicy,
            clients,
            collection=lambda inputs: f"{_V3}projects/{inputs['project']}/alertPolicies",
            request=lambda inputs: picked(inputs, *_POLICY, *_POLICY_MORE),
            outputs=lambda document: picked(document, "name", *_POLICY, *_POLICY_MORE),
            id_from=_V3,
            changed=lambda inputs: picked(inputs, *_POLICY, *_POLICY_MORE),
            replace_on=frozenset({"project"}),
        ),
        Dashboard(
            gcp.monitoring.Dashboard,
            clients,
            collection=lambda inputs: f"{_V1}projects/{inputs['project']}/dashboards",
            request=lambda inputs: json.loads(inputs["dashboardJson"]),
            outputs=lambda document: document,
            id_from=_V1,
            changed=lambda inputs: json.loads(inputs["dashboardJson"]),
            replace_on=frozenset({"project"}),
        ),
    ]
