"""Lists a stack's worker scripts and key-value namespaces on Cloudflare, and compares them with the Pulumi state.

Worker scripts and namespaces have no tags. A script or namespace belongs to the stack if its name begins with the
stack's prefix.
"""

from __future__ import annotations

from typing import Any, cast

from cloudflare import Cloudflare

from drift import DriftError
from drift.comparison import Comparison
from drift.state import Resource, State

_SCRIPT = "cloudflare:index/workersScript:WorkersScript"
_NAMESPACE = "cloudflare:index/workersKvNamespace:WorkersKvNamespace"


def compare(state: State) -> Comparison:
    """Compares the worker scripts and key-value namespaces in Cloudflare accounts with the scripts and namespaces in
    the Pulumi state.

    The state contains the IDs of the accounts. The Cloudflare client reads the API token from CLOUDFLARE_API_TOKEN.
    """
    known = [*state.of_type(_SCRIPT), *state.of_type(_NAMESPACE)]
    found = Comparison()
    if not known:
        return found
    api = cast(Any, Cloudflare())
    if api.api_token is None:
        raise DriftError("CLOUDFLARE_API_TOKEN is not set: set it to an API token that may read Workers of the account")
    for account in sorted({str(resource.outputs["accountId"]) for resource in known}):
        here = [resource for resource in known if resource.outputs["accountId"] == account]
        scripts = {script.id: script.id for script in api.workers.scripts.list(account_id=account)}
        namespaces = {space.id: space.title for space in api.kv.namespaces.list(account_id=account)}
        for kind, listed, type_token in (
            ("worker script", scripts, _SCRIPT),
            ("key-value namespace", namespaces, _NAMESPACE),
        ):
            of_kind = {resource.id: resource for resource in here if resource.type == type_token}
            found.add(
                (f"{kind} {name} ({id})" for id, name in _orphans(state, listed, of_kind)),
                (resource for id, resource in of_kind.items() if id not in listed),
            )
    return found


def _orphans(state: State, listed: dict[str, str], known: dict[str, Resource]) -> list[tuple[str, str]]:
    return [
        (id, name)
        for id, name in listed.items()
        if id not in known and (name == state.prefix or name.startswith(f"{state.prefix}-"))
    ]
