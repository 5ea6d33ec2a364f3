"""Creates, reads, changes and deletes Compute Engine resources, and the service accounts of machines, in the emulated
Google Cloud.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

import pulumi_gcp as gcp

from emulation.providers.gcp.rest import Clients, Rest, picked, without_none
from emulation.providers.handler import CloudError, Handler, Properties

_COMPUTE = "compute/v1/"
_IAM = "iam/v1/"


def handlers(clients: Clients) -> Iterable[Handler]:
    """Returns the handlers of Compute Engine resources and service accounts. If resource type A needs type B, B's
    handler comes first.
    """
    return [
        Rest(
            gcp.compute.Network,
            clients,
            collection=lambda inputs: f"{_COMPUTE}projects/{inputs['project']}/global/networks",
            request=lambda inputs: {
                "name": inputs["name"],
                "autoCreateSubnetworks": inputs.get("autoCreateSubnetworks", True),
            },
            outputs=lambda document: {"autoCreateSubnetworks": document["autoCreateSubnetworks"], **_link(document)},
            id_from=_COMPUTE,
            replace_on=frozenset({"project", "name", "autoCreateSubnetworks"}),
        ),
        Rest(
            gcp.compute.Subnetwork,
            clients,
            collection=lambda inputs: f"{_COMPUTE}projects/{inputs['project']}/regions/{inputs['region']}/subnetworks",
            request=lambda inputs: picked(inputs, "name", "network", "ipCidrRange", "privateIpGoogleAccess"),
            outputs=lambda document: {**picked(document, "ipCidrRange", "privateIpGoogleAccess"), **_link(document)},
            id_from=_COMPUTE,
            changed=lambda inputs: picked(inputs, "privateIpGoogleAccess"),
            replace_on=frozenset({"project", "region", "name", "network", "ipCidrRange"}),
        ),
        Rest(
            gcp.compute.Firewall,
            clients,
            collection=lambda inputs: f"{_COMPUTE}projects/{inputs['project']}/global/firewalls",
            request=lambda inputs: {**picked(inputs, "name", "network", "direction"), **_firewall_rules(inputs)},
            outputs=_firewall_outputs,
            id_from=_COMPUTE,
            changed=_firewall_rules,
            replace_on=frozenset({"project", "name", "network", "direction"}),
        ),
        Rest(
            gcp.compute.Address,
            clients,
            collection=lambda inputs: f"{_COMPUTE}projects/{inputs['project']}/regions/{inputs['region']}/addresses",
            request=lambda inputs: picked(inputs, "name", "labels"),
            outputs=lambda document: {**picked(document, "address", "labels"), **_link(document)},
            id_from=_COMPUTE,
            changed=lambda inputs: picked(inputs, "labels"),
            replace_on=frozenset({"project", "region", "name"}),
        ),
        _Machines(
            gcp.compute.Instance,
            clients,
            collection=lambda inputs: f"{_COMPUTE}projects/{inputs['project']}/zones/{inputs['zone']}/instances",
            request=_instance,
            outputs=lambda document: {
                "instanceId": document["id"],
                "metadata": {item["key"]: item["value"] for item in document["metadata"]["items"]},
                **picked(document, "labels"),
                **_link(document),
            },
            id_from=_COMPUTE,
            changed=_instance_changes,
            replace_on=frozenset({"project", "zone", "name", "bootDisk", "scratchDisks", "networkInterfaces"}),
        ),
        Rest(
            gcp.serviceaccount.Account,
            clients,
            collection=lambda inputs: f"{_IAM}projects/{inputs['project']}/serviceAccounts",
            request=lambda inputs: {
                "accountId": inputs["accountId"],
                "serviceAccount": picked(inputs, "displayName"),
            },
            outputs=lambda document: {
                **picked(document, "displayName", "email", "uniqueId"),
                "name": document["selfLink"].removeprefix(_IAM),
                "member": f"serviceAccount:{document['email']}",
            },
            id_from=_IAM,
            changed=lambda inputs: picked(inputs, "displayName"),
            replace_on=frozenset({"project", "accountId"}),
        ),
    ]


# The inputs that Compute Engine changes only while a machine is stopped.
_STOPPED_FOR = ("machineType", "serviceAccount", "shieldedInstanceConfig")


class _Machines(Rest):
    """The handler of machines. Pulumi's provider refuses to stop a machine for a change, unless the program permits it
    (hashicorp/terraform-provider-google, `resource_compute_instance.go`). The emulated Compute Engine stops none.
    """

    def update(self, id: str, old: Properties, new: Properties) -> Properties:
        if any(old.get(name) != new.get(name) for name in _STOPPED_FOR):
            raise CloudError(
                f"{id}: Changing the machine_type, service_account or shielded_instance_config on a started instance "
                "requires stopping it. To acknowledge this, please set allow_stopping_for_update = true in your config."
            )
        return super().update(id, old, new)


def _link(document: Properties) -> Properties:
    return {"selfLink": f"https://www.googleapis.com/{document['selfLink']}"}


# For each list of traffic in the inputs of a firewall rule, the name of the list in the Compute Engine API.
_TRAFFIC = {"allows": "allowed", "denies": "denied"}


def _firewall_rules(inputs: Properties) -> Properties:
    traffic = {
        theirs: [{"IPProtocol": rule["protocol"], "ports": rule.get("ports", [])} for rule in inputs[ours]]
        for ours, theirs in _TRAFFIC.items()
        if inputs.get(ours)
    }
    return {**traffic, **picked(inputs, "sourceRanges", "destinationRanges", "priority")}


def _firewall_outputs(document: Properties) -> Properties:
    traffic = {
        ours: [{"protocol": rule["IPProtocol"], "ports": rule["ports"]} for rule in document[theirs]]
        for ours, theirs in _TRAFFIC.items()
        if document.get(theirs)
    }
    picks = picked(document, "sourceRanges", "destinationRanges", "priority", "direction")
    return {**traffic, **picks, **_link(document)}


def _instance(inputs: Properties) -> Properties:
    boot = inputs["bootDisk"]["initializeParams"]
    disks: list[Properties] = [
        {
            "boot": True,
            "initializeParams": {
                "sourceImage": boot["image"],
                "diskSizeGb": str(boot["size"]),
                **({"diskType": boot["type"]} if "type" in boot else {}),
            },
        }
    ]
    disks += [{"type": "SCRATCH", "interface": disk["interface"]} for disk in inputs.get("scratchDisks", [])]
    account = cast("Properties | None", inputs.get("serviceAccount"))
    return without_none(
        {
            **picked(inputs, "name", "machineType", "shieldedInstanceConfig"),
            "disks": disks,
            "networkInterfaces": [_interface(interface) for interface in inputs["networkInterfaces"]],
            "serviceAccounts": [account] if account else None,
            **_instance_changes(inputs),
        }
    )


def _interface(interface: Properties) -> Properties:
    access = [{"type": "ONE_TO_ONE_NAT", "natIP": config["natIp"]} for config in interface.get("accessConfigs", [])]
    inside = without_none({"networkIP": interface.get("networkIp")})
    return {"subnetwork": interface["subnetwork"], "accessConfigs": access, **inside}


def _instance_changes(inputs: Properties) -> Properties:
    metadata = cast(Mapping[str, str], inputs.get("metadata", {}))
    items = [{"key": key, "value": value} for key, value in metadata.items()]
    return {"metadata": {"items": items}, **picked(inputs, "labels")}
