// Fetching an object from the tiers below: through L1 to a shield, and back to the client without what is not his.

import { candidates, type Place, type Shield } from "./shields";
import type { ObjectRoute } from "./routes";

export interface Below {
  shield: Fetcher;
  shields: readonly Shield[];
  originKey: string;
}

const FORWARDED = ["range", "if-none-match", "if-modified-since"];
const RETURNED = [
  "accept-ranges",
  "age",
  "cache-control",
  "content-length",
  "content-range",
  "content-type",
  "etag",
  "last-modified",
];
const STAMPS = ["revision", "published"]; // of a document: docs/publish-to-visible.md
const AVOIDED_MILLISECONDS = 5_000;
const failedUntil = new Map<string, number>();

/** The answer of the first node that has one: the object, 304, 416 or 404. `undefined` when no node could answer. */
export async function fetchObject(
  route: ObjectRoute,
  request: Request,
  below: Below,
  place: Place | undefined,
  now: number,
): Promise<Response | undefined> {
  const headers = new Headers({ "X-Artifact-Edge-Key": below.originKey });
  for (const name of FORWARDED) {
    const value = request.headers.get(name);
    if (value !== null) headers.set(name, value);
  }
  const order = candidates(below.shields, route.key, place);
  const avoided = (shield: Shield): boolean => (failedUntil.get(shield.host) ?? 0) > now;
  for (const node of [...order.filter((shield) => !avoided(shield)), ...order.filter(avoided)]) {
    const answer = await ask(below.shield, node, route.key, request.method, headers);
    if (answer !== undefined) {
      failedUntil.delete(node.host);
      return answer;
    }
    failedUntil.set(node.host, now + AVOIDED_MILLISECONDS);
  }
  return undefined;
}

/** The response that the client may see. */
export function clientResponse(route: ObjectRoute, answer: Response, milliseconds: number): Response {
  const headers = new Headers();
  for (const name of RETURNED) {
    const value = answer.headers.get(name);
    if (value !== null) headers.set(name, value);
  }
  const caching = headers.get("cache-control");
  // A cache between us and the client would else store a private package for everyone (RFC 9111, section 3.5).
  headers.set("cache-control", caching === null ? "private, no-store" : caching.replace(/\bpublic\b/, "private"));
  if (route.negotiated) headers.set("vary", "Accept");
  if (route.ecosystem === "oci") {
    headers.set("docker-distribution-api-version", "registry/2.0");
    const digest = answer.headers.get("x-amz-meta-digest") ?? route.digest ?? null;
    if (digest !== null) headers.set("docker-content-digest", digest);
  }
  for (const name of STAMPS) {
    const value = answer.headers.get(`x-amz-meta-${name}`);
    if (value !== null) headers.set(`x-artifact-edge-${name}`, value);
  }
  headers.set("x-cache", cacheVerdict(answer));
  const below = answer.headers.get("server-timing");
  headers.set("server-timing", [below, `edge;dur=${milliseconds}`].filter((part) => part !== null).join(", "));
  return new Response(answer.body, { status: answer.status, headers });
}

/** Names the tier whose store the body came from. L1 speaks of itself as Cloudflare's cache does. */
function cacheVerdict(answer: Response): string {
  const verdict = answer.headers.get("cf-cache-status");
  if (verdict === "HIT" || verdict === "REVALIDATED") return "edge; hit";
  if (verdict === "STALE" || verdict === "UPDATING") return "edge; stale";
  return answer.headers.get("x-cache") ?? "origin; miss";
}

async function ask(
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
    // A node that cannot be reached is passed over like one that answers with an error.
  }
  return undefined;
}
