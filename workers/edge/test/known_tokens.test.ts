// Tests that an isolate remembers the digest of a token by the Authorization header that contained the token. The
// isolate must not find this digest for any other header.

import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { KnownTokens } from "../src/known_tokens";

test("whatever is remembered, a header finds the digest that was remembered for it, and no other", () => {
  const header = fc.oneof(
    fc.string({ unit: fc.constantFrom("a", "b", "\u0161", " ", "\u00e1"), maxLength: 3 }),
    fc.string({ minLength: 250, maxLength: 260 }),
    fc.base64String({ maxLength: 90 }).map((text) => `Basic ${text}`),
  );
  const isRemembered = (text: string): boolean => text.length <= 256 && /^[\0-\x7f]*$/.test(text);
  let found = 0;
  fc.assert(fc.property(fc.array(header, { minLength: 2, maxLength: 40 }), (headers) => {
    const tokens = new KnownTokens();
    const expected = new Map<string, string>();
    for (const [number, text] of headers.slice(1).entries()) {
      tokens.remember(text, expected.get(text) ?? `digest ${number}`);
      if (isRemembered(text) && !expected.has(text)) expected.set(text, `digest ${number}`);
    }
    for (const text of headers) assert.equal(tokens.digestOf(text), expected.get(text));
    found += expected.size;
  }));
  assert.ok(found > 0);
  assert.equal(new KnownTokens().digestOf(null), undefined);
});

test("an isolate remembers at most 10,000 tokens, and forgets the oldest first", () => {
  const tokens = new KnownTokens();
  for (let number = 0; number < 10_001; number += 1) tokens.remember(`Bearer ${number}`, String(number));
  assert.equal(tokens.digestOf("Bearer 0"), undefined);
  assert.deepEqual([tokens.digestOf("Bearer 1"), tokens.digestOf("Bearer 10000")], ["1", "10000"]);
});
