"""Renders the settings of the firewall as values for the configuration of NGINX, which is the firewall on PoPs of our
own (infra/pop/machine/files/etc/artifact-edge/nginx.conf.in).

NGINX has no data about the country or the autonomous system of an address, so it cannot apply settings that need them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from infra.waf import (
    FLEET_RUNNERS,
    METHODS,
    MOST_BODY_BYTES,
    MOST_HEADER_CHARACTERS,
    MOST_URI_CHARACTERS,
    PATH_ATTACKS,
    TOKEN_SECONDS,
    Bound,
    WafArgs,
)

# The maximum number of connections that npm opens at once to one host (npm documentation, "config", "maxsockets").
_CONNECTIONS_OF_CLIENT = 15


def values(args: WafArgs) -> Mapping[str, str]:
    """Returns the values of the placeholders in NGINX's configuration. `args` are the arguments of the component
    `Waf`.
    """
    return {
        "ALLOWED_NETWORKS": _networks(args.allow.addresses),
        "DENIED_NETWORKS": _networks(args.deny.addresses),
        "METHODS": "|".join(METHODS),
        "METHODS_OF_CRS": " ".join(METHODS),
        "PATH_ATTACKS": "|".join(_pattern(part) for part in PATH_ATTACKS),
        "TOO_MANY_URI_CHARACTERS": str(MOST_URI_CHARACTERS + 1),
        "MOST_HEADER_BYTES": str(MOST_HEADER_CHARACTERS),
        "MOST_BODY_BYTES": str(MOST_BODY_BYTES),
        "MOST_CONNECTIONS": str(FLEET_RUNNERS * _CONNECTIONS_OF_CLIENT),
        "RETRY_SECONDS": str(max(args.by_address.seconds, TOKEN_SECONDS)),
        **_bound("ADDRESS", args.by_address),
        **_bound("TOKEN", args.by_token),
        **_bound("FAILED_TOKENS", args.failed_tokens),
    }


def lacks(args: WafArgs) -> Iterator[tuple[str, str]]:
    """Yields an error for each setting that contains ASNs or countries. NGINX can only recognize addresses. An error is
    a pair: the setting, and a message with the remedy.
    """
    for name, sources in (("allow", args.allow), ("deny", args.deny)):
        for kind, given in (("asns", sources.asns), ("countries", sources.countries)):
            if given:
                yield f"{name}.{kind}", f"PoPs of our own know only addresses; use {name}.addresses, or no pops"


def _networks(networks: Sequence[str]) -> str:
    return " ".join(f"{network} 1;" for network in networks)


def _bound(name: str, bound: Bound) -> Mapping[str, str]:
    """Returns the values of NGINX's settings for a rate limit: the rate in requests a minute, and the size of the
    burst. NGINX admits the requests of a burst at once. NGINX admits further requests only at the given rate.
    """
    return {
        f"{name}_RATE": f"{max(1, bound.requests * 60 // bound.seconds)}r/m",
        f"{name}_BURST": str(bound.requests - 1),
    }


def _pattern(part: str) -> str:
    """Returns a regular expression that matches `part`, a substring of a path. The expression never contains two
    backslashes in a row, because NGINX would read them as an escape sequence in a string of its configuration.
    """
    return part.replace(".", "[.]").replace("\\", r"\x5c")
