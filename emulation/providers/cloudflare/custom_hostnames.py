"""Creates, reads, changes and deletes custom hostnames of a Cloudflare zone and the zone's fallback origin for the
emulated Cloudflare provider. Also serves the data sources for a custom hostname and for the DCV delegation, the CNAME
target through which Cloudflare validates the certificates of custom hostnames.
"""

from __future__ import annotations

from typing import Any, cast

import pulumi_cloudflare
from cloudflare import NotFoundError

from emulation.providers.cloudflare.clients import Clients, api_errors
from emulation.providers.cloudflare.described import camel, outputs, snake
from emulation.providers.cloudflare.scoped import Scoped, refuse_unsupported
from emulation.providers.handler import Created, Properties


class CustomHostname(Scoped):
    """Creates, reads, changes and deletes custom hostnames of a Cloudflare zone. As in Pulumi's real Cloudflare
    provider, the creation of a custom hostname does not wait until the hostname is active.
    """

    resource = pulumi_cloudflare.CustomHostname
    emulated = frozenset({"hostname", "ssl", "zoneId"})
    replace_on = frozenset({"hostname", "zoneId"})
    scope = "zoneId"

    def update(self, id: str, old: Properties, new: Properties) -> Properties:
        refuse_unsupported(new, self.emulated)
        with api_errors():
            changed = self._api.edit(id, **snake({"zoneId": new["zoneId"], "ssl": new.get("ssl")}))
        return outputs(self.resource, changed, new)

    @property
    def _api(self) -> Any:
        return cast(Any, self._clients().custom_hostnames)


class FallbackOrigin:
    """Creates, reads, updates and deletes the fallback origin of a Cloudflare zone, to which Cloudflare sends the
    requests for the zone's custom hostnames. A zone has only one fallback origin, so the zone's id is also the Pulumi
    id of the fallback origin.
    """

    resource = pulumi_cloudflare.CustomHostnameFallbackOrigin
    replace_on = frozenset({"zoneId"})

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def create(self, inputs: Properties) -> Created:
        return Created(inputs["zoneId"], self.update(inputs["zoneId"], {}, inputs))

    def read(self, id: str, state: Properties) -> Properties | None:
        with api_errors():
            try:
                return outputs(self.resource, self._api.get(zone_id=id), {**state, "zoneId": id})
            except NotFoundError:
                return None

    def update(self, id: str, old: Properties, new: Properties) -> Properties:
        refuse_unsupported(new, frozenset({"origin", "zoneId"}))
        with api_errors():
            return outputs(self.resource, self._api.update(zone_id=id, origin=new["origin"]), new)

    def delete(self, id: str, state: Properties) -> None:
        with api_errors():
            try:
                self._api.delete(zone_id=id)
            except NotFoundError:
                return

    @property
    def _api(self) -> Any:
        return cast(Any, self._clients().custom_hostnames.fallback_origin)


class GetCustomHostname:
    token = "cloudflare:index/getCustomHostname:getCustomHostname"  # noqa: S105  a type token

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def invoke(self, arguments: Properties) -> Properties:
        refuse_unsupported(arguments, frozenset({"customHostnameId", "zoneId"}))
        with api_errors():
            api: Any = self._clients().custom_hostnames
            found = api.get(arguments["customHostnameId"], zone_id=arguments["zoneId"])
        return {**arguments, **camel(found.to_dict(mode="json"))}


class GetDcvDelegation:
    token = "cloudflare:index/getDcvDelegation:getDcvDelegation"  # noqa: S105  a type token

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def invoke(self, arguments: Properties) -> Properties:
        refuse_unsupported(arguments, frozenset({"zoneId"}))
        with api_errors():
            api: Any = self._clients().dcv_delegation
            return {**arguments, "uuid": api.get(zone_id=arguments["zoneId"]).uuid}
