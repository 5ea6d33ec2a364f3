// The default entrypoint of the edge worker maps the URL to an object, authenticates and authorizes the client, and
// then answers with the object (authorized.ts). Responses of the default entrypoint are never cached, so the worker
// queries no cache before it has authorized the client.

import { isNewestDataSetInForce } from "./advisories";
import { failure, ociFailure, unauthorized } from "./answers";
import { entryIn, policyReader, serveAuthorized } from "./authorized";
import type { Bindings } from "./bindings";
import { fetchFeed, metadataApiOf } from "./cached_feeds";
import { credentialOf, isBearer, tokenWith } from "./credentials";
import { DEFAULT_FLAGS } from "./experiments";
import { type Current, type Feed, type FeedAccess, OUTAGE_MILLISECONDS } from "./feed";
import { allows } from "./grants";
import { entrypointsOf, l1Of } from "./invocation";
import { KnownRoutes } from "./known_routes";
import { KnownTokens } from "./known_tokens";
import { readerOf } from "./l1";
import { tooManyFailures, tooManyRequests } from "./limits";
import { absent, withoutGrant } from "./object_errors";
import { isNewestInForce, latestPolicies, policiesFeed, policyInForce } from "./policies";
import type { Policy } from "./policy";
import { PURGE_PATH, purgeAnswer } from "./purges";
import { isQuarantined } from "./quarantine";
import { NO_REVOCATIONS, type Revocations, revocationsFeed } from "./revocations";
import { type Ecosystem, type Route, route } from "./routes";
import { scopeOf } from "./sessions";
import { type Issuer, tokenAnswer } from "./token_endpoint";
import { type Entitlement, entitlementOf, type Sources } from "./tokens";
import { Unavailable } from "./unavailable";

type ProtectedRoute = Exclude<Route, { kind: "health" | "unknown" | "invalid" | "redirect" | "token" }>;

export { Feeds } from "./cached_feeds";
export { Objects } from "./cached_objects";

const FEED_HEALTH_PATH = "/healthz/feed";
const READS: readonly string[] = ["GET", "HEAD"];
const BLOCKED = "blocked-address: requests from this network are blocked";
const PUBLISH = "publish packages with: python -m registry publish";

const knownRoutes = new KnownRoutes();
const knownTokens = new KnownTokens();

export default {
  fetch(request: Request, bindings: Bindings, ctx: ExecutionContext): Promise<Response> {
    const known = knownRoutes.routeOf(request.url);
    const isKnown = known !== undefined && READS.includes(request.method);
    return isKnown ? served(known, request, bindings, ctx) : routed(request, bindings, ctx);
  },
} satisfies ExportedHandler<Bindings>;

/** Answers a request for a URL whose route the isolate does not remember. */
async function routed(request: Request, bindings: Bindings, ctx: ExecutionContext): Promise<Response> {
  const url = new URL(request.url);
  if (url.pathname === PURGE_PATH) return purgeAnswer(request, entrypointsOf(ctx).Objects, bindings.PURGE_KEY, Date.now());
  if (url.pathname === FEED_HEALTH_PATH) return feedHealth(request, bindings, ctx);
  const wanted = route(url, request.headers.get("accept") ?? "");
  if (wanted.kind === "health") return new Response("ok\n");
  const methods = wanted.kind === "token" ? [...READS, "POST"] : READS;
  const isSupported = methods.includes(request.method);
  const ecosystem = ecosystemOf(wanted);
  if (wanted.kind === "unknown" && (isSupported || (ecosystem !== "pypi" && wanted.change === undefined))) {
    return failure(ecosystem, 404, wanted.reason ?? "no such resource");
  }
  if (wanted.kind === "unknown") return notSupported(request.method, ecosystem, methods, wanted.change);
  if (!isSupported) return notSupported(request.method, ecosystem, methods);
  if (wanted.kind === "invalid") return ociFailure(wanted.status, wanted.code, wanted.message);
  if (wanted.kind === "redirect") {
    return new Response(null, { status: 301, headers: { location: wanted.location } });
  }
  knownRoutes.remember(request.url, wanted);
  return served(wanted, request, bindings, ctx);
}

