// The default entrypoint of the edge worker maps the URL to an object, authenticates and authorizes the client, and
// calls the cached entrypoint. It is never cached itself, so no cache is queried before the client is authorized.

import { dataSetInForce, isNewestDataSetInForce } from "./advisories";
import { failure, ociFailure, unauthorized } from "./answers";
import type { Bindings } from "./bindings";
import { packageTag } from "./cache_tags";
import { fetchFeed, metadataApiOf } from "./cached_feeds";
import { conditionsOf } from "./conditions";
import { credentialOf, isBearer } from "./credentials";
import { rulingOn } from "./enforcement";
import { DEFAULT_FLAGS, type Flags, type Subject, variantOf } from "./experiments";
import { type Current, type Feed, type FeedAccess, OUTAGE_MILLISECONDS } from "./feed";
import { allows } from "./grants";
import { type L1, l1From, readerOf, type View } from "./l1";
import { absent, withoutGrant, withoutShield } from "./object_errors";
import { clientResponse, fetchObject } from "./objects";
import { tooManyFailures, tooManyRequests } from "./limits";
import { packumentPart } from "./npm";
import { searchResponse } from "./npm_search";
import { listResponse } from "./oci_lists";
import {
  isNewestInForce,
  type Latest,
  latestPolicies,
  POLICIES_ENTRY,
  policiesFeed,
  policyInForce,
  policyOfVariant,
} from "./policies";
import { budgetIn } from "./prediction";
import { predicting } from "./prefetch";
import { PURGE_PATH, type Purgeable, purgeAnswer } from "./purges";
import { isQuarantined } from "./quarantine";
import { redirectToL1 } from "./redirects";
import { nameVariants, requestEvent } from "./request_log";
import { NO_REVOCATIONS, type Revocations, revocationsFeed } from "./revocations";
import { type Ecosystem, isPart, type ObjectRoute, type Route, route } from "./routes";
import { type RuleSet, ruleSetOf } from "./rule_sets";
import { scopeOf } from "./sessions";
import { fetchFromShields } from "./shield_nodes";
import type { Place } from "./shields";
import { entryText } from "./store";
import { type Issuer, tokenAnswer } from "./token_endpoint";
import { type Entitlement, entitlementOf, type Sources } from "./tokens";
import { Unavailable } from "./unavailable";

type ProtectedRoute = Exclude<Route, { kind: "health" | "unknown" | "invalid" | "redirect" | "token" }>;

/** The worker's entrypoints that the default entrypoint calls through `ctx.exports`. */
interface Entrypoints {
  Objects: Pick<Fetcher, "fetch"> & Purgeable;
  Feeds: Pick<Fetcher, "fetch">;
}

export { Feeds } from "./cached_feeds";
export { Objects } from "./cached_objects";

const FEED_HEALTH_PATH = "/healthz/feed";

export default {
  async fetch(request: Request, bindings: Bindings, ctx: ExecutionContext): Promise<Response> {
    const url = new URL(request.url);
    const entrypoints = ctx.exports as unknown as Entrypoints;
    if (url.pathname === PURGE_PATH) return purgeAnswer(request, entrypoints.Objects, bindings.PURGE_KEY, Date.now());
    if (url.pathname === FEED_HEALTH_PATH) return feedHealth(request, bindings, ctx);
    const wanted = route(url, request.headers.get("accept") ?? "");
    if (wanted.kind === "health") return new Response("ok\n");
    if (wanted.kind === "unknown") return failure(wanted.ecosystem, 404, wanted.reason ?? "no such resource");
    const ecosystem = ecosystemOf(wanted);
    const methods = wanted.kind === "token" ? ["GET", "HEAD", "POST"] : ["GET", "HEAD"];
    if (!methods.includes(request.method)) {
      return failure(ecosystem, 405, `${request.method} is not supported here`, { allow: methods.join(", ") });
    }
    if (wanted.kind === "invalid") return ociFailure(wanted.status, wanted.code, wanted.message);
    if (wanted.kind === "redirect") {
      return new Response(null, { status: 301, headers: { location: wanted.location } });
    }
    try {
      if (wanted.kind === "token") return await tokenAnswer(request, issuerOf(request, bindings, ctx));
      return await serveProtected(wanted, request, bindings, ctx);
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
      return failure(ecosystem, 503, error.message, { "retry-after": "1" });
    }
  },
} satisfies ExportedHandler<Bindings>;

