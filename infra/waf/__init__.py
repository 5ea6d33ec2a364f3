"""The arguments of the web application firewall (WAF). They describe the requests that a package registry needs, and
the requests that the edge refuses before the worker runs.

The arguments name no product, so Cloudflare and PoPs of our own can apply the same arguments. `rules.py` renders them
as rules of a Cloudflare zone, and `nginx.py` as configuration of NGINX.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

# The size of a group of clients that the rate limits must not slow down. An example is a group of CI runners that share
# one address and one token and start at the same moment. On each of FLEET_RUNNERS runners, `npm ci` fetches the
# packument and the archive of each of INSTALLED_PACKAGES packages.
FLEET_RUNNERS = 200
INSTALLED_PACKAGES = 1_500
_REQUESTS_OF_FLEET = FLEET_RUNNERS * INSTALLED_PACKAGES * 2

# The HTTP methods that clients of registries use. The edge refuses all other methods. The worker answers requests that
# would change a package, such as PUT requests, with status 405. The response has the error format of npm, PyPI or OCI,
# so clients can show the reason to their users.
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")

# The largest request body that the worker reads, in bytes. The limit is high enough for the largest purge request that
# the registry sends (workers/edge/src/purges.ts). No other request that the worker accepts has a larger body.
MOST_BODY_BYTES = 256 * 1024
# The maximum number of characters of one request header. The longest header that clients send is the Authorization
# header of an image client. It contains a session, which is a signed JWT.
MOST_HEADER_CHARACTERS = 16 * 1024
# The maximum total number of characters of a URL's path and query.
MOST_URI_CHARACTERS = 4 * 1024

# The periods, in seconds, of the rate limits that the worker applies. The worker's rate limiting bindings accept only
# the periods 10 and 60 (Cloudflare Workers, "Rate Limiting"). `workers/edge/src/limits.ts` must have the same periods.
TOKEN_SECONDS = 10
FAILURE_SECONDS = 60

# The firewall treats a request as an attack if its path contains one of these strings. It compares the strings with the
# undecoded path and ignores the case. No package manager sends such a path: the names of packages, versions and files
# are ASCII, and none of them begins with a dot. An encoded slash is allowed, because npm sends names such as
# `@acme%2fweb`. A repeated slash is allowed too: corepack sends one if the registry's URL ends with a slash, and the
# worker redirects the client.
PATH_ATTACKS = (
    "/.",  # matches a segment of the path that begins with a dot, such as `..`
    "%2e",  # matches an encoded dot
    "%2f.",  # matches an encoded slash that is followed by a dot
    "\\",
    "%5c",  # matches an encoded backslash
    # matches an encoded percent sign: a server that decodes the path twice would see a path that the firewall did not
    # check
    "%25",
    "%0",  # `%0`, `%1` and `%7f` match encoded control characters
    "%1",
    "%7f",
    # matches encoded bytes that are not ASCII, such as overlong encodings of dots
    *(f"%{digit}" for digit in "89abcdef"),
)


@dataclass(frozen=True)
class Sources:
    """Clients that the firewall recognizes by the source of their requests: networks in CIDR notation, numbers of
    autonomous systems, and countries (ISO 3166-1 alpha-2).
    """

    addresses: Sequence[str] = ()
    asns: Sequence[int] = ()
    countries: Sequence[str] = ()

    def __bool__(self) -> bool:
        return bool(self.addresses or self.asns or self.countries)


@dataclass(frozen=True)
class Bound:
    """A rate limit: at most `requests` requests in a period of `seconds`."""

    requests: int
    seconds: int


@dataclass(frozen=True)
class WafArgs:
    """The lists of clients and the rate limits with which the edge refuses requests. The edge also checks the tokens of
    requests.

    The edge refuses requests from the sources in `deny`. Sources in `allow` are exempt from `deny` and from
    `by_address`. `by_address` limits the number of requests from one address in a period. `by_token` limits the number
    of requests with one valid token. `failed_tokens` limits the number of requests with invalid tokens from one
    address. If a client exceeds a limit, the edge answers 429 until the period of the limit ends.
    """

    allow: Sources = field(default_factory=Sources)
    deny: Sources = field(default_factory=Sources)
    by_address: Bound = Bound(_REQUESTS_OF_FLEET, 10)
    by_token: Bound = Bound(_REQUESTS_OF_FLEET, TOKEN_SECONDS)
    failed_tokens: Bound = Bound(100, FAILURE_SECONDS)
