# One emulated PoP: Cloudflare's front (front.js) on TLS, behind it the account's scripts, each with its bindings.
# Reference: workerd.capnp of the workerd package.

using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "front", worker = .front),
    (name = "nowhere", network = (allow = [])),
    # A plain fetch() of a script goes to the internet; here that is the functions of the emulated AWS, and nobody else.
    (name = "internet", external = (address = "@INTERNET@", http = ())),
    # What an mTLS binding fetches passes through this PoP's L1 cache, which has the client certificate.
    (name = "l1", external = (address = "@L1@", http = ())),
    @SERVICES@
  ],
  sockets = [(
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
