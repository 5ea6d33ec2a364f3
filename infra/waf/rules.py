"""Renders the firewall's arguments (`WafArgs`) as custom rules and a rate limiting rule of a Cloudflare zone. All plans
of Cloudflare accept these rules.

Clients use a custom hostname of the zone. The rules of the zone also apply to this hostname (Cloudflare for SaaS, "WAF
for SaaS"), and run before the worker.

The free plan permits five custom rules, so the rule `malformed` combines unrelated checks. Rules of the free plan can
neither use regular expressions nor read the size of a body. The rule `malformed` therefore finds only very large
bodies, by the number of digits in Content-Length. The worker checks the exact size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from infra.waf import (
    METHODS,
    MOST_BODY_BYTES,
    MOST_HEADER_CHARACTERS,
    MOST_URI_CHARACTERS,
    PATH_ATTACKS,
    Sources,
    WafArgs,
)


@dataclass(frozen=True)
class Skip:
    """The action of a rule that makes Cloudflare skip checks for matching requests. `phases` and `products` list the
    skipped checks (Cloudflare WAF, "Available skip options").
    """

    phases: Sequence[str]
    products: Sequence[str] = ()


# Skips the Cloudflare products that answer with a challenge, because no registry client can solve a challenge. No rule
# can skip Bot Fight Mode, so Bot Fight Mode must be off in the zone.
_CHALLENGES = Skip(["http_request_sbfm"], ["bic", "hot", "securityLevel", "uaBlock"])


@dataclass(frozen=True)
class Rule:
    """One rule of a Cloudflare zone. If `skip` is None, Cloudflare refuses the requests that match `expression`.
    Otherwise, these requests are exempt from the checks in `skip`, and `logged` says whether Cloudflare logs them.
    """

    name: str
    expression: str
    skip: Skip | None = None
    logged: bool = True


def custom_rules(args: WafArgs) -> list[Rule]:
    """Returns the custom rules of the zone in the order in which Cloudflare evaluates them."""
    rules: list[Rule] = []
    if args.allow:
        rules.append(Rule("allow", _any_of(args.allow), Skip(["http_ratelimit"])))
    if args.deny:
        denied = _any_of(args.deny)
        rules.append(Rule("deny", f"({denied}) and not ({_any_of(args.allow)})" if args.allow else denied))
    # Cloudflare's WAF rules cannot check whether a token is valid. A request with any token is therefore exempt from
    # challenges, but from no other rule. The worker then checks the token.
    rules.append(Rule("exempt-from-challenges", _AUTHENTICATED_READS, _CHALLENGES, logged=False))
    rules.append(Rule("methods", f"not http.request.method in {{{_quoted(METHODS)}}}"))
    rules.append(Rule("malformed", " or ".join([*_path_attacks(), *_sizes()])))
    return rules


def rate_limiting_rules(args: WafArgs) -> list[Rule]:
    """Returns the rate limiting rule of the zone, which counts the requests of each client address.

    The rule's expression uses only the path, because Cloudflare's free plan permits no other field.
    """
    return [Rule("requests-by-address", 'starts_with(http.request.uri.path, "/")')]


_AUTHENTICATED_READS = 'http.request.method in {"GET" "HEAD"} and len(http.request.headers["authorization"][0]) gt 0'


def _any_of(sources: Sources) -> str:
    parts = (
        ("ip.src", sources.addresses),
        ("ip.src.asnum", [str(number) for number in sources.asns]),
        ("ip.src.country", [f'"{country}"' for country in sources.countries]),
    )
    return " or ".join(f"{name} in {{{' '.join(values)}}}" for name, values in parts if values)


def _path_attacks() -> list[str]:
    # The field `raw.http.request.uri.path` contains the path as the client sent it. Cloudflare normalizes the path in
    # the field without `raw.`. The normalization removes parts that this rule searches for, such as `..` (Rules, "URL
    # normalization").
    path = "lower(raw.http.request.uri.path)"
    return [f"{path} contains {_literal(part)}" for part in PATH_ATTACKS]


def _sizes() -> list[str]:
    digits = len(str(MOST_BODY_BYTES))
    return [
        f"len(raw.http.request.uri) gt {MOST_URI_CHARACTERS}",
        "http.request.headers.truncated",
        f"any(len(http.request.headers.values[*])[*] gt {MOST_HEADER_CHARACTERS})",
        f'len(http.request.headers["content-length"][0]) gt {digits}',
    ]


def _quoted(values: Sequence[str]) -> str:
    return " ".join(f'"{value}"' for value in values)


def _literal(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
