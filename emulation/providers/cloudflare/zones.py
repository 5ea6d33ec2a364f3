"""Emulates how Pulumi's Cloudflare provider manages zones, zone settings and DNS records. Also serves data sources,
such as the list of Cloudflare's own IP networks.
"""

from __future__ import annotations

from typing import Any, cast

import pulumi_cloudflare
from cloudflare import NotFoundError

from emulation.providers.cloudflare.clients import Clients, api_errors
from emulation.providers.cloudflare.described import camel
from emulation.providers.cloudflare.scoped import Scoped, refuse_unsupported
from emulation.providers.handler import CloudError, Created, Properties


class ZoneSetting:
    """Creates, reads, changes and deletes settings of a Cloudflare zone. As in Pulumi's real Cloudflare provider, the
    Pulumi id is the name of the setting. The deletion of the Pulumi resource changes nothing in Cloudflare, because a
    zone always has its settings.
    """

    resource = pulumi_cloudflare.ZoneSetting
    replace_on = frozenset({"settingId", "zoneId"})

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def create(self, inputs: Properties) -> Created:
        return Created(inputs["settingId"], self.update(inputs["settingId"], {}, inputs))

    def read(self, id: str, state: Properties) -> Properties | None:
        with api_errors():
            try:
                return {**state, "settingId": id, "value": self._api.get(id, zone_id=state["zoneId"]).value}
            except NotFoundError:
                return None

    def update(self, id: str, old: Properties, new: Properties) -> Properties:
        refuse_unsupported(new, frozenset({"settingId", "value", "zoneId"}))
        with api_errors():
            answer = self._api.edit(id, zone_id=new["zoneId"], value=new["value"])
        return {**new, "value": answer.value, "editable": answer.editable}

    def delete(self, id: str, state: Properties) -> None:
        pass

    @property
    def _api(self) -> Any:
        return cast(Any, self._clients().zones.settings)


class DnsRecord(Scoped):
    resource = pulumi_cloudflare.DnsRecord
    emulated = frozenset({"name", "ttl", "type", "zoneId", "comment", "content", "proxied", "settings", "tags"})
    replace_on = frozenset({"zoneId"})
    scope = "zoneId"

    @property
    def _api(self) -> Any:
        # This call is not type-checked. Cloudflare's SDK has an overload for each type of DNS record, and only the
        # inputs decide which overload applies.
        return cast(Any, self._clients().dns.records)


class IpRanges:
    token = "cloudflare:index/getIpRanges:getIpRanges"  # noqa: S105  a type token

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def invoke(self, arguments: Properties) -> Properties:
        refuse_unsupported(arguments, frozenset())
        with api_errors():
            ranges = cast(Any, self._clients().ips.list())
        return {"etag": ranges.etag, "ipv4Cidrs": ranges.ipv4_cidrs, "ipv6Cidrs": ranges.ipv6_cidrs}


class GetZone:
    """Serves the Pulumi data source that looks up a Cloudflare zone by its name and account. The emulation refuses
    other filters.
    """

    token = "cloudflare:index/getZone:getZone"  # noqa: S105  a type token

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def invoke(self, arguments: Properties) -> Properties:
        refuse_unsupported(arguments, frozenset({"filter"}))
        wanted = arguments["filter"]
        refuse_unsupported(wanted, frozenset({"account", "match", "name"}))
        with api_errors():
            found = list(self._clients().zones.list(name=wanted["name"], account={"id": wanted["account"]["id"]}))
        if len(found) != 1:
            raise CloudError(f"{len(found)} zones of account {wanted['account']['id']} have the name {wanted['name']}")
        zone = camel(found[0].to_dict(mode="json"))
        return {**{name: value for name, value in zone.items() if value is not None}, "zoneId": zone["id"]}