/**
 * Answers a request for a valid route. The status is 503 if the worker cannot decide whether the client's token is
 * valid or whether the edge policy allows the object.
 */
async function served(
  wanted: ProtectedRoute | { kind: "token" },
  request: Request,
  bindings: Bindings,
  ctx: ExecutionContext,
): Promise<Response> {
  try {
    if (wanted.kind === "token") return await tokenAnswer(request, issuerOf(request, bindings, ctx));
    return await serveProtected(wanted, request, bindings, ctx);
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    return failure(ecosystemOf(wanted), 503, error.message, { "retry-after": "1" });
  }
}

async function serveProtected(
  wanted: ProtectedRoute,
  request: Request,
  bindings: Bindings,
  ctx: ExecutionContext,
): Promise<Response> {
  const started = Date.now();
  const { HOSTNAME: hostname, TOKEN_SIGNING_KEY: signingKey } = bindings;
  const header = request.headers.get("authorization");
  const known = knownTokens.digestOf(header);
  const credential = known === undefined ? await credentialOf(header, signingKey, hostname) : tokenWith(known);
  // The token endpoint issues sessions only to image clients, so the worker accepts a session only for images.
  const usable = credential.kind === "token" || (credential.kind === "session" && wanted.ecosystem === "oci");
  const scope = wanted.kind === "object" && wanted.ecosystem === "oci" ? scopeOf(wanted.name) : undefined;
  const invalid = (): Response =>
    unauthorized(wanted.ecosystem, hostname, { scope, error: isBearer(header) ? "invalid_token" : undefined });
  if (!usable) return invalid();
  const policies = currentOf(policiesFeed, bindings, ctx, started);
  const sources = sourcesOf(bindings, ctx, started);
  const holder = await entitlementOf(credential.digest, sources, started);
  if (!holder) {
    const refused = await tooManyFailures(request, wanted.ecosystem, bindings);
    return refused ?? invalid();
  }
  if (known === undefined && credential.kind === "token") knownTokens.remember(header, credential.digest);
  const read = policyReader({ request, bindings, ctx });
  const latest = await latestPolicies(await policies, entryIn(bindings), started);
  const inForce = await policyInForce(latest.policies, read);
  // Requests from a blocked network do not count as requests with the token, so that the token's other clients do not
  // get 429.
  if (isBlocked(request, inForce?.policy)) return failure(wanted.ecosystem, 403, BLOCKED, { "x-artifact-edge-rule": "blocked-address" });
  const flooded = await tooManyRequests(credential.digest, wanted.ecosystem, bindings);
  if (flooded !== undefined) return flooded;
  if (wanted.kind === "authenticated") return authenticated(wanted.answer, holder);
  if (wanted.anyToken !== true && !allows(holder.grants, wanted.ecosystem, wanted.name, "pull")) {
    return withoutGrant(wanted, bindings.RESERVED_PYTHON_NAMES);
  }
  if (credential.kind === "session" && !credential.repositories.includes(wanted.name)) {
    return unauthorized(wanted.ecosystem, hostname, { scope, error: "insufficient_scope" });
  }
  if (await isQuarantined(wanted.key, sources, Date.now())) {
    return absent(wanted, 410, "this was withdrawn; use another version");
  }
  const subject = { principal: holder.principal, token: credential.digest };
  const authorized = { request, bindings, ctx, wanted, grants: holder.grants, subject, started };
  return serveAuthorized(authorized, inForce, latest.advisories, read);
}

/** Returns whether the client's address is in a network that the edge policy blocks. */
function isBlocked(request: Request, policy: Policy | undefined): boolean {
  return policy?.blocked !== undefined && policy.blocked.contain(request.headers.get("cf-connecting-ip") ?? "");
}

function authenticated(answer: "ping" | "whoami" | "version", holder: Entitlement): Response {
  if (answer === "whoami") return Response.json({ username: holder.principal }, { headers: { "cache-control": "no-store" } });
  const headers = { "cache-control": "no-store", "docker-distribution-api-version": "registry/2.0" };
  return Response.json({}, answer === "version" ? { headers } : { headers: { "cache-control": "no-store" } });
}

