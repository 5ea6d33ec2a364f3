// Emulates a rate limiting binding of a script: `limit({ key })` counts the calls with a key, and returns whether the
// number of calls in the current period is within the limit. The counters of a PoP are exact. Cloudflare's are not.
// Reference: developers.cloudflare.com/workers/runtime-apis/bindings/rate-limit.

export default function (env) {
  const { limit, period } = env.simple;
  const counters = new Map();
  return {
    async limit({ key }) {
      const now = Date.now();
      let counter = counters.get(key);
      if (counter === undefined || counter.until <= now) counter = { calls: 0, until: now + period * 1000 };
      counters.set(key, counter);
      counter.calls += 1;
      return { success: counter.calls <= limit };
    },
  };
}
