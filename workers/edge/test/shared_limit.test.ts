// Tests the time limit that all requests of an isolate share. Most tests use a fake clock, and one test runs in
// workerd.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test } from "node:test";

import { answerWithin } from "../src/hedging";
import { SharedLimit } from "../src/shared_limit";
import { FakeClock } from "./clock";

const never = new Promise<never>(() => undefined);

test("a request has no answer after its limit, and a later answer is discarded", async () => {
  const clock = new FakeClock();
  const limit = new SharedLimit(1_000, 100, clock);
  const discarded: number[] = [];
  let answer: (value: number) => void = () => undefined;
  const start = (): Promise<number> => new Promise((resolve) => (answer = resolve));
  let result: number | string | undefined = "none yet";
  const done = answerWithin(limit, start, (late) => void discarded.push(late)).then((value) => (result = value));
  await clock.advance(999);
  assert.equal(result, "none yet");
  await clock.advance(1);
  await done;
  assert.deepEqual([result, clock.pending], [undefined, 0]);
  answer(7);
  await clock.advance(0);
  assert.deepEqual(discarded, [7]);
  assert.equal(await answerWithin(limit, () => Promise.resolve(7), () => undefined), 7);
  assert.equal(await answerWithin(limit, () => Promise.reject(new Error("refused")), () => undefined), undefined);
});

test("many waiting requests need one timer, and each ends at the first check after its own limit", async () => {
  const clock = new FakeClock();
  const limit = new SharedLimit(1_000, 100, clock);
  const ended: [number, number][] = [];
  for (let index = 0; index < 20; index += 1) {
    void answerWithin(limit, () => never, () => undefined).then(() => ended.push([index, clock.now()]));
    await clock.advance(10);
  }
  assert.equal(clock.pending, 1);
  await clock.advance(2_000);
  assert.deepEqual(ended.map(([index]) => index), [...Array(20).keys()]);
  for (const [index, at] of ended) assert.ok(at >= 1_000 + index * 10 && at <= 1_100 + index * 10, `${index} ended at ${at}`);
  assert.equal(clock.pending, 0);
});

test("when the runtime has cancelled the timer, the next request ends the waits that are over", async () => {
  const clock = new FakeClock();
  const lossy = { now: clock.now, after: () => () => undefined }; // timers never fire, as if the runtime cancelled them
  const limit = new SharedLimit(1_000, 100, lossy);
  let result = "none yet";
  void answerWithin(limit, () => never, () => undefined).then(() => (result = "ended"));
  await clock.advance(5_000);
  assert.equal(result, "none yet");
  await answerWithin(limit, () => Promise.resolve(7), () => undefined);
  assert.equal(result, "ended");
});

const CONFIGURATION = (server: number): string => `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "worker", worker = (
      modules = [(name = "worker.js", esModule = embed "worker.js")],
      compatibilityDate = "2026-11-01",
      globalOutbound = "server")),
    (name = "server", external = (address = "127.0.0.1:${server}", http = ()))],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "worker")]);`;

test("in workerd, a silent server delays no request beyond the limit, also after the request with the timer has ended", async (context) => {
  const held: ServerResponse[] = [];
  const server = createServer((request, response) => void (request.url === "/silent" ? held.push(response) : response.end()));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const scratch = mkdtempSync(join(tmpdir(), "edge-limit-"));
  const bundling = ["test/shared_limit_worker.ts", "--bundle", "--format=esm", `--outfile=${join(scratch, "worker.js")}`];
  execFileSync(resolve("node_modules/.bin/esbuild"), [...bundling, "--log-level=warning"]);
  writeFileSync(join(scratch, "config.capnp"), CONFIGURATION((server.address() as AddressInfo).port));
  const options = ["serve", "config.capnp", "--control-fd=3"];
  const workerd = spawn(resolve("node_modules/.bin/workerd"), options, { cwd: scratch, stdio: ["ignore", "inherit", "inherit", "pipe"] });
  context.after(() => {
    workerd.kill();
    server.closeAllConnections();
    server.close();
    rmSync(scratch, { recursive: true });
  });
  const [line] = (await once(workerd.stdio[3]!, "data")) as [Buffer];
  const { port } = JSON.parse(line.toString().split("\n")[0]!) as { port: number };
  const status = async (path: string): Promise<number> => (await fetch(`http://127.0.0.1:${port}${path}`)).status;

  // The server never answers this path. No other request runs in the isolate, so only this request's own timer can end
  // it.
  assert.equal(await status("/silent"), 504);

  // This request starts the timer, and ends before the three requests that the server never answers.
  const first = status("/works");
  let isOver = false;
  const silent = Promise.all([1, 2, 3].map(() => status("/silent"))).finally(() => (isOver = true));
  assert.equal(await first, 200);
  while (!isOver) assert.equal(await status("/works"), 200);
  assert.deepEqual(await silent, [504, 504, 504]);
});
