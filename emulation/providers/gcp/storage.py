"""Creates, reads, changes and deletes Cloud Storage resources, such as buckets and transfer jobs, for the emulated
Google Cloud provider.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast
from urllib.parse import quote

import pulumi_gcp as gcp

from emulation.providers.gcp.iam import IamMember
from emulation.providers.gcp.rest import Clients, Rest, call, picked, without_none
from emulation.providers.handler import Handler, Properties

_STORAGE = "storage/v1/b/"
_TRANSFER = "storagetransfer/v1/"


def handlers(clients: Clients) -> Iterable[Handler]:
    """Returns the handlers of Cloud Storage resources. In the list, a resource type comes after the types that it
    depends on.
    """
    return [
        Bucket(
            gcp.storage.Bucket,
            clients,
            collection=_bucket_collection,
            request=lambda inputs: without_none(
                {
                    "name": inputs["name"],
                    "location": inputs["location"],
                    "customPlacementConfig": inputs.get("customPlacementConfig"),
                    **_bucket_settings(inputs),
                }
            ),
            outputs=_bucket_outputs,
            id_from=_STORAGE,
            changed=_bucket_settings,
            replace_on=frozenset({"project", "name", "location", "customPlacementConfig", "enableObjectRetention"}),
        ),
        IamMember(gcp.storage.BucketIAMMember, clients, "bucket", _STORAGE, "b/"),
        Rest(
            gcp.storage.TransferJob,
            clients,
            collection=lambda inputs: _TRANSFER + "transferJobs",
            request=lambda inputs: {
                "name": inputs["name"],
                "projectId": inputs["project"],
                "description": inputs["description"],
                "transferSpec": inputs["transferSpec"],
                "schedule": inputs["schedule"],
                "status": inputs.get("status", "ENABLED"),
            },
            outputs=lambda document: {
                **picked(document, "name", "description", "transferSpec", "schedule"),
                "project": document["projectId"],
            },
            id_from=_TRANSFER,
            changed=lambda inputs: picked(inputs, "description"),
            replace_on=frozenset({"name", "project", "transferSpec", "schedule", "status"}),
        ),
    ]


class Bucket(Rest):
    """The handler of Cloud Storage buckets. If the input forceDestroy is true, the deletion of a bucket first deletes
    all its object versions, as in Pulumi's real Google Cloud provider.
    """

    def delete(self, id: str, state: Properties) -> None:
        objects = f"{self.id_from}{id}/o"
        while state.get("forceDestroy") and (page := call(self.clients(), "GET", f"{objects}?versions=true")):
            if not page.get("items"):
                break
            for each in page["items"]:
                name = quote(each["name"], safe="")
                call(self.clients(), "DELETE", f"{objects}/{name}?generation={each['generation']}")
        super().delete(id, state)


def _bucket_collection(inputs: Properties) -> str:
    """Returns the URL path and query of the request that creates a Cloud Storage bucket. A query parameter turns on
    object retention (Cloud Storage JSON API, "Buckets: insert").
    """
    collection = _STORAGE.removesuffix("/")
    return f"{collection}?enableObjectRetention=true" if inputs.get("enableObjectRetention") else collection


def _bucket_settings(inputs: Properties) -> Properties:
    access = {"enabled": inputs.get("uniformBucketLevelAccess", False)}
    prevention = inputs.get("publicAccessPrevention", "inherited")
    rules = cast(list[Properties], inputs.get("lifecycleRules", []))
    return without_none(
        {
            "rpo": inputs.get("rpo"),
            "iamConfiguration": {"uniformBucketLevelAccess": access, "publicAccessPrevention": prevention},
            "versioning": inputs.get("versioning"),
            "softDeletePolicy": inputs.get("softDeletePolicy"),
            "lifecycle": {"rule": [_rule(rule) for rule in rules]},
            "labels": inputs.get("labels"),
            "encryption": inputs.get("encryption"),
            "logging": inputs.get("logging"),
        }
    )


class StorageAgent:
    """Serves the Pulumi data source `gcp:storage/getProjectServiceAccount:getProjectServiceAccount`: the service
    account with which Cloud Storage acts in a project."""

    token = "gcp:storage/getProjectServiceAccount:getProjectServiceAccount"  # noqa: S105  a type token

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def invoke(self, arguments: Properties) -> Properties:
        project = arguments["project"]
        agent = cast(Properties, call(self._clients(), "GET", f"storage/v1/projects/{project}/serviceAccount"))
        email = agent["email_address"]
        return {"id": email, "emailAddress": email, "member": f"serviceAccount:{email}", "project": project}


class TransferAgent:
    """Serves the Pulumi data source `gcp:storage/getTransferProjectServiceAccount:getTransferProjectServiceAccount`:
    the service account with which Storage Transfer Service acts in a project."""

    token = "gcp:storage/getTransferProjectServiceAccount:getTransferProjectServiceAccount"  # noqa: S105  a type token

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def invoke(self, arguments: Properties) -> Properties:
        project = arguments["project"]
        agent = cast(Properties, call(self._clients(), "GET", f"{_TRANSFER}googleServiceAccounts/{project}"))
        email = agent["accountEmail"]
        outputs = {"email": email, "member": f"serviceAccount:{email}", "subjectId": agent["subjectId"]}
        return {"id": email, "project": project, **outputs}


def _bucket_outputs(document: Properties) -> Properties:
    access = document["iamConfiguration"]
    return {
        "location": document["location"],
        "customPlacementConfig": document.get("customPlacementConfig"),
        "rpo": document.get("rpo"),
        "uniformBucketLevelAccess": access["uniformBucketLevelAccess"]["enabled"],
        "publicAccessPrevention": access["publicAccessPrevention"],
        "versioning": document.get("versioning"),
        "enableObjectRetention": document.get("objectRetention", {}).get("mode") == "Enabled" or None,
        "softDeletePolicy": document.get("softDeletePolicy"),
        "lifecycleRules": [_rule_outputs(rule) for rule in document["lifecycle"]["rule"]],
        "labels": document.get("labels"),
        "encryption": document.get("encryption"),
        "logging": document.get("logging"),
        "url": f"gs://{document['name']}",
    }


def _rule(rule: Properties) -> Properties:
    """Converts a lifecycle rule of a bucket from Pulumi inputs to a rule of the Cloud Storage API. The API has `isLive`
    in place of Pulumi's `withState`.
    """
    condition: dict[str, Any] = dict(rule["condition"])
    state = condition.pop("withState", None)
    live = {"LIVE": True, "ARCHIVED": False}.get(str(state))
    return {"action": rule["action"], "condition": condition | ({} if live is None else {"isLive": live})}


def _rule_outputs(rule: Properties) -> Properties:
    condition: dict[str, Any] = dict(rule["condition"])
    live = condition.pop("isLive", None)
    state = {} if live is None else {"withState": "LIVE" if live else "ARCHIVED"}
    return {"action": rule["action"], "condition": condition | state}
