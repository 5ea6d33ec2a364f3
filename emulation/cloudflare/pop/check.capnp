# A script's trial start, before it is accepted: the script alone, with its bindings, heard by nobody.

using Workerd = import "/workerd/workerd.capnp";
using Script = import "script.capnp";

const config :Workerd.Config = (
  services = [
    (name = "script", worker = Script.worker),
    (name = "internet", network = (allow = [])),
    (name = "l1", network = (allow = [])),
    @SERVICES@
  ],
  sockets = [(name = "nobody", address = "unix:@SOCKET@", http = (), service = "script")],
);
