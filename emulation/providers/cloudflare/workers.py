"""Creates, reads, changes and deletes the resources of Cloudflare Workers, for the emulated Cloudflare provider:
key-value namespaces, scripts and routes.
"""

from __future__ import annotations

import io
from typing import Any

import pulumi_cloudflare
from cloudflare import NotFoundError
from werkzeug.formparser import FormDataParser
from werkzeug.http import parse_options_header

from emulation.providers.cloudflare.clients import api_errors
from emulation.providers.cloudflare.described import camel, in_form_of, outputs, snake
from emulation.providers.cloudflare.scoped import Scoped, refuse_unsupported
from emulation.providers.handler import CloudError, Created, Properties

METADATA = frozenset(
    {
        "annotations",
        "bindings",
        "cacheOptions",
        "compatibilityDate",
        "compatibilityFlags",
        "exports",
        "logpush",
        "mainModule",
        "observability",
    }
)
MODULE = "application/javascript+module"


class KvNamespace(Scoped):
    resource = pulumi_cloudflare.WorkersKvNamespace
    emulated = frozenset({"accountId", "title"})
    replace_on = frozenset({"accountId"})
    scope = "accountId"

    @property
    def _api(self) -> Any:
        return self._clients().kv.namespaces


class Script(Scoped):
    """Creates, reads, changes and deletes Cloudflare worker scripts that consist of a single module. The Pulumi id of a
    script is the script's name, as in Pulumi's real Cloudflare provider.
    """

    resource = pulumi_cloudflare.WorkersScript
    emulated = METADATA | {"accountId", "scriptName", "content"}
    replace_on = frozenset({"accountId", "scriptName"})
    scope = "accountId"

    def create(self, inputs: Properties) -> Created:
        return Created(inputs["scriptName"], self.update(inputs["scriptName"], {}, inputs))

    def read(self, id: str, state: Properties) -> Properties | None:
        where = self._scope_arguments(id, state)
        with api_errors():
            try:
                settings = self._api.script_and_version_settings.get(id, **where)
                content = _main_module(self._api.content.get(id, **where))
            except NotFoundError:
                return None
        current = camel(settings.to_dict(mode="json"))
        bindings = _in_order(state.get("bindings", []), current.pop("bindings", []))
        known = {name: in_form_of(state[name], value) for name, value in current.items() if name in state}
        return {**state, **known, "scriptName": id, "content": content, "bindings": bindings}

    def update(self, id: str, old: Properties, new: Properties) -> Properties:
        refuse_unsupported(new, self.emulated)
        if not new.get("content") or not new.get("mainModule"):
            raise CloudError("not emulated: a script without content and mainModule (a bundle of one ES module)")
        metadata = snake({name: value for name, value in new.items() if name in METADATA - {"exports"}})
        # The keys in `exports` are the names of JavaScript classes, so the conversion to snake case must not change
        # them.
        if "exports" in new:
            metadata["exports"] = {name: snake(export) for name, export in new["exports"].items()}
        with api_errors():
            uploaded = self._api.update(
                id,
                account_id=new["accountId"],
                metadata=metadata,
                files=[(new["mainModule"], new["content"].encode(), MODULE)],
            )
        return outputs(self.resource, uploaded, new)

    @property
    def _api(self) -> Any:
        return self._clients().workers.scripts


class Route(Scoped):
    resource = pulumi_cloudflare.WorkersRoute
    emulated = frozenset({"pattern", "script", "zoneId"})
    replace_on = frozenset({"zoneId"})
    scope = "zoneId"

    @property
    def _api(self) -> Any:
        return self._clients().workers.routes


def _main_module(answer: Any) -> str:
    """Returns the source code of a worker script's main module. The Cloudflare API sends the modules of a script as
    multipart/form-data.
    """
    kind, options = parse_options_header(answer.headers["content-type"])
    body: bytes = answer.read()
    _, _, files = FormDataParser().parse(io.BytesIO(body), kind, len(body), options)
    return files[answer.headers["cf-entrypoint"]].read().decode()


def _in_order(given: list[Properties], current: list[Properties]) -> list[Properties]:
    """Returns the current bindings of a worker script in the order of the Pulumi inputs. The values of bindings of the
    type `secret_text` come from the Pulumi inputs, because the API does not return them.
    """
    before = {binding["name"]: binding for binding in given}
    order = {name: place for place, name in enumerate(before)}
    known: list[Properties] = []
    for binding in sorted(current, key=lambda binding: order.get(binding["name"], len(order))):
        same = before.get(binding["name"], {})
        secret = binding["type"] == "secret_text" and same.get("type") == "secret_text"
        known.append({**binding, "text": same["text"]} if secret else binding)
    return known
