# The workerd configuration of one PoP. front.js receives requests of clients over TLS, and calls the account's scripts.
# Reference: workerd.capnp of the workerd package.

using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "front", worker = .front),
    (name = "nowhere", network = (allow = [])),
    # A script's fetch() without a binding reaches only function URLs of the emulated AWS, and not the internet.
    (name = "internet", external = (address = "@INTERNET@", http = ())),
    # A fetch through an mTLS binding passes shields.js, which knows the names of the account's zones. Then it goes to
    # the PoP's Traffic Server, which has the client certificate. Traffic Server does not cache the response, because
    # Cloudflare caches no responses from port 8443 (cache/concepts/default-cache-behavior;
    # fundamentals/reference/network-ports).
    (name = "shields", worker = .shields),
    (name = "origins", external = (address = "@L1@", http = ())),
    # Calls of a cached entrypoint go to Workers Cache, which the same Traffic Server emulates. After a miss, Traffic
    # Server sends the request to the socket `origin` below.
    (name = "workers-cache", external = (address = "@L1@", http = ())),
    (name = "origin", worker = .origin),
    @SERVICES@
  ],
  sockets = [(
    name = "origin",
    address = "@ORIGIN@",
    service = "origin",
    http = (),
  ), (
    name = "https",
    address = "@LISTEN@",
    service = "front",
    https = (
      options = (),
      tlsOptions = (
        keypair = (privateKey = embed "edge.key", certificateChain = embed "edge.pem"),
        minVersion = @OLDEST_TLS@,
      ),
    ),
  )],
  # The code of rate limiting bindings (script.capnp).
  extensions = [(modules = [(name = "emulation:rate-limit", internal = true, esModule = embed "rate_limit.js")])],
);

const front :Workerd.Worker = (
  modules = [
    (name = "front.js", esModule = embed "front.js"),
    (name = "invocations.js", esModule = embed "invocations.js"),
    (name = "rules.js", esModule = embed "rules.js"),
    (name = "versions.js", esModule = embed "versions.js"),
  ],
  compatibilityDate = "2026-11-01",
  globalOutbound = "nowhere",
  bindings = [
    (name = "POP", json = embed "pop.json"),
    (name = "ROUTES", json = embed "routes.json"),
    (name = "RULES", json = embed "rules.json"),
    (name = "VERSIONS", json = embed "versions.json"),
    (name = "INVOCATIONS", service = "invocations"),
    @FRONT_BINDINGS@
  ],
);

const shields :Workerd.Worker = (
  modules = [(name = "shields.js", esModule = embed "shields.js")],
  compatibilityDate = "2026-11-01",
  globalOutbound = "nowhere",
  bindings = [
    (name = "ZONES", json = embed "zones.json"),
    (name = "ORIGINS", service = "origins"),
    (name = "FAILURES", service = "failures"),
  ],
);

const origin :Workerd.Worker = (
  modules = [(name = "origin.js", esModule = embed "origin.js")],
  compatibilityDate = "2026-11-01",
  globalOutbound = "nowhere",
  bindings = [
    (name = "PURGES", service = "purges"),
    @ORIGIN_BINDINGS@
  ],
);
