// Runs the deployed bundle of the edge worker in workerd, with stubs for Workers Cache, the key-value store, the
// shields (regional caches) and the metadata API. The worker calls its own entrypoints `Objects` and `Feeds` through
// the stub of Workers Cache.

import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { after, before, beforeEach } from "node:test";

export const SIGNING_KEY = "a-key-of-tests";
export const API_KEY = "another-key-of-tests";
export const PURGE_KEY = "the-key-of-purges";
export const NODES = ["us-east-1-0.shield.test:8443", "us-east-1-1.shield.test:8443", "eu-west-1-0.shield.test:8443"];

/** Text bindings that a test file adds to the worker's bindings. The file must add the bindings when it is loaded. */
export const moreBindings = new Map<string, string>();
export const entries = new Map<string, string>();
// Maps the digest of a token to the metadata API's answer about the token.
export const records = new Map<string, string>();
/** How the stubs answer the edge worker. A test may change this object, and each test starts with the values below. */
export const stub: {
  store: "works" | "fails" | "silent";
  apiStatus: number;
  feed: "works" | "fails" | "silent";
  shield: (request: IncomingMessage, response: ServerResponse) => void;
  /** Emulates Workers Cache: answers the worker's requests to L1, the cache at the edge. */
  l1: (request: IncomingMessage, response: ServerResponse) => void;
  /** The result that `purge()` of Workers Cache returns. */
  purged: { success: boolean; errors: { code: number; message: string }[] };
} = { store: "works", apiStatus: 200, feed: "works", shield: answerWhole, l1: miss, purged: { success: true, errors: [] } };

/** The recent revocations in the metadata API's feed. Each test starts without revocations. */
export const revocations: { tokens: Record<string, { revision: number; revoked?: true }>; objects: string[] } = {
  tokens: {},
  objects: [],
};
/** The digests of edge policies in the metadata API's feed, the newest first. */
export const policies: string[] = [];
/**
 * The digests of advisory data sets, the newest first. The metadata API lists them in the same feed as the edge
 * policies.
 */
export const dataSets: string[] = [];
/**
 * The worker's requests to the metadata API for the feed of revocations. `apiRequests` does not contain these requests,
 * because they can occur with any request of a client.
 */
export const feedRequests: { signature: string; body: string }[] = [];
export const apiRequests: { signature: string; body: string; authorization: string | undefined }[] = [];
export const l1Requests: { path: string; headers: IncomingMessage["headers"] }[] = [];
/** The purges that the worker requested, each with the name of the cache and the tags to purge. */
export const purges: { cache: string; tags: string[] }[] = [];
export const shieldRequests: { host: string; method: string; path: string; headers: IncomingMessage["headers"] }[] = [];
/** The lines that the edge worker has logged. */
export const logged: string[] = [];
/**
 * The limits of the emulated rate limiting bindings: requests with one token, and failed authentications from one
 * client address. A test file that needs lower limits sets them before its first test.
 */
export const limits = { token: 1_000_000, failures: 1_000_000 };
const servers: Server[] = [];
let workerd: ChildProcess;
export let edge: string;
export let origin: number; // the worker's port for requests after a miss in Workers Cache
let scratch: string;

export function grant(token: string, grants: string[], expires = 4_000_000_000, principal = "alice"): void {
  const digest = createHash("sha256").update(token).digest("hex");
  entries.set(`token:${digest}`, JSON.stringify({ version: 1, principal, expires, grants }));
}

async function listen(handle: (request: IncomingMessage, response: ServerResponse) => void): Promise<number> {
  const server = createServer(handle);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  servers.push(server);
  return (server.address() as AddressInfo).port;
}

export function record(token: string, entry: Record<string, unknown>): string {
  const digest = createHash("sha256").update(token).digest("hex");
  records.set(digest, JSON.stringify({ version: 1, ...entry }));
  return digest;
}

