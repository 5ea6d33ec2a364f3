# One emulated PoP: Cloudflare's front (front.js) on TLS, behind it the account's scripts, each with its bindings.
# Reference: workerd.capnp of the workerd package.

using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "front", worker = .front),
    (name = "nowhere", network = (allow = [])),
    # A plain fetch() of a script goes to the internet; here that is the functions of the emulated AWS, and nobody else.
    (name = "internet", external = (address = "@INTERNET@", http = ())),
    # What an mTLS binding fetches leaves through the PoP's Traffic Server, which has the client certificate. No cache keeps
    # it: Cloudflare caches fetches by file extension, and none on port 8443 (cache/concepts/default-cache-behavior;
    # fundamentals/reference/network-ports).
    (name = "shields", external = (address = "@L1@", http = ())),
    # Workers Cache, between the entrypoints of a script: the same Traffic Server. Its origin is the socket below.
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
);

const front :Workerd.Worker = (
  modules = [(name = "front.js", esModule = embed "front.js")],
  compatibilityDate = "2026-11-01",
  globalOutbound = "nowhere",
  bindings = [
    (name = "POP", json = embed "pop.json"),
    (name = "ROUTES", json = embed "routes.json"),
    @FRONT_BINDINGS@
  ],
);

const origin :Workerd.Worker = (
  modules = [(name = "origin.js", esModule = embed "origin.js")],
  compatibilityDate = "2026-11-01",
  globalOutbound = "nowhere",
  bindings = [
    @ORIGIN_BINDINGS@
  ],
);
