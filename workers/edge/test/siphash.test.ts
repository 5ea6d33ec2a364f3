// Compares the worker's SipHash-1-3 with the npm package `siphash`, for random keys and texts of all lengths.

import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { sipHash } from "../src/siphash";
import siphash from "./siphash_package.js";

test("SipHash of the worker has the same 128 bits as that of the package siphash", () => {
  const key = fc.array(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), { minLength: 4, maxLength: 4 });
  const bytes = fc.uint8Array({ maxLength: 300 });
  fc.assert(fc.property(key, bytes, (words, message) => {
    const expected = siphash.hash(Uint32Array.from(words), message);
    assert.equal(sipHash(Int32Array.from(words), String.fromCharCode(...message)), textOf(expected));
  }), { numRuns: 2_000 });
});

/** Returns the package's result in the form of the worker's result. The package returns the four words in reverse. */
function textOf(words: Uint32Array): string {
  return [...words].reverse().map((word) => String.fromCharCode(word & 0xffff, word >>> 16)).join("");
}
