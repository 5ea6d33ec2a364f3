// Reports the invocations of worker scripts to the emulated Workers Observability. The PoP counts those of half a second
// that are alike, and sends the counts, because a request for each one would take more time than the invocation.

const PAUSE_MILLISECONDS = 500;

// The numbers of invocations that are not sent yet, by the JSON of what describes them.
let pending = new Map();
let isWaiting = false;

// Reports an invocation of a version, whose script keeps a share of the invocations (`sampling`). `status` is that of
// the response, or undefined if the script threw an error.
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
