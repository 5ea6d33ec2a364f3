"""Creates, reads, changes and deletes resources in the emulated Google Cloud: Cloud Run services, Pub/Sub topics and
subscriptions, and the Cloud Storage objects that contain the services' source code.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast
from urllib.parse import quote

import httpx
import pulumi
import pulumi_gcp as gcp

from emulation.providers.archives import zipped
from emulation.providers.gcp.iam import IamMember
from emulation.providers.gcp.rest import Clients, Rest, call, picked, without_none
from emulation.providers.handler import CloudError, Created, Handler, Properties

_RUN, _PUBSUB = "run/v2/", "pubsub/v1/"
_SERVICE = ("description", "ingress", "launchStage", "labels")
_TOPIC = ("labels", "messageRetentionDuration")
_SUBSCRIPTION = (*_TOPIC, "ackDeadlineSeconds", "expirationPolicy")
# Maps the Pulumi names of a container's list properties to their names in the Cloud Run API. A property is not listed
# if both names are equal.
_CONTAINER = {"commands": "command", "envs": "env"}


def handlers(clients: Clients) -> Iterable[Handler]:
    """Returns the handlers of Cloud Run, Pub/Sub and Cloud Storage objects. In the list, the handler of a resource type
    comes after the handlers of the types that it depends on.
    """
    return [
        BucketObject(clients),
        Rest(
            gcp.pubsub.Topic,
            clients,
            collection=lambda inputs: f"{_PUBSUB}projects/{inputs['project']}/topics",
            request=lambda inputs: picked(inputs, "name", *_TOPIC),
            outputs=lambda document: picked(document, *_TOPIC),
            id_from=_PUBSUB,
            changed=lambda inputs: picked(inputs, *_TOPIC),
            replace_on=frozenset({"project", "name"}),
        ),
        Rest(
            gcp.pubsub.Subscription,
            clients,
            collection=lambda inputs: f"{_PUBSUB}projects/{inputs['project']}/subscriptions",
            request=lambda inputs: picked(inputs, "name", "topic", *_SUBSCRIPTION),
            outputs=lambda document: picked(document, "topic", *_SUBSCRIPTION),
            id_from=_PUBSUB,
            changed=lambda inputs: picked(inputs, *_SUBSCRIPTION),
            replace_on=frozenset({"project", "name", "topic"}),
        ),
        InProject(gcp.pubsub.TopicIAMMember, clients, "topic", f"{_PUBSUB}projects/", "{project}/topics/{topic}"),
        Rest(
            gcp.cloudrunv2.Service,
            clients,
            collection=lambda inputs: (
                f"{_RUN}projects/{inputs['project']}/locations/{inputs['location']}/services?serviceId={inputs['name']}"
            ),
            request=_service,
            outputs=lambda document: {
                **picked(document, *_SERVICE, "uri"),
                "template": _template_outputs(document["template"]),
            },
            id_from=_RUN,
            changed=_service,
            replace_on=frozenset({"project", "location", "name"}),
        ),
        InProject(
            gcp.cloudrunv2.ServiceIamMember,
            clients,
            "name",
            f"{_RUN}projects/",
            "{project}/locations/{location}/services/{name}",
        ),
    ]


class InProject(IamMember):
    """Creates, reads and deletes grants that give one member (such as a user) an IAM role on one object of a Google
    Cloud project, such as a Cloud Run service. `place` is the template of this object's path below the API's path
    `root`, such as `{project}/locations/{location}/services/{name}`.
    """

    def __init__(
        self, resource: type[pulumi.CustomResource], clients: Clients, owner: str, root: str, place: str
    ) -> None:
        super().__init__(resource, clients, owner, root)
        self._format = place
        self.replace_on = self.replace_on | {"project", "location"}

    def _resource_path(self, inputs: Properties) -> str:
        return self._format.format(**inputs)


class BucketObject:
    """Creates, reads, changes and deletes resources of the Pulumi type `gcp.storage.BucketObject`. Such a resource is
    an archive that Pulumi uploads to Cloud Storage. An update with new content creates a new generation of the object.
    """

    resource = gcp.storage.BucketObject
    replace_on = frozenset({"bucket", "name"})

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def create(self, inputs: Properties) -> Created:
        unknown = sorted(inputs.keys() - {"bucket", "name", "source"})
        if unknown or "source" not in inputs:
            raise CloudError(f"not emulated: an object from {', '.join(unknown) or 'no source'}")
        upload = f"upload/storage/v1/b/{inputs['bucket']}/o?uploadType=media&name={quote(inputs['name'], safe='')}"
        try:
            answer = self._clients().post(
                upload, content=zipped(inputs["source"]), headers={"Content-Type": "application/zip"}
            )
        except httpx.HTTPError as error:
            raise CloudError(f"the emulated Google Cloud does not answer: {error}") from error
        if answer.is_error:
            raise CloudError(answer.json()["error"]["message"])
        return Created(f"{inputs['bucket']}-{inputs['name']}", {**inputs, **_object_outputs(answer.json())})

    def read(self, id: str, state: Properties) -> Properties | None:
        found = call(self._clients(), "GET", self._path(state))
        if found is None:
            return None
        # If the MD5 hash of the uploaded archive differs from the hash in the Pulumi state, somebody changed the
        # archive outside of Pulumi. The result then has an empty `source`. It differs from the `source` in the state,
        # so Pulumi reports the change.
        written: Properties = {} if found["md5Hash"] == state.get("md5hash") else {"source": {}}
        return {**state, **_object_outputs(found), **written}

    def update(self, id: str, old: Properties, new: Properties) -> Properties:
        return self.create(new).outputs

    def delete(self, id: str, state: Properties) -> None:
        call(self._clients(), "DELETE", self._path(state))

    def _path(self, state: Properties) -> str:
        return f"storage/v1/b/{state['bucket']}/o/{quote(state['name'], safe='')}"


def _object_outputs(found: Properties) -> Properties:
    return {
        "generation": int(found["generation"]),
        "md5hash": found["md5Hash"],
        "outputName": found["name"],
        "selfLink": f"https://www.googleapis.com/storage/v1/b/{found['bucket']}/o/{found['name']}",
    }


def _service(inputs: Properties) -> Properties:
    return {**picked(inputs, *_SERVICE), "template": _template(inputs["template"])}


def _template(given: Properties) -> Properties:
    containers = [
        without_none(
            {
                **{_CONTAINER.get(name, name): value for name, value in each.items() if name != "ports"},
                "ports": [each["ports"]] if each.get("ports") else None,
            }
        )
        for each in cast(list[Properties], given["containers"])
    ]
    return {**given, "containers": containers}


def _template_outputs(template: Properties) -> Properties:
    names = {api: ours for ours, api in _CONTAINER.items()}
    containers = [
        {
            **{names.get(name, name): value for name, value in each.items() if name != "ports"},
            **({"ports": each["ports"][0]} if each.get("ports") else {}),
        }
        for each in cast(list[Properties], template["containers"])
    ]
    return {**template, "containers": containers}