function configuration(store: number, below: number, internet: number, l1: number, cache: number): string {
  const shields = NODES.map((host) => ({ host, region: host.slice(0, 9), latitude: 38.9, longitude: -77.4 }));
  const text = (value: string): string => JSON.stringify(value);
  const more = [...moreBindings].map(([name, value]) => `(name = "${name}", text = ${text(value)}),`).join("");
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "edge", worker = (
      modules = [
        (name = "entrypoints.js", esModule = embed "entrypoints.js"),
        (name = "index.js", esModule = embed "index.js")],
      compatibilityDate = "2026-11-01",
      bindings = [
        (name = "emulation:workers-cache", service = "l1"),
        (name = "emulation:purges", service = "purges"),
        (name = "ENTITLEMENTS", kvNamespace = "store"),
        (name = "SHIELD", service = "below"),
        ${rateLimit("TOKEN_REQUESTS", limits.token, 10)},
        ${rateLimit("FAILED_TOKENS", limits.failures, 60)},
        (name = "SHIELDS", text = ${text(JSON.stringify(shields))}),
        (name = "HOSTNAME", text = "packages.test"),
        (name = "ORIGIN_KEY", text = "origin-key"),
        (name = "VERSION", text = "the-version"),
        (name = "PURGE_KEY", text = ${text(PURGE_KEY)}),
        (name = "RESERVED_PYTHON_NAMES", text = ${text(JSON.stringify(["acme-*"]))}),
        (name = "METADATA_API", text = "https://abc.lambda-url.us-east-1.on.aws/"),
        (name = "METADATA_API_KEY", text = ${text(API_KEY)}),
        ${more}
        (name = "TOKEN_SIGNING_KEY", text = ${text(SIGNING_KEY)})],
      globalOutbound = "internet")),
    (name = "internet", external = (address = "127.0.0.1:${internet}", http = ())),
    (name = "store", external = (address = "127.0.0.1:${store}", http = ())),
    (name = "origin", worker = (
      modules = [(name = "origin.js", esModule = embed "origin.js")],
      compatibilityDate = "2026-11-01",
      bindings = [(name = "PURGES", service = "purges"), (name = "edge/1/Objects", service = (name = "edge", entrypoint = "Objects")), (name = "edge/1/Feeds", service = (name = "edge", entrypoint = "Feeds"))])),
    (name = "purges", external = (address = "127.0.0.1:${cache}", http = ())),
    (name = "l1", external = (address = "127.0.0.1:${l1}", http = ())),
    (name = "below", external = (address = "127.0.0.1:${below}", http = ()))],
  sockets = [
    (name = "http", address = "127.0.0.1:0", http = (), service = "edge"),
    (name = "origin", address = "127.0.0.1:0", http = (), service = "origin")],
  extensions = [(modules = [(name = "emulation:rate-limit", internal = true, esModule = embed "rate_limit.js")])]);`;
}

function rateLimit(name: string, limit: number, period: number): string {
  const simple = JSON.stringify(JSON.stringify({ limit, period }));
  return `(name = "${name}", wrapped = (moduleName = "emulation:rate-limit", innerBindings = [(name = "simple", json = ${simple})]))`;
}

const CACHED = ["Objects", "Feeds"];
const EXPORTS = CACHED.map((name) => `export const ${name} = withPurges(uploaded.${name}, "${name}");`).join("\n");

function entrypoints(template: string): string {
  const values = { MAIN: "index.js", SCRIPT: "edge", ID: "1", CACHE_VERSION: "1", CACHED: JSON.stringify(CACHED), EXPORTS };
  return Object.entries(values).reduce((text, [name, value]) => text.replaceAll(`@${name}@`, value), template);
}

/**
 * Returns the port of each of workerd's sockets by the socket's name. workerd writes one line of JSON for each port.
 */
async function socketPorts(process: ChildProcess): Promise<Map<string, number>> {
  const ports = new Map<string, number>();
  let text = "";
  for await (const part of process.stdio[3] as AsyncIterable<Buffer>) {
    text += part.toString();
    for (const line of text.split("\n").slice(0, -1)) {
      const { socket, port } = JSON.parse(line) as { socket?: string; port?: number };
      if (socket !== undefined && port !== undefined) ports.set(socket, port);
    }
    if (ports.size === 2) break;
  }
  return ports;
}

before(async () => {
  const store = await listen((request, response) => {
    const key = decodeURIComponent(new URL(request.url ?? "", "http://store").pathname.slice(1));
    const value = entries.get(key);
    if (stub.store === "silent") return;
    if (stub.store === "fails") response.writeHead(500).end();
    else response.writeHead(value === undefined ? 404 : 200).end(value);
  });
  const below = await listen((request, response) => {
    const { headers, method = "", url: path = "" } = request;
    shieldRequests.push({ host: headers.host ?? "", method, path, headers });
    stub.shield(request, response);
  });
  const l1 = await listen((request, response) => {
    if (request.url?.includes("/Feeds/") === true) return miss(request, response);
    l1Requests.push({ path: request.url ?? "", headers: request.headers });
    stub.l1(request, response);
  });
  const cache = await listen(async (request, response) => {
    let body = "";
    for await (const part of request) body += String(part);
    if (request.url === "/purge") purges.push(JSON.parse(body) as { cache: string; tags: string[] });
    response.end(JSON.stringify(request.url === "/purge" ? stub.purged : {}));
  });
  const internet = await listen(async (request, response) => {
    const { host, authorization, "x-artifact-edge-signature": signature } = request.headers;
    let body = "";
    for await (const part of request) body += String(part);
    const { digest, feed } = JSON.parse(body) as { digest?: string; feed?: string };
    if (feed === "edge-policy") return answerFeed(response, { policies, advisories: dataSets });
    if (feed !== undefined) {
      feedRequests.push({ signature: String(signature), body });
      return answerFeed(response, revocations);
    }
    apiRequests.push({ signature: String(signature), body, authorization });
    // The database has each token that the store has. On a busy machine, the store can take longer to answer than the
    // worker waits, and the worker then queries the API.
    const known = records.get(digest ?? "") ?? entries.get(`token:${digest}`);
    const working = known === undefined ? 404 : 200;
    const status = host !== "abc.lambda-url.us-east-1.on.aws" ? 530 : stub.apiStatus === 200 ? working : stub.apiStatus;
    response.writeHead(status).end(known);
  });
  scratch = mkdtempSync(join(tmpdir(), "edge-"));
  writeFileSync(join(scratch, "index.js"), readFileSync("dist/index.js"));
  const pop = "../../emulation/cloudflare/pop";
  for (const file of ["origin.js", "rate_limit.js"]) writeFileSync(join(scratch, file), readFileSync(join(pop, file)));
  writeFileSync(join(scratch, "entrypoints.js"), entrypoints(readFileSync(join(pop, "entrypoints.js"), "utf8")));
  writeFileSync(join(scratch, "config.capnp"), configuration(store, below, internet, l1, cache));
  workerd = spawn(resolve("node_modules/.bin/workerd"), ["serve", "config.capnp", "--control-fd=3"], {
    cwd: scratch,
    stdio: ["ignore", "pipe", "inherit", "pipe"],
  });
  createInterface({ input: workerd.stdout! }).on("line", (line) => logged.push(line));
  const ports = await socketPorts(workerd);
  edge = `http://127.0.0.1:${ports.get("http")}`;
  origin = ports.get("origin")!;
});