async function serveProtected(
  wanted: ProtectedRoute,
  request: Request,
  bindings: Bindings,
  ctx: ExecutionContext,
): Promise<Response> {
  const started = Date.now();
  const { HOSTNAME: hostname, TOKEN_SIGNING_KEY: signingKey } = bindings;
  const header = request.headers.get("authorization");
  const credential = await credentialOf(header, signingKey, hostname);
  // Only image clients get sessions from the token endpoint, so the worker accepts a session only for images.
  const usable = credential.kind === "token" || (credential.kind === "session" && wanted.ecosystem === "oci");
  const scope = wanted.kind === "object" && wanted.ecosystem === "oci" ? scopeOf(wanted.name) : undefined;
  const error = isBearer(header) ? "invalid_token" : undefined;
  if (!usable) return unauthorized(wanted.ecosystem, hostname, { scope, error });
  const policies = currentOf(policiesFeed, bindings, ctx);
  const sources = sourcesOf(bindings, ctx);
  const holder = await entitlementOf(credential.digest, sources, Date.now());
  if (!holder) {
    const refused = await tooManyFailures(request, wanted.ecosystem, bindings);
    return refused ?? unauthorized(wanted.ecosystem, hostname, { scope, error });
  }
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
  return assigned(wanted, request, bindings, ctx, await policies, holder.grants, subject, started);
}

/**
 * Answers an authorized request, with the flags of the variants that the client is assigned to (experiments.ts). Logs
 * the request if the client takes part in an experiment.
 */
async function assigned(
  wanted: ObjectRoute,
  request: Request,
  bindings: Bindings,
  ctx: ExecutionContext,
  policies: Current<Latest>,
  grants: readonly string[],
  subject: Subject,
  started: number,
): Promise<Response> {
  const tag = await packageTag(wanted.ecosystem, wanted.name);
  const read = readerOf(l1Of(tag, request, bindings, ctx, DEFAULT_FLAGS)());
  const latest = await latestPolicies(policies, entryIn(bindings), Date.now());
  const inForce = await policyInForce(latest.policies, read);
  const assignment = variantOf(inForce?.policy.experiments ?? [], subject);
  const named = await policyOfVariant(assignment.flags.policy, inForce, read);
  const rules = ruleSetOf(named, await dataSetInForce(latest.advisories, read), subject.principal);
  const response = await permitted(wanted, request, bindings, ctx, tag, grants, rules, assignment.flags);
  if (Object.keys(assignment.variants).length === 0 || bindings.REDIRECT_TO_L1 !== undefined) return response;
  console.log(JSON.stringify(requestEvent(assignment, wanted.ecosystem, request.method, response, Date.now() - started)));
  if (inForce?.policy.operators.includes(subject.principal)) nameVariants(response.headers, assignment);
  return response;
}

/** Answers an authorized request by the edge policy: with the object, with a filtered document, or with 403. */
async function permitted(
  wanted: ObjectRoute,
  request: Request,
  bindings: Bindings,
  ctx: ExecutionContext,
  tag: string,
  grants: readonly string[],
  rules: RuleSet | undefined,
  flags: Flags,
): Promise<Response> {
  const l1 = l1Of(tag, request, bindings, ctx, flags);
  const serve = async (view?: View): Promise<Response> =>
    bindings.REDIRECT_TO_L1 === undefined
      ? object(wanted, request, withPrefetches(wanted, l1(view), request, bindings, ctx, grants, rules, flags), grants)
      : redirectToL1(wanted, request, tag, placeOf(request), flags, view);
  if (rules === undefined) return serve();
  const refusals = readerOf(l1({ kind: "refusals", policy: rules.id }));
  const ruling = await rulingOn(wanted, rules, readerOf(l1()), refusals, Date.now());
  if (ruling.kind === "refused") return failure(wanted.ecosystem, 403, ruling.message);
  if (ruling.kind === "unlisted") return absent(wanted, 404, "no such object");
  if (ruling.kind === "unknown") return withoutShield(wanted);
  return serve(ruling.kind === "filtered" ? { kind: "filtered", policy: rules.id } : undefined);
}

