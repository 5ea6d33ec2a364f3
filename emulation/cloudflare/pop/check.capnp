# A script's trial start, before it is accepted: the script alone, with its bindings, heard by nobody.

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

# A script whose settings name a cached entrypoint that the script lacks does not start.
const origin :Workerd.Worker = (
  modules = [(name = "origin.js", esModule = embed "origin.js")],
  compatibilityDate = "2026-11-01",
  bindings = [
    @ORIGIN_BINDINGS@
  ],
);
