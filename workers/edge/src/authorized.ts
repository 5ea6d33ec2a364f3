// Answers requests for objects after index.ts has authenticated and authorized the client. The functions apply the
// experiments and the edge policy, and fetch the object from L1.

import { dataSetInForce } from "./advisories";
import { failure } from "./answers";
import type { Bindings } from "./bindings";
import { clientHeaders, isForClients } from "./client_headers";
import { conditionsOf } from "./conditions";
import { rulingOn } from "./enforcement";
import { DEFAULT_FLAGS, type Flags, type ShieldFlags, type Subject, variantOf } from "./experiments";
import { installFlag, prefetchFlag } from "./installs";
import { entrypointsOf, type Invocation, l1Of } from "./invocation";
import { type L1, l1From, readerOf, type View } from "./l1";
import { fromMemory, memoryLimitsIn } from "./memory";
import { packumentPart } from "./npm";
import { searchResponse } from "./npm_search";
import { absent, withoutShield } from "./object_errors";
import { clientResponse, fetchObject } from "./objects";
import { listResponse } from "./oci_lists";
import { placeOf } from "./places";
import { type NamedPolicy, POLICIES_ENTRY, policyOfVariant } from "./policies";
import { budgetIn } from "./prediction";
import { predicting } from "./prefetch";
import { redirectToL1 } from "./redirects";
import { namingVariants, requestEvent } from "./request_log";
import { isPart, type ObjectRoute } from "./routes";
import { type RuleSet, ruleSetOf } from "./rule_sets";
import { entryText } from "./store";
import type { Digests, Read } from "./versioned_documents";

/** A client's request for an object that the client is authorized to pull. */
export interface AuthorizedRequest extends Invocation {
  wanted: ObjectRoute;
  grants: readonly string[];
  subject: Subject;
  /** The time at which the worker received the request, in milliseconds since 1970. */
  started: number;
}

/**
 * The rules and flags for a request. The worker needs them, besides the request itself, to answer an authorized client.
 * `flags` come from the experiment variants that the client is assigned to (experiments.ts).
 */
interface Terms {
  /** The rules of the edge policy that apply to the client. Undefined means that no rule applies. */
  rules: RuleSet | undefined;
  flags: Flags & ShieldFlags;
  /** Whether the edge policy blocks networks, so that a decision holds for one client address only. */
  isBlocking: boolean;
}

/** The answer from the isolate's memory, which already has all headers for the client. Absent if L1 answered. */
interface Found {
  inMemory?: Response;
}

/**
 * Answers an authorized request. If experiments assign the client to variants, the flags of these variants affect the
 * response (experiments.ts). Logs the request if the client takes part in an experiment.
 *
 * `inForce` is the stack's edge policy in force. `advisories` has the digests of the latest data sets of advisories.
 * `read` fetches a policy or a data set.
 */
export async function serveAuthorized(
  authorized: AuthorizedRequest,
  inForce: NamedPolicy | undefined,
  advisories: Digests,
  read: Read,
): Promise<Response> {
  const { wanted, request, bindings, subject, started } = authorized;
  const assignment = variantOf(inForce?.policy.experiments ?? [], subject);
  const named = await policyOfVariant(assignment.flags.policy, inForce, read);
  const rules = ruleSetOf(named, await dataSetInForce(advisories, read), subject.principal);
  const install = loggedInstall(authorized, assignment.flags);
  const flags = install === undefined ? assignment.flags : { ...assignment.flags, install };
  const response = await permitted(authorized, { rules, flags, isBlocking: inForce?.policy.blocked !== undefined });
  if (Object.keys(assignment.variants).length === 0 || bindings.REDIRECT_TO_L1 !== undefined) return response;
  console.log(JSON.stringify(requestEvent(assignment, wanted.ecosystem, request.method, response, Date.now() - started)));
  return inForce?.policy.operators.includes(subject.principal) ? namingVariants(response, assignment) : response;
}

/**
 * Returns the client's install id for the log. Returns undefined if the stack logs no installs. Also returns undefined
 * if the worker prefetches for the client, because shields then do not see all requests of the client.
 */
function loggedInstall({ bindings, subject, started }: AuthorizedRequest, { prediction }: Flags): string | undefined {
  if (prediction && bindings.PREDICTION !== undefined) return undefined;
  return installFlag(bindings, subject.principal, started).install;
}

/**
 * Returns a function that fetches a policy or a data set of advisories from L1. For most requests, the worker does not
 * call this function, because the isolate has these documents in memory.
 */
export function policyReader(invocation: Invocation): Read {
  return (key) => l1Of(invocation, DEFAULT_FLAGS)()(key, "GET", {});
}

/** Returns a function that reads the names of the latest edge policies from the key-value store. */
export function entryIn({ ENTITLEMENTS: store }: Bindings): () => Promise<string | null> {
  return () => entryText(store, POLICIES_ENTRY);
}

