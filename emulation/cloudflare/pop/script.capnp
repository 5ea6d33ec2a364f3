# One script of the account, as it was uploaded.

using Workerd = import "/workerd/workerd.capnp";

const worker :Workerd.Worker = (
  modules = [
    @MODULES@
  ],
  compatibilityDate = "@COMPATIBILITY_DATE@",
  compatibilityFlags = [@COMPATIBILITY_FLAGS@],
  globalOutbound = "internet",
  bindings = [
    @BINDINGS@
  ],
);
