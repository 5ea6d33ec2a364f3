// Tests that an isolate of the worker reads the coordinates of at most one client per second from the metadata of
// requests, and ignores invalid coordinates.

import assert from "node:assert/strict";
import { test } from "node:test";

import { placeOf, type WithMetadata } from "../src/places";

/**
 * Returns a request whose metadata has the given fields. Also returns an array that gets an entry at each read of the
 * metadata.
 */
function requestWith(fields: Record<string, string> | undefined): [WithMetadata, true[]] {
  const reads: true[] = [];
  const request = {
    get cf(): Record<string, string> | undefined {
      reads.push(true);
      return fields;
    },
  };
  return [request, reads];
}

test("the isolate reads the coordinates of one client in each second", () => {
  const [near, readsOfNear] = requestWith({ latitude: "48.1", longitude: "11.6" });
  const [other, readsOfOther] = requestWith({ latitude: "50.1", longitude: "8.7" });
  for (const now of [0, 1, 999]) assert.deepEqual(placeOf(near, now), { latitude: 48.1, longitude: 11.6 });
  assert.deepEqual(placeOf(other, 999), { latitude: 48.1, longitude: 11.6 });
  assert.deepEqual([readsOfNear.length, readsOfOther.length], [1, 0]);
  for (const now of [1_000, 1_500]) assert.deepEqual(placeOf(other, now), { latitude: 50.1, longitude: 8.7 });
  assert.equal(readsOfOther.length, 1);
});

test("metadata without valid coordinates has no place", () => {
  const invalid = [undefined, {}, { latitude: "48.1" }, { latitude: "48.1", longitude: "east" }];
  for (const [index, fields] of invalid.entries()) {
    assert.equal(placeOf(requestWith(fields)[0], 10_000 + index * 1_000), undefined);
  }
});
