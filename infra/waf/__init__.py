"""The WAF: which requests a package registry needs, and which the edge refuses before the worker runs.

One intent for all networks of the edge. `rules.py` renders the intent as rules of a Cloudflare zone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

# The largest fleet of clients that the limits must never slow: runners of a CI service behind one address, which share
# one token and start at the same moment. `npm ci` of each runner fetches the packument and the archive of each package.
FLEET_RUNNERS = 200
INSTALLED_PACKAGES = 1_500
_REQUESTS_OF_FLEET = FLEET_RUNNERS * INSTALLED_PACKAGES * 2

# The methods that clients of registries use. The worker answers the requests that write with 405 in the format of their
# ecosystem, which clients show to their users. Other methods are refused.
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")

# The largest body that the worker reads, in bytes: a purge.
MOST_BODY_BYTES = 256 * 1024
# The most characters of one header. The longest header that clients send is a session of an image client.
MOST_HEADER_CHARACTERS = 16 * 1024
# The most characters of a path with its query.
MOST_URI_CHARACTERS = 4 * 1024

# The periods of the limits that the worker applies. Its bindings have periods of 10 and 60 seconds only (Cloudflare
# Workers, "Rate Limiting"), and `workers/edge/src/limits.ts` has the same periods.
TOKEN_SECONDS = 10
FAILURE_SECONDS = 60

# Parts of a path, in lower case and not decoded, that no client of a registry sends. Names of packages, versions and
# files are ASCII, and none begins with a dot. npm encodes the slash of a scoped name, as in `@acme%2fweb`.
PATH_ATTACKS = (
    "//",  # an empty segment
    "/.",  # a segment that begins with a dot, such as `..`
    "%2e",  # an encoded dot
    "%2f.",  # the same after an encoded slash
    "\\",
    "%5c",  # an encoded backslash
    "%25",  # an encoded percent sign, which a second decoding would decode
    "%0",  # control characters
    "%1",
    "%7f",
    *(f"%{digit}" for digit in "89abcdef"),  # bytes that are not ASCII, such as overlong encodings of dots
)


@dataclass(frozen=True)
class Sources:
    """The origins of requests: networks in CIDR notation, numbers of autonomous systems, and countries (ISO 3166-1
    alpha-2).
    """

    addresses: Sequence[str] = ()
    asns: Sequence[int] = ()
    countries: Sequence[str] = ()

    def __bool__(self) -> bool:
        return bool(self.addresses or self.asns or self.countries)


@dataclass(frozen=True)
class Bound:
    """The most requests in a period of `seconds`."""

    requests: int
    seconds: int


@dataclass(frozen=True)
class WafArgs:
    """What the edge refuses and limits. No list and no limit replaces the check of tokens.

    Requests from `deny` are refused. Sources in `allow` are exempt from `deny` and from the limits by address. An
    address that exceeds `by_address` gets 429 until the period ends. So do requests with a token that exceeds
    `by_token`, and tokens that are not valid from an address with more than `failed_tokens` of them.
    """

    allow: Sources = field(default_factory=Sources)
    deny: Sources = field(default_factory=Sources)
    by_address: Bound = Bound(_REQUESTS_OF_FLEET, 10)
    by_token: Bound = Bound(_REQUESTS_OF_FLEET, TOKEN_SECONDS)
    failed_tokens: Bound = Bound(100, FAILURE_SECONDS)
