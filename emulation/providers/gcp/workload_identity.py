"""Defines the handlers of workload identity pools, of their providers, and of grants on service accounts, for the
emulated Google Cloud provider.
"""

from __future__ import annotations

from collections.abc import Iterable

import pulumi_gcp as gcp

from emulation.providers.gcp.iam import IamMember
from emulation.providers.gcp.rest import Clients, Rest, call, picked, without_none
from emulation.providers.handler import Handler, Properties

_IAM = "iam/v1/"
_TEXTS = ("displayName", "description", "disabled")


class _SoftDeleted(Rest):
    """The handler of a resource type whose deleted resources Google Cloud still returns for a while. The handler treats
    a deleted resource as a resource that does not exist.
    """

    def read(self, id: str, state: Properties) -> Properties | None:
        found = call(self.clients(), "GET", self.id_from + id)
        return None if found is None or found["state"] == "DELETED" else self._outputs(state, found)


def handlers(clients: Clients) -> Iterable[Handler]:
    """Returns the handlers of workload identity pools, their providers, and grants on service accounts. In the list, a
    resource type comes after the types that it depends on.
    """
    return [
        _SoftDeleted(
            gcp.iam.WorkloadIdentityPool,
            clients,
            collection=lambda inputs: f"{_pools(inputs)}?workloadIdentityPoolId={inputs['workloadIdentityPoolId']}",
            request=lambda inputs: picked(inputs, *_TEXTS),
            outputs=lambda document: picked(document, "name", "state", *_TEXTS),
            id_from=_IAM,
            changed=lambda inputs: picked(inputs, *_TEXTS),
            replace_on=frozenset({"project", "workloadIdentityPoolId"}),
        ),
        _SoftDeleted(
            gcp.iam.WorkloadIdentityPoolProvider,
            clients,
            collection=lambda inputs: (
                f"{_pools(inputs)}/{inputs['workloadIdentityPoolId']}/providers"
                f"?workloadIdentityPoolProviderId={inputs['workloadIdentityPoolProviderId']}"
            ),
            request=_provider,
            outputs=lambda document: picked(
                document, "name", "state", "attributeMapping", "attributeCondition", *_TEXTS
            ),
            id_from=_IAM,
            changed=_provider,
            replace_on=frozenset({"project", "workloadIdentityPoolId", "workloadIdentityPoolProviderId"}),
        ),
        IamMember(gcp.serviceaccount.IAMMember, clients, owner="serviceAccountId", root=_IAM),
    ]


def _pools(inputs: Properties) -> str:
    return f"{_IAM}projects/{inputs['project']}/locations/global/workloadIdentityPools"


def _provider(inputs: Properties) -> Properties:
    oidc: Properties = inputs.get("oidc") or {}
    return without_none(
        {
            **picked(inputs, "attributeMapping", "attributeCondition", *_TEXTS),
            "oidc": picked(oidc, "issuerUri", "allowedAudiences"),
        }
    )