/** Answers an authorized request as the edge policy decides: with the object, with a filtered document, or with 403. */
function permitted(authorized: AuthorizedRequest, terms: Terms): Promise<Response> {
  const { wanted, request, bindings } = authorized;
  const { rules, flags, isBlocking } = terms;
  const l1 = l1Of(authorized, flags);
  const headersOf = (answer: Response): Record<string, string> => clientHeaders(wanted, answer);
  // `l1()` makes the runtime create a new stub of the cached entrypoint. An answer from memory needs no stub, so
  // `stored` calls `l1()` only when the object is not in memory.
  const stored: L1 = (key, method, headers) => l1()(key, method, headers);
  const found: Found = {};
  const remember = (answer: Response): void => void (found.inMemory = answer);
  const tiers = (view?: View): L1 =>
    view === undefined ? fromMemory(stored, memoryLimitsIn(bindings.MEMORY), headersOf, remember) : l1(view);
  const serve = (view?: View): Promise<Response> =>
    bindings.REDIRECT_TO_L1 === undefined
      ? object(authorized, withPrefetches(tiers(view), authorized, terms), found)
      : Promise.resolve(redirectToL1(wanted, request, placeOf(request, Date.now()), flags, isBlocking, view));
  return rules === undefined ? serve() : ruled(authorized, rules, l1, serve);
}

/**
 * Answers an authorized request to which rules of the edge policy apply. `l1` takes the form of an object, and returns a
 * function that fetches objects in this form from L1, the cache at the edge. `serve` sends the client the object, either
 * as the origin stores it or without the artifacts that the rules refuse.
 */
async function ruled(
  { wanted }: AuthorizedRequest,
  rules: RuleSet,
  l1: (view?: View) => L1,
  serve: (view?: View) => Promise<Response>,
): Promise<Response> {
  const refusals = readerOf(l1({ kind: "refusals", policy: rules.id }));
  const ruling = await rulingOn(wanted, rules, readerOf(l1()), refusals, Date.now());
  if (ruling.kind === "refused") return failure(wanted.ecosystem, 403, ruling.message);
  if (ruling.kind === "unlisted") return absent(wanted, 404, "no such object");
  if (ruling.kind === "unknown") return withoutShield(wanted);
  return serve(ruling.kind === "filtered" ? { kind: "filtered", policy: rules.id } : undefined);
}

/**
 * Returns a function that fetches objects with `l1` and also prefetches the objects that the client probably requests
 * next. `l1` is the function that fetches objects from the cache at the edge. If prediction is off, returns `l1`
 * itself.
 */
function withPrefetches(l1: L1, { wanted, request, bindings, ctx, grants }: AuthorizedRequest, { rules, flags }: Terms): L1 {
  const budget = budgetIn(bindings.PREDICTION);
  if (budget === undefined || !flags.prediction) return l1;
  const { Objects } = entrypointsOf(ctx);
  const userAgent = request.headers.get("user-agent") ?? "";
  const absent: L1 = async () => undefined;
  const marked = { ...flags, ...prefetchFlag(bindings) };
  const l1For = (view?: View): L1 => l1From(Objects, placeOf(request, Date.now()), absent, marked, view, true);
  return predicting(wanted, l1, { budget, grants, rules, userAgent, l1: l1For }, (work) => ctx.waitUntil(work));
}

/**
 * Answers an authorized request with the object that `l1` fetches, or with a part of the object. `l1` sets
 * `found.inMemory` if the isolate's memory has the object.
 */
async function object({ wanted, request, grants }: AuthorizedRequest, l1: L1, found: Readonly<Found>): Promise<Response> {
  const started = Date.now();
  // Some routes request a part of a stored document, and the worker cuts this part out. The request's range and
  // validators then refer to the part, so the worker fetches the whole document without them.
  const isCut = isPart(wanted);
  const method = isCut ? "GET" : request.method;
  const conditions = isCut ? {} : conditionsOf(method, request.headers);
  const answer = await fetchObject(wanted, method, conditions, l1);
  if (answer === undefined) return withoutShield(wanted);
  const { status } = answer; // read once, because each read calls into the runtime
  if (status === 404) {
    await answer.body?.cancel();
    if (wanted.search !== undefined) return searchResponse(undefined, wanted.search, grants, request.method);
    if (wanted.list !== undefined && wanted.absent === undefined) return listResponse(request, wanted.name, wanted.list, undefined);
    return absent(wanted, 404, "no such object");
  }
  if (status === 412) return failure(wanted.ecosystem, 412, `${wanted.name}: this is not the version that the request requires`);
  if (status === 416) {
    const headers = { "content-range": answer.headers.get("content-range") ?? "bytes */*" };
    return failure(wanted.ecosystem, 416, `${wanted.name}: the object has no such bytes`, headers);
  }
  const isReady = answer === found.inMemory || (status === 200 && isForClients(answer));
  const sent = isReady ? answer : clientResponse(wanted, answer, Date.now() - started);
  if (!isCut) return sent;
  // the read fails if a shield (a regional cache) fails while it sends the document
  const text = await sent.text().catch(() => undefined);
  if (text === undefined) return withoutShield(wanted);
  const whole = new Response(text, sent);
  if (wanted.list !== undefined) return listResponse(request, wanted.name, wanted.list, whole);
  if (wanted.search !== undefined) return searchResponse(whole, wanted.search, grants, request.method);
  const part = wanted.part && (await packumentPart(whole, wanted.part, request.method));
  return part ?? failure(wanted.ecosystem, 404, `${wanted.name}: no such version or dist-tag`);
}
