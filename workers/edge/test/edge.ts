// The deployed bundle in workerd, with stubs for the key-value store, the shields and the metadata API.

import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, beforeEach } from "node:test";

export const SIGNING_KEY = "a-key-of-tests";
export const API_KEY = "another-key-of-tests";
export const NODES = ["us-east-1-0.shield.test:8443", "us-east-1-1.shield.test:8443", "eu-west-1-0.shield.test:8443"];

export const entries = new Map<string, string>();
export const records = new Map<string, string>(); // the metadata API's answers by token digest
/** What the stubs do, which a test may change and each test begins with again. */
export const stub: {
  store: "works" | "fails" | "silent";
  apiStatus: number;
  shield: (request: IncomingMessage, response: ServerResponse) => void;
} = { store: "works", apiStatus: 200, shield: answerWhole };

export const apiRequests: { signature: string; body: string; authorization: string | undefined }[] = [];
export const shieldRequests: { host: string; method: string; path: string; headers: IncomingMessage["headers"] }[] = [];
const servers: Server[] = [];
let workerd: ChildProcess;
export let edge: string;
let scratch: string;

export function grant(token: string, grants: string[], expires = 4_000_000_000): void {
  const digest = createHash("sha256").update(token).digest("hex");
  entries.set(`token:${digest}`, JSON.stringify({ version: 1, principal: "alice", expires, grants }));
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

function configuration(store: number, below: number, internet: number): string {
  const shields = NODES.map((host) => ({ host, region: host.slice(0, 9), latitude: 38.9, longitude: -77.4 }));
  const text = (value: string): string => JSON.stringify(value);
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "edge", worker = (
      modules = [(name = "index.js", esModule = embed "index.js")],
      compatibilityDate = "2026-11-01",
      bindings = [
        (name = "ENTITLEMENTS", kvNamespace = "store"),
        (name = "SHIELD", service = "below"),
        (name = "SHIELDS", text = ${text(JSON.stringify(shields))}),
        (name = "HOSTNAME", text = "packages.test"),
        (name = "ORIGIN_KEY", text = "origin-key"),
        (name = "RESERVED_PYTHON_NAMES", text = ${text(JSON.stringify(["acme-*"]))}),
        (name = "METADATA_API", text = "https://abc.lambda-url.us-east-1.on.aws/"),
        (name = "METADATA_API_KEY", text = ${text(API_KEY)}),
        (name = "TOKEN_SIGNING_KEY", text = ${text(SIGNING_KEY)})],
      globalOutbound = "internet")),
    (name = "internet", external = (address = "127.0.0.1:${internet}", http = ())),
    (name = "store", external = (address = "127.0.0.1:${store}", http = ())),
    (name = "below", external = (address = "127.0.0.1:${below}", http = ()))],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "edge")]);`;
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
  const internet = await listen(async (request, response) => {
    const { host, authorization, "x-artifact-edge-signature": signature } = request.headers;
    let body = "";
    for await (const part of request) body += String(part);
    apiRequests.push({ signature: String(signature), body, authorization });
    const known = records.get((JSON.parse(body) as { digest: string }).digest);
    const working = known === undefined ? 404 : 200;
    const status = host !== "abc.lambda-url.us-east-1.on.aws" ? 530 : stub.apiStatus === 200 ? working : stub.apiStatus;
    response.writeHead(status).end(known);
  });
  scratch = mkdtempSync(join(tmpdir(), "edge-"));
  writeFileSync(join(scratch, "index.js"), readFileSync("dist/index.js"));
  writeFileSync(join(scratch, "config.capnp"), configuration(store, below, internet));
  workerd = spawn(resolve("node_modules/.bin/workerd"), ["serve", "config.capnp", "--control-fd=3"], {
    cwd: scratch,
    stdio: ["ignore", "inherit", "inherit", "pipe"],
  });
  const [line] = (await once(workerd.stdio[3]!, "data")) as [Buffer];
  edge = `http://127.0.0.1:${(JSON.parse(line.toString().split("\n")[0]!) as { port: number }).port}`;
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
  apiRequests.length = 0;
  Object.assign(stub, { store: "works", apiStatus: 200, shield: answerWhole });
});

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

export const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });
export const basic = (token: string): Record<string, string> => ({ authorization: `Basic ${btoa(`__token__:${token}`)}` });
