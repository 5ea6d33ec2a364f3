// Fetches an object through L1 from a shield, and builds the client's response without internal headers.

import { type Conditions, forwarded, isBeyond, type Verdict, verdictOn } from "./conditions";
import { candidates, type Place, type Shield } from "./shields";
import type { ObjectRoute } from "./routes";

export interface Below {
  shield: Fetcher;
  shields: readonly Shield[];
  originKey: string;
}

const RETURNED_HEADERS = [
  "accept-ranges",
  "age",
  "cache-control",
  "content-encoding",
  "content-length",
  "content-range",
  "content-type",
  "etag",
  "last-modified",
];
const OF_A_BODY = ["accept-ranges", "content-encoding", "content-length", "content-range", "content-type"];
const DOCUMENT_METADATA = ["revision", "published"]; // docs/publish-to-visible.md
const FAILED_NODE_MILLISECONDS = 5_000; // how long a node that failed is tried last
const failedUntil = new Map<string, number>();

type Ask = (method: string, headers: Record<string, string>) => Promise<Response | undefined>;

/** Returns the answer to the request: 200, 206, 304, 404, 412 or 416. Returns undefined when all nodes fail. */
export async function fetchObject(
  route: ObjectRoute,
  method: string,
  conditions: Conditions,
  below: Below,
  place: Place | undefined,
  now: number,
): Promise<Response | undefined> {
  const ask: Ask = (by, headers) => askNodes(route.key, by, headers, below, place, now);
  const first = await ask(method, forwarded(conditions));
  if (first === undefined || !needsWhole(conditions, first)) return concluded(conditions, first);
  await first.body?.cancel();
  return concluded(conditions, await ask(method, forwarded(conditions, true)));
}

/** A 416 says for sure neither the object's size nor its version. A range of another version is of no use. */
function needsWhole(conditions: Conditions, answer: Response): boolean {
  return answer.status === 416 || verdictOf(conditions, answer) === "whole";
}

function verdictOf(conditions: Conditions, answer: Response): Verdict {
  return [200, 206, 304].includes(answer.status) ? verdictOn(conditions, answer.status, answer.headers) : "pass";
}

/** Returns the answer, or 304, 412 or 416 in its place. */
async function concluded(conditions: Conditions, answer: Response | undefined): Promise<Response | undefined> {
  if (answer === undefined) return undefined;
  const instead = insteadOf(conditions, answer);
  if (instead !== undefined) await answer.body?.cancel();
  return instead ?? answer;
}

function insteadOf(conditions: Conditions, answer: Response): Response | undefined {
  const verdict = verdictOf(conditions, answer);
  if (verdict === "failed") return new Response(null, { status: 412 });
  if (verdict === "not modified") return new Response(null, { status: 304, headers: answer.headers });
  if (answer.status !== 200 || !isBeyond(conditions, answer.headers)) return undefined;
  return new Response(null, { status: 416, headers: { "content-range": `bytes */${answer.headers.get("content-length")}` } });
}

/** Returns the first usable answer of a node. */
async function askNodes(
  key: string,
  method: string,
  conditional: Record<string, string>,
  below: Below,
  place: Place | undefined,
  now: number,
): Promise<Response | undefined> {
  const headers = new Headers({ ...conditional, "X-Artifact-Edge-Key": below.originKey });
  const order = candidates(below.shields, key, place);
  const failed = (shield: Shield): boolean => (failedUntil.get(shield.host) ?? 0) > now;
  for (const node of [...order.filter((shield) => !failed(shield)), ...order.filter(failed)]) {
    const answer = await fetchFrom(below.shield, node, key, method, headers);
    if (answer !== undefined) {
      failedUntil.delete(node.host);
      return answer;
    }
    failedUntil.set(node.host, now + FAILED_NODE_MILLISECONDS);
  }
  return undefined;
}

/** Returns the response for the client: only headers meant for clients, private caching, and the tier that answered. */
export function clientResponse(route: ObjectRoute, answer: Response, milliseconds: number): Response {
  const headers = new Headers();
  for (const name of RETURNED_HEADERS) {
    const value = answer.headers.get(name);
    if (value !== null) headers.set(name, value);
  }
  if (answer.status === 304) for (const name of OF_A_BODY) headers.delete(name);
  else headers.set("accept-ranges", "bytes");
  const caching = headers.get("cache-control");
  // Otherwise a shared cache on the way to the client would store a private package for all (RFC 9111, section 3.5).
  headers.set("cache-control", caching === null ? "private, no-store" : caching.replace(/\bpublic\b/, "private"));
  if (route.negotiated) headers.set("vary", "Accept");
  if (route.ecosystem === "oci") {
    headers.set("docker-distribution-api-version", "registry/2.0");
    const digest = answer.headers.get("x-amz-meta-digest") ?? route.digest ?? null;
    if (digest !== null) headers.set("docker-content-digest", digest);
  }
  for (const name of DOCUMENT_METADATA) {
    const value = answer.headers.get(`x-amz-meta-${name}`);
    if (value !== null) headers.set(`x-artifact-edge-${name}`, value);
  }
  headers.set("x-cache", cacheVerdict(answer));
  const below = answer.headers.get("server-timing");
  headers.set("server-timing", [below, `edge;dur=${milliseconds}`].filter((part) => part !== null).join(", "));
  return new Response(answer.body, { status: answer.status, headers });
}

/** Names the tier that the body came from. Cloudflare's cf-cache-status header tells hits in L1 apart. */
function cacheVerdict(answer: Response): string {
  const verdict = answer.headers.get("cf-cache-status");
  if (verdict === "HIT" || verdict === "REVALIDATED") return "edge; hit";
  if (verdict === "STALE" || verdict === "UPDATING") return "edge; stale";
  return answer.headers.get("x-cache") ?? "origin; miss";
}

/** Returns the node's answer, or undefined when the node cannot be reached or answers with another status. */
async function fetchFrom(
  shield: Fetcher,
  node: Shield,
  key: string,
  method: string,
  headers: Headers,
): Promise<Response | undefined> {
  const path = key.split("/").map(encodeURIComponent).join("/");
  try {
    const answer = await shield.fetch(`https://${node.host}/objects/${path}`, { method, headers, redirect: "manual" });
    if ([200, 206, 304, 404, 416].includes(answer.status)) return answer;
    await answer.body?.cancel();
  } catch {
    // The next node is tried, as after an error status.
  }
  return undefined;
}