/**
 * Returns a function that fetches objects from L1. If prediction is on, the function then also prefetches what the
 * client is expected to request next.
 */
function withPrefetches(
  wanted: ObjectRoute,
  l1: L1,
  request: Request,
  bindings: Bindings,
  ctx: ExecutionContext,
  grants: readonly string[],
  rules: RuleSet | undefined,
  flags: Flags,
): L1 {
  const budget = budgetIn(bindings.PREDICTION);
  if (budget === undefined || !flags.prediction) return l1;
  const { Objects } = ctx.exports as unknown as Entrypoints;
  const userAgent = request.headers.get("user-agent") ?? "";
  const absent: L1 = async () => undefined;
  const l1For = (tag: string) => (view?: View) => l1From(Objects, placeOf(request), tag, absent, flags, view, true);
  return predicting(wanted, l1, { budget, grants, rules, userAgent, l1: l1For }, (work) => ctx.waitUntil(work));
}

/**
 * Returns a function that takes a view of objects (l1.ts) and returns the function that fetches objects in this view
 * from L1. Without a view, objects come as the origin stores them.
 */
function l1Of(
  tag: string,
  request: Request,
  bindings: Bindings,
  ctx: ExecutionContext,
  flags: Flags,
): (view?: View) => L1 {
  const { Objects } = ctx.exports as unknown as Entrypoints;
  const place = placeOf(request);
  const shields: L1 = (key, verb, headers) => fetchFromShields(key, verb, headers, bindings, place, flags);
  return (view) => l1From(Objects, place, tag, shields, flags, view);
}

function entryIn({ ENTITLEMENTS: store }: Bindings): () => Promise<string | null> {
  return () => entryText(store, POLICIES_ENTRY);
}

async function object(wanted: ObjectRoute, request: Request, l1: L1, grants: readonly string[]): Promise<Response> {
  const started = Date.now();
  // If the worker cuts a part out of the document, the client's range and validators refer to the part. The worker then
  // leaves them out of the request for the stored object.
  const isCut = isPart(wanted);
  const method = isCut ? "GET" : request.method;
  const conditions = isCut ? {} : conditionsOf(method, request.headers);
  const answer = await fetchObject(wanted, method, conditions, l1);
  if (answer === undefined) return withoutShield(wanted);
  if (answer.status === 404) {
    await answer.body?.cancel();
    if (wanted.search !== undefined) return searchResponse(undefined, wanted.search, grants, request.method);
    if (wanted.list !== undefined && wanted.absent === undefined) return listResponse(request, wanted.name, wanted.list, undefined);
    return absent(wanted, 404, "no such object");
  }
  if (answer.status === 412) return failure(wanted.ecosystem, 412, `${wanted.name}: this is not the version that the request requires`);
  if (answer.status === 416) {
    const headers = { "content-range": answer.headers.get("content-range") ?? "bytes */*" };
    return failure(wanted.ecosystem, 416, `${wanted.name}: the object has no such bytes`, headers);
  }
  const whole = clientResponse(wanted, answer, Date.now() - started);
  if (wanted.list !== undefined) return listResponse(request, wanted.name, wanted.list, whole);
  if (wanted.search !== undefined) return searchResponse(whole, wanted.search, grants, request.method);
  if (wanted.part === undefined) return whole;
  const part = await packumentPart(whole, wanted.part, request.method);
  return part ?? failure(wanted.ecosystem, 404, `${wanted.name}: no such version or dist-tag`);
}

