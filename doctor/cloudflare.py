"""Checks the Cloudflare account: the API token, the token's permissions, the zone, and other scripts that use the
zone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, cast

from cloudflare import Cloudflare, CloudflareError

from doctor.finding import Finding
from infra.edge.cloudflare import worker_script
from infra.waf.cloudflare import PHASES, ruleset_name
from stacks.config import Stack


def check(stack: Stack, client: Callable[[], Cloudflare] = Cloudflare) -> Iterator[Finding]:
    """Checks the Cloudflare account with the API token in CLOUDFLARE_API_TOKEN, and yields a finding for each check."""
    api, fix = cast(Any, client()), "set CLOUDFLARE_API_TOKEN to a token with the permissions of docs/going-live.md"
    if api.api_token is None:
        yield Finding("Cloudflare API token", "is missing", fix)
        return
    try:
        status = _status(api, stack.config.edge.account_id)
    except CloudflareError as error:
        yield Finding("Cloudflare API token", _short(error), fix)
        return
    if status != "active":
        yield Finding("Cloudflare API token", f"is {status}", fix)
        return
    yield Finding("Cloudflare API token", "is active")
    yield from _zone(stack, api)
    account = stack.config.edge.account_id
    for permission, read in (
        ("Account: Workers Scripts", lambda: api.workers.scripts.list(account_id=account)),
        ("Account: Workers KV Storage", lambda: api.kv.namespaces.list(account_id=account)),
        ("Account: SSL and Certificates", lambda: api.mtls_certificates.list(account_id=account)),
    ):
        yield _readable(permission, read)


def _status(api: Any, account: str) -> str:
    """Returns the status of the API token. The token belongs to a user or to the account, and Cloudflare verifies both
    kinds at different URLs (Cloudflare API Reference, "Verify Token" of users and of accounts).
    """
    try:
        return api.user.tokens.verify().status
    except CloudflareError:
        return api.accounts.tokens.verify(account_id=account).status


def _zone(stack: Stack, api: Any) -> Iterator[Finding]:
    name, account = stack.config.edge.zone, stack.config.edge.account_id
    subject = f"Cloudflare zone {name}"
    zone = next(iter(api.zones.list(name=name)), None)
    if zone is None:
        yield Finding(subject, "the token sees no such zone", "add it to the account, and let the token read it")
        return
    if zone.account.id != account:
        fix = f"set artifact-edge:edge.account_id to {zone.account.id}, or use a zone of this account"
        yield Finding(subject, f"belongs to the account {zone.account.id}", fix)
        return
    if zone.status != "active":
        servers = ", ".join(zone.name_servers or [])
        yield Finding(subject, f"is {zone.status}", f"set its name servers at the registrar: {servers}")
        return
    yield Finding(subject, "is active")
    yield from _routes(stack, api, zone.id)
    for permission, read in (
        ("Zone: Zone Settings", lambda: api.zones.settings.get("ssl", zone_id=zone.id)),
        ("Zone: DNS", lambda: api.dns.records.list(zone_id=zone.id)),
        ("Zone: SSL and Certificates", lambda: api.custom_hostnames.list(zone_id=zone.id)),
    ):
        yield _readable(permission, read)
    yield from _rules(stack, api, zone.id)


def _rules(stack: Stack, api: Any, zone: str) -> Iterator[Finding]:
    """Yields a finding (the result of a check) about rulesets in the zone that would conflict with the rulesets of the
    stack's WAF.

    A zone has at most one ruleset in each phase (a step of Cloudflare's request processing). `pulumi up` therefore
    fails if another ruleset exists in a phase that the stack's WAF uses.
    """
    subject = f"rules of {stack.config.edge.zone}"
    try:
        found = [each for each in api.rulesets.list(zone_id=zone) if each.kind == "zone" and each.phase in PHASES]
    except CloudflareError as error:
        yield Finding(subject, _short(error), "give the token the permission `Zone: Zone WAF`")
        return
    others = sorted(each.phase for each in found if each.name != ruleset_name(stack.prefix))
    if others:
        fix = "remove these rules in the dashboard; the stack's WAF has all rules of the zone"
        yield Finding(subject, f"exist in {', '.join(others)}, and a phase has one ruleset", fix)
    else:
        yield Finding(subject, "are those of the stack, or none")


def _routes(stack: Stack, api: Any, zone: str) -> Iterator[Finding]:
    """Yields a finding (the result of a check) about the zone's routes to other worker scripts. The stack needs a zone
    for itself, because the stack's route covers every request to the zone.
    """
    subject = f"routes of {stack.config.edge.zone}"
    try:
        routes = list(api.workers.routes.list(zone_id=zone))
    except CloudflareError as error:
        yield Finding(subject, _short(error), "give the token the permission `Zone: Workers Routes`")
        return
    others = sorted({str(each.script) for each in routes} - {worker_script(stack.prefix)})
    if others:
        yield Finding(subject, f"the zone also serves {', '.join(others)}", "use a zone for this stack alone")
    else:
        yield Finding(subject, "no other script uses the zone")


def _readable(permission: str, read: Callable[[], Any]) -> Finding:
    """Returns a finding that says whether the API token has a permission. `read` sends a request that needs the
    permission.

    This request only reads. A token that may read but not write therefore passes the check, although `pulumi up` with
    this token fails later.
    """
    try:
        next(iter(read()), None)
    except CloudflareError as error:
        return Finding(f"Cloudflare permission `{permission}`", _short(error), "add it to the API token, with Edit")
    return Finding(f"Cloudflare permission `{permission}`", "the token may read")


def _short(error: CloudflareError) -> str:
    body: Any = getattr(error, "body", None)
    errors: Any = cast(Any, body).get("errors", []) if isinstance(body, dict) else []
    return ", ".join(str(each["message"]) for each in errors) or " ".join(str(error).split())