/**
 * Returns the error for an HTTP method that the path does not support. Clients send other methods when they try to
 * publish: npm clients send PUT, and Python clients send POST.
 */
function notSupported(method: string, ecosystem: Ecosystem | undefined, methods: readonly string[], instead = PUBLISH): Response {
  const way = ecosystem === "npm" || ecosystem === "pypi" ? `; ${instead}` : "";
  return failure(ecosystem, 405, `${method} is not supported here${way}`, { allow: methods.join(", ") });
}

function ecosystemOf(wanted: Exclude<Route, { kind: "health" }>): Ecosystem | undefined {
  if (wanted.kind === "token") return "oci";
  return "ecosystem" in wanted ? wanted.ecosystem : undefined;
}

function issuerOf(request: Request, bindings: Bindings, ctx: ExecutionContext): Issuer {
  const known = (digest: string): Promise<Entitlement | undefined> => {
    const now = Date.now();
    return entitlementOf(digest, sourcesOf(bindings, ctx, now), now);
  };
  const failed = (): Promise<Response | undefined> => tooManyFailures(request, "oci", bindings);
  return { key: bindings.TOKEN_SIGNING_KEY, service: bindings.HOSTNAME, entitlementOf: known, failed };
}

/**
 * Returns the sources from which the worker learns what a token may do (tokens.ts). The function starts to read the
 * recent revocations at once, so that this read runs in parallel with the query of the key-value store.
 */
function sourcesOf(bindings: Bindings, ctx: ExecutionContext, now: number): Sources {
  const revocations = currentRevocations(bindings, ctx, now).then(({ document }) => document ?? NO_REVOCATIONS);
  return { store: bindings.ENTITLEMENTS, api: metadataApiOf(bindings), revocations, waitUntil: (work) => ctx.waitUntil(work) };
}

function currentRevocations(bindings: Bindings, ctx: ExecutionContext, now: number): Promise<Current<Revocations>> {
  if (metadataApiOf(bindings) === undefined) return Promise.resolve({ document: NO_REVOCATIONS, age: 0 });
  return currentOf(revocationsFeed, bindings, ctx, now);
}

/**
 * Returns the current document of a feed, which the metadata API serves. The document is undefined for a stack without
 * a metadata API. Never throws an error.
 */
function currentOf<T>(feed: Feed<T>, bindings: Bindings, ctx: ExecutionContext, now: number): Promise<Current<T>> {
  if (metadataApiOf(bindings) === undefined) return Promise.resolve({ document: undefined, age: Infinity });
  // `entrypointsOf(ctx).Feeds` makes a new stub each time, and most requests fetch no feed document. The stub is
  // therefore made only when `fetch` is called.
  const access: FeedAccess = { fetch: (name) => fetchFeed(entrypointsOf(ctx).Feeds, name), waitUntil: (work) => ctx.waitUntil(work) };
  return feed.current(access, Date.now, now);
}

/**
 * Answers the PoP's health check. The status is 200 if the PoP knows the recent revocations and applies the newest edge
 * policy and the newest advisories. Otherwise, the status is 503.
 */
async function feedHealth(request: Request, bindings: Bindings, ctx: ExecutionContext): Promise<Response> {
  const now = Date.now();
  const [{ age }, policies] = await Promise.all([
    currentRevocations(bindings, ctx, now),
    currentOf(policiesFeed, bindings, ctx, now),
  ]);
  const headers = { "cache-control": "no-store", ...(Number.isFinite(age) && { "server-timing": `feed;dur=${age}` }) };
  if (age > OUTAGE_MILLISECONDS) return new Response("recent revocations are not known here\n", { status: 503, headers });
  const read = readerOf(l1Of({ request, bindings, ctx }, DEFAULT_FLAGS)());
  const { policies: digests, advisories } = policies.document ?? { policies: [], advisories: [] };
  if (!(await isNewestInForce(digests, read))) {
    return new Response("the newest edge policy is not applied here\n", { status: 503, headers });
  }
  if (await isNewestDataSetInForce(advisories, read)) return new Response("ok\n", { headers });
  return new Response("the newest advisories are not applied here\n", { status: 503, headers });
}