function authenticated(answer: "ping" | "whoami" | "version", holder: Entitlement): Response {
  if (answer === "whoami") return Response.json({ username: holder.principal }, { headers: { "cache-control": "no-store" } });
  const headers = { "cache-control": "no-store", "docker-distribution-api-version": "registry/2.0" };
  return Response.json({}, answer === "version" ? { headers } : { headers: { "cache-control": "no-store" } });
}

function ecosystemOf(wanted: Exclude<Route, { kind: "health" | "unknown" }>): Ecosystem | undefined {
  if (wanted.kind === "token") return "oci";
  return "ecosystem" in wanted ? wanted.ecosystem : undefined;
}

function issuerOf(request: Request, bindings: Bindings, ctx: ExecutionContext): Issuer {
  const known = (digest: string): Promise<Entitlement | undefined> =>
    entitlementOf(digest, sourcesOf(bindings, ctx), Date.now());
  const failed = (): Promise<Response | undefined> => tooManyFailures(request, "oci", bindings);
  return { key: bindings.TOKEN_SIGNING_KEY, service: bindings.HOSTNAME, entitlementOf: known, failed };
}

/** Returns the sources of entitlements. The worker fetches recent revocations in parallel with its other requests. */
function sourcesOf(bindings: Bindings, ctx: ExecutionContext): Sources {
  const revocations = currentRevocations(bindings, ctx).then(({ document }) => document ?? NO_REVOCATIONS);
  return { store: bindings.ENTITLEMENTS, api: metadataApiOf(bindings), revocations };
}

async function currentRevocations(bindings: Bindings, ctx: ExecutionContext): Promise<Current<Revocations>> {
  if (metadataApiOf(bindings) === undefined) return { document: NO_REVOCATIONS, age: 0 };
  return currentOf(revocationsFeed, bindings, ctx);
}

/** Returns the current document of a feed, or none for a stack without a metadata API. Never throws an error. */
async function currentOf<T>(feed: Feed<T>, bindings: Bindings, ctx: ExecutionContext): Promise<Current<T>> {
  if (metadataApiOf(bindings) === undefined) return { document: undefined, age: Infinity };
  const { Feeds } = ctx.exports as unknown as Entrypoints;
  const access: FeedAccess = { fetch: (name) => fetchFeed(Feeds, name), waitUntil: (work) => ctx.waitUntil(work) };
  return feed.current(access, Date.now);
}

/** Answers the health check that tests whether this PoP has the feed of revocations and applies the newest edge policy. */
async function feedHealth(request: Request, bindings: Bindings, ctx: ExecutionContext): Promise<Response> {
  const headers = { "cache-control": "no-store" };
  const [{ age }, policies] = await Promise.all([currentRevocations(bindings, ctx), currentOf(policiesFeed, bindings, ctx)]);
  if (age > OUTAGE_MILLISECONDS) return new Response("recent revocations are not known here\n", { status: 503, headers });
  const read = readerOf(l1Of("", request, bindings, ctx, DEFAULT_FLAGS)());
  const { policies: digests, advisories } = policies.document ?? { policies: [], advisories: [] };
  if (!(await isNewestInForce(digests, read))) {
    return new Response("the newest edge policy is not applied here\n", { status: 503, headers });
  }
  if (await isNewestDataSetInForce(advisories, read)) return new Response("ok\n", { headers });
  return new Response("the newest advisories are not applied here\n", { status: 503, headers });
}

/** Returns the client's coordinates from Cloudflare's request metadata, or undefined when the request has none. */
function placeOf(request: Request): Place | undefined {
  const latitude = Number(request.cf?.["latitude"] ?? NaN);
  const longitude = Number(request.cf?.["longitude"] ?? NaN);
  return Number.isFinite(latitude) && Number.isFinite(longitude) ? { latitude, longitude } : undefined;
}
