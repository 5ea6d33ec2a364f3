# The workerd configuration with which the emulated Cloudflare API tests an uploaded script before it accepts the
# script. The API starts the script alone, in a process that no client can reach.

using Workerd = import "/workerd/workerd.capnp";
using Script = import "script.capnp";

const config :Workerd.Config = (
  services = [
    (name = "script", worker = Script.worker),
    (name = "internet", network = (allow = [])),
    (name = "shields", network = (allow = [])),
    (name = "workers-cache", network = (allow = [])),
    (name = "origin", worker = .origin),
    @SERVICES@
  ],
  sockets = [(name = "nobody", address = "unix:@SOCKET@", http = (), service = "script")],
  # The code of rate limiting bindings (script.capnp).
  extensions = [(modules = [(name = "emulation:rate-limit", internal = true, esModule = embed "rate_limit.js")])],
);

# This worker binds all cached entrypoints that the script's settings name. If the script lacks one of these
# entrypoints, workerd does not start.
const origin :Workerd.Worker = (
  modules = [(name = "origin.js", esModule = embed "origin.js")],
  compatibilityDate = "2026-11-01",
  bindings = [
    (name = "PURGES", service = "purges"),
    @ORIGIN_BINDINGS@
  ],
);
