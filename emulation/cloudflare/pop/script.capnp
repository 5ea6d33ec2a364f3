# The workerd configuration of one uploaded worker script. The main module of this worker is entrypoints.js, which calls
# the uploaded code.

using Workerd = import "/workerd/workerd.capnp";

const worker :Workerd.Worker = (
  modules = [
    (name = "emulation-entrypoints.js", esModule = embed "entrypoints.js"),
    @MODULES@
  ],
  compatibilityDate = "@COMPATIBILITY_DATE@",
  compatibilityFlags = [@COMPATIBILITY_FLAGS@],
  globalOutbound = "internet",
  bindings = [
    (name = "emulation:workers-cache", service = "workers-cache"),
    (name = "emulation:purges", service = "purges"),
    @BINDINGS@
  ],
);
