# The configuration with which the API starts an uploaded script once, alone and without clients, before it accepts it.

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
);

# workerd does not start if the script's settings name a cached entrypoint that the script lacks.
const origin :Workerd.Worker = (
  modules = [(name = "origin.js", esModule = embed "origin.js")],
  compatibilityDate = "2026-11-01",
  bindings = [
    (name = "PURGES", service = "purges"),
    @ORIGIN_BINDINGS@
  ],
);
