"""The handlers of the emulated Cloudflare provider for the rulesets of a zone. Each ruleset contains the rules of the
web application firewall for one phase of a request.
"""

from __future__ import annotations

from typing import Any

import pulumi_cloudflare

from emulation.providers.cloudflare.clients import api_errors
from emulation.providers.cloudflare.described import in_form_of, outputs, snake
from emulation.providers.cloudflare.scoped import Scoped, refuse_unsupported
from emulation.providers.handler import Created, Properties

_RULE = frozenset({"action", "actionParameters", "description", "enabled", "expression", "logging", "ratelimit", "ref"})


class Ruleset(Scoped):
    resource = pulumi_cloudflare.Ruleset
    emulated = frozenset({"description", "kind", "name", "phase", "rules", "zoneId"})
    # Cloudflare does not allow a change of a ruleset's name (Rulesets API, "Create ruleset").
    replace_on = frozenset({"kind", "name", "phase", "zoneId"})
    scope = "zoneId"

    def create(self, inputs: Properties) -> Created:
        self._refuse_unsupported(inputs)
        with api_errors():
            # Cloudflare's SDK returns the created ruleset as plain JSON, and not as an object of the SDK.
            created: Properties = self._api.create(**snake(inputs))
        return Created(created["id"], self._current(created["id"], inputs))

    def read(self, id: str, state: Properties) -> Properties | None:
        current = super().read(id, state)
        return None if current is None else _in_form_of_inputs(current, state)

    def update(self, id: str, old: Properties, new: Properties) -> Properties:
        self._refuse_unsupported(new)
        changes = {name: new.get(name) for name in ("description", "rules", "zoneId")}
        with api_errors():
            self._api.update(id, **snake(changes))
        return self._current(id, new)

    @property
    def _api(self) -> Any:
        return self._clients().rulesets

    def _current(self, id: str, inputs: Properties) -> Properties:
        with api_errors():
            found = self._api.get(id, **self._scope_arguments(id, inputs))
        return _in_form_of_inputs(outputs(self.resource, found, inputs), inputs)

    def _refuse_unsupported(self, inputs: Properties) -> None:
        refuse_unsupported(inputs, self.emulated)
        rules: list[Properties] = inputs.get("rules") or []
        for rule in rules:
            refuse_unsupported(rule, _RULE)


def _in_form_of_inputs(current: Properties, given: Properties) -> Properties:
    """Returns a ruleset's properties in a form that can be compared with the Pulumi inputs. The API adds members such
    as an id to each rule. This function keeps only the members that the rule has in the inputs.
    """
    wanted: list[Properties] = given.get("rules") or []
    rules: list[Properties] = current.get("rules") or []
    if len(rules) != len(wanted):
        return {**current, "rules": rules}
    return {**current, "rules": [in_form_of(one, other) for one, other in zip(wanted, rules, strict=True)]}
