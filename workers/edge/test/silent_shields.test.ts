// Tests the deployed bundle of the edge worker with shield nodes (machines of regional caches) that accept a connection
// and never answer.

import assert from "node:assert/strict";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { test } from "node:test";

import { answerWhole, bearer, edge, grant, shieldRequests, stub } from "./edge";

const signal = (): AbortSignal => AbortSignal.timeout(120_000);

test("while a node is silent, another one answers, and the silent connection is closed", async () => {
  grant("reader", ["npm:*:pull"]);
  const silent: IncomingMessage[] = [];
  stub.shield = (request, response) => {
    if (silent.length === 0) silent.push(request);
    else answerWhole(request, response);
  };
  const answer = await fetch(`${edge}/npm/web/-/web-1.0.0.tgz`, { headers: bearer("reader"), signal: signal() });
  assert.deepEqual([answer.status, await answer.text()], [200, "body"]);
  const [first, second, ...more] = shieldRequests.map(({ host }) => host);
  assert.notEqual(first, second);
  // On a slow machine, the response may take longer than a second. The worker then also sends the request to a third
  // shield node.
  assert.ok(more.length <= 1);
  if (!silent[0]!.socket.destroyed) await once(silent[0]!.socket, "close", { signal: signal() });
});

test("while all nodes are silent, the client gets 502 after three requests", async () => {
  grant("reader", ["npm:*:pull"]);
  stub.shield = () => undefined;
  const answer = await fetch(`${edge}/npm/web/-/web-1.0.2.tgz`, { headers: bearer("reader"), signal: signal() });
  assert.deepEqual([answer.status, answer.headers.get("retry-after")], [502, "1"]);
  assert.equal(new Set(shieldRequests.map(({ host }) => host)).size, 3);
  assert.equal(shieldRequests.length, 3);
});
