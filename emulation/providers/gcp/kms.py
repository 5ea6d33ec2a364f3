"""Implements the Pulumi resources for Cloud KMS key rings and keys in the emulated Google Cloud provider. Google Cloud
never deletes key rings and keys.

As in Pulumi's real provider, the deletion of a key ring only removes the key ring from the Pulumi state. The deletion
of a key also ends the key's rotation. A deleted key ring or key still exists in Google Cloud, so Pulumi cannot create
it again. The user must import the existing resource into the Pulumi state.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pulumi_gcp as gcp

from emulation.providers.gcp.iam import IamMember
from emulation.providers.gcp.rest import Clients, Rest, call, picked, without_none
from emulation.providers.handler import Handler, Properties

_ROOT = "cloudkms/v1/"


class NeverDeleted(Rest):
    """The handler of a Google Cloud resource type whose resources can never be deleted, such as key rings."""

    def delete(self, id: str, state: Properties) -> None:
        """Does nothing in the cloud, because Google never deletes a key ring. Pulumi only removes the resource from its
        state.
        """


class NeverDeletedKey(Rest):
    """Creates, reads and changes Cloud KMS keys. A deletion only ends the key's rotation, because Google never deletes
    a key.
    """

    def delete(self, id: str, state: Properties) -> None:
        call(self.clients(), "PATCH", self.id_from + id, {"rotationPeriod": None, "nextRotationTime": None})


def handlers(clients: Clients) -> Iterable[Handler]:
    """Returns the handlers of Cloud KMS key rings, keys and grants. In the list, the handler of a resource type comes
    after the handlers of the types that it depends on.
    """
    return [
        NeverDeleted(
            gcp.kms.KeyRing,
            clients,
            collection=lambda inputs: (
                f"{_ROOT}projects/{inputs['project']}/locations/{inputs['location']}/keyRings?keyRingId={inputs['name']}"
            ),
            request=lambda inputs: {},
            outputs=lambda document: {},
            id_from=_ROOT,
            replace_on=frozenset({"project", "location", "name"}),
        ),
        NeverDeletedKey(
            gcp.kms.CryptoKey,
            clients,
            collection=lambda inputs: f"{_ROOT}{inputs['keyRing']}/cryptoKeys?cryptoKeyId={inputs['name']}",
            request=lambda inputs: {"purpose": inputs.get("purpose", "ENCRYPT_DECRYPT"), **_settings(inputs)},
            outputs=lambda document: picked(document, "purpose", "rotationPeriod", "labels"),
            id_from=_ROOT,
            changed=_settings,
            replace_on=frozenset({"keyRing", "name", "purpose"}),
        ),
        IamMember(gcp.kms.CryptoKeyIAMMember, clients, "cryptoKeyId", _ROOT),
    ]


def _settings(inputs: Properties) -> Properties:
    """Returns the rotation and other settings of a Cloud KMS key. A rotation period requires the time of the first
    rotation, which this function computes."""
    period = inputs.get("rotationPeriod")
    first = period and (datetime.now(UTC) + timedelta(seconds=float(period.removesuffix("s")))).isoformat()
    return without_none({"rotationPeriod": period, "nextRotationTime": first, "labels": inputs.get("labels")})
