"""Zones, their settings and DNS records, and Cloudflare's own addresses."""

from __future__ import annotations

from typing import Any, cast

import pulumi_cloudflare
from cloudflare import NotFoundError

from emulation.providers.cloudflare.clients import Clients, api_errors
from emulation.providers.cloudflare.described import outputs, snake
from emulation.providers.cloudflare.scoped import Scoped, refuse_unsupported
from emulation.providers.handler import Created, Properties


class Zone:
    resource = pulumi_cloudflare.Zone
    replace_on = frozenset({"account", "name"})

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def create(self, inputs: Properties) -> Created:
        with api_errors():
            created = self._api.create(**_arguments(inputs, {"account", "name", "type"}))
        return Created(created.id, self.update(created.id, inputs, inputs))

    def read(self, id: str, state: Properties) -> Properties | None:
        with api_errors():
            try:
                return outputs(self.resource, self._api.get(zone_id=id), state)
            except NotFoundError:
                return None

    def update(self, id: str, old: Properties, new: Properties) -> Properties:
        with api_errors():
            # The API changes one property per call.
            for name, value in _arguments(new, {"paused", "type", "vanityNameServers"}).items():
                self._api.edit(zone_id=id, **{name: value})
            return outputs(self.resource, self._api.get(zone_id=id), new)

    def delete(self, id: str, state: Properties) -> None:
        with api_errors():
            try:
                self._api.delete(zone_id=id)
            except NotFoundError:
                return

    @property
    def _api(self) -> Any:
        return self._clients().zones


class ZoneSetting:
    """The handler of zone settings. The Pulumi id is the setting's, as with the real provider. Deletion does nothing,
    because a zone always has its settings."""

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
        # The SDK has an overload for each record type, and the inputs decide which one applies.
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


def _arguments(inputs: Properties, names: set[str]) -> Properties:
    return snake({name: value for name, value in inputs.items() if name in names})
