// Reports the invocations of worker scripts to the emulated Workers Observability. The PoP collects the invocations of
// half a second. It counts the invocations that have the same script, version, outcome, sampling rate and response
// status, and then sends all counts in one request. A request for each invocation would take more time than the
// invocation itself.

const PAUSE_MILLISECONDS = 500;

// The counts that the PoP has not sent yet: a map from the description of an invocation, as JSON, to the number of
// invocations with this description.
let pending = new Map();
let isWaiting = false;

// Reports an invocation of a worker script. The first argument describes the version of the script that was called.
// `sampling` is the share of its invocations that Workers Observability keeps, so a random selection of invocations is
// reported. `status` is the HTTP status of the script's response, or undefined if the script threw an error.
export function report({ script, id, sampling }, status, env, ctx) {
  if (Math.random() >= sampling) return;
  const outcome = status === undefined ? "exception" : "ok";
  const invocation = JSON.stringify({ script, version: id, outcome, sampling, status });
  pending.set(invocation, (pending.get(invocation) ?? 0) + 1);
  if (isWaiting) return;
  isWaiting = true;
  ctx.waitUntil(send(env));
}

async function send(env) {
  await scheduler.wait(PAUSE_MILLISECONDS);
  const counts = [...pending].map(([invocation, number]) => ({ ...JSON.parse(invocation), number }));
  pending = new Map();
  isWaiting = false;
  await env.INVOCATIONS.fetch("http://invocations.invalid/invocations", { method: "POST", body: JSON.stringify(counts) });
}