after(() => {
  workerd.kill();
  for (const server of servers) {
    server.close();
    server.closeAllConnections();
  }
  rmSync(scratch, { recursive: true });
});

beforeEach(() => {
  shieldRequests.length = 0;
  l1Requests.length = 0;
  apiRequests.length = 0;
  purges.length = 0;
  logged.length = 0;
  const purged = { success: true, errors: [] };
  Object.assign(stub, { store: "works", apiStatus: 200, feed: "works", shield: answerWhole, l1: miss, purged });
  Object.assign(revocations, { tokens: {}, objects: [] });
  feedRequests.length = 0;
});

function answerFeed(response: ServerResponse, fields: object): void {
  if (stub.feed === "silent") return;
  if (stub.feed === "fails") {
    response.writeHead(503).end();
    return;
  }
  response.writeHead(200, { "cache-control": "public, max-age=2, stale-if-error=900" });
  response.end(JSON.stringify({ version: 1, read: Date.now() / 1000, ...fields }));
}

export function answerWhole(_: IncomingMessage, response: ServerResponse): void {
  response.writeHead(200, {
    "content-type": "application/octet-stream",
    "cache-control": "public, max-age=31536000, immutable",
    etag: '"1"',
    "x-cache": "shield; hit",
    "cf-cache-status": "MISS",
    "x-amz-meta-digest": "sha256:abc",
    "x-amz-meta-revision": "7",
    "x-amz-meta-published": "2026-01-01T00:00:00.000000Z",
    "x-amz-request-id": "secret",
  });
  response.end("body");
}

/**
 * Emulates a miss in Workers Cache: requests the whole object from the worker's entrypoint behind the cache. Then cuts
 * the requested range out of the answer.
 */
export function miss(
  { url, headers, method }: IncomingMessage,
  response: ServerResponse,
  observe: (answer: IncomingMessage) => void = () => undefined,
): void {
  const { range, ...passed } = headers;
  const called = request({ port: origin, host: "127.0.0.1", path: url, method, headers: passed }, async (answer) => {
    observe(answer);
    const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(range ?? "") ?? [];
    const answered: IncomingMessage["headers"] = { ...answer.headers, "cf-cache-status": "MISS", };
    delete answered["transfer-encoding"];
    delete answered["cache-tag"];
    if (answer.statusCode !== 200 || first === undefined) {
      response.writeHead(answer.statusCode ?? 0, answered);
      response.flushHeaders();
      answer.pipe(response);
      return;
    }
    const parts: Buffer[] = [];
    for await (const part of answer) parts.push(part as Buffer);
    const body = Buffer.concat(parts);
    const start = first ? Number(first) : Math.max(0, body.length - Number(last));
    const end = first && last ? Math.min(Number(last) + 1, body.length) : body.length;
    if (start >= end) {
      response.writeHead(416, { "content-range": `bytes */${body.length}` }).end();
      return;
    }
    const place = `bytes ${start}-${end - 1}/${body.length}`;
    response.writeHead(206, { ...answered, "content-range": place, "content-length": end - start }).end(body.subarray(start, end));
  });
  called.on("error", () => response.destroy()).end();
}

export const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });
export const basic = (token: string): Record<string, string> => ({ authorization: `Basic ${btoa(`__token__:${token}`)}` });
