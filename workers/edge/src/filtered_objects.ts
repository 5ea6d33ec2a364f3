// Filters documents by an edge policy. Workers Cache keeps one filtered copy of a document for each rule set, that is,
// for the policy's rules and the advisories that apply to a client (rule_sets.ts). All clients with the same rule set
// share the copy.

import { artifactsIn, unlisted } from "./artifacts";
import { tagsOf } from "./cache_tags";
import { cacheVerdict } from "./client_headers";
import { isListed } from "./conditions";
import { sha256 } from "./digest";
import { filteredDocument, type Refusing } from "./filtered_documents";
import { refusing } from "./filtering";
import { type L1, readerOf, type View } from "./l1";
import { idOf, type Rule } from "./policy";
import { originCaching } from "./prefetched_lifetime";
import { ruleSetWith, rulesOf } from "./rule_sets";
import { type DocumentSubject, subjectOf } from "./subjects";

// The Cache-Control of responses that are not based on a document from the origin. All other responses have the
// Cache-Control of the document that they are based on.
const LIFETIME = "public, max-age=5";
const PASSED_HEADERS = [
  ...["content-type", "server-timing"],
  ...["x-amz-meta-next", "x-amz-meta-published", "x-amz-meta-revision"],
];

/**
 * The document that lists a package's artifacts, such as a packument. "absent" means that the package has no such
 * document.
 */
type Index = { text: string; answer: Response } | "absent";

/**
 * Answers a request for a view of the document `key`, with the status 200, 304 or 404. The view `filtered` is the
 * document without the artifacts that the rules refuse. The view `refusals` is a list of the package's refused
 * artifacts, and the worker requests it only for the key of the package's index. The function fetches objects from L1,
 * the cache at the edge, with `l1`.
 *
 * Returns undefined when no shield (a regional cache) answers, or when the object `key` does not have the view. Throws
 * `Unavailable` or `InvalidDocument` when the edge policy or the advisories cannot be read.
 */
export async function filteredObject(
  key: string,
  view: Exclude<View, { kind: "objects" }>,
  request: Request,
  l1: L1,
  now: number,
): Promise<Response | undefined> {
  const subject = subjectOf(key);
  if (subject?.kind !== "document" || (subject.form === "contents" && view.kind === "filtered")) return undefined;
  const [rules, document] = await Promise.all([rulesIn(view, subject, l1), stored(key, l1)]);
  const index = key === subject.index ? document : await stored(subject.index, l1);
  if (document === undefined || index === undefined) return undefined;
  const tags = [...new Set([key, subject.index].flatMap(tagsOf))];
  const rule = refusingIn(rules, subject, index, now);
  if (view.kind === "refusals") return answerWith(request, index, refusalsOf(subject, index, rule), tags);
  if (document === "absent") return new Response(null, { status: 404, headers: { "cache-control": "no-store" } });
  return answerWith(request, document, filteredDocument(subject, document.text, rule), tags);
}

async function stored(key: string, l1: L1): Promise<Index | undefined> {
  const answer = await l1(key, "GET", {});
  if (answer?.status === 200) return { text: await answer.text(), answer };
  await answer?.body?.cancel();
  return answer?.status === 404 ? "absent" : undefined;
}

async function rulesIn(
  { policy }: Exclude<View, { kind: "objects" }>,
  { ecosystem, name }: DocumentSubject,
  l1: L1,
): Promise<readonly Rule[]> {
  const read = readerOf(l1);
  return rulesOf(await ruleSetWith(policy, read), ecosystem, name, read);
}

function refusingIn(rules: readonly Rule[], { ecosystem, name }: DocumentSubject, index: Index, now: number): Refusing {
  const artifacts = artifactsIn(ecosystem, name, index === "absent" ? undefined : index.text);
  return (id) => refusing(rules, artifacts.get(id) ?? unlisted(ecosystem, name, id), now);
}

/**
 * Returns a JSON object about the artifacts in a package's index. A key is the id of an artifact, and its value is the
 * id of the rule that refuses the artifact. For an allowed artifact, the value is an empty string.
 */
function refusalsOf({ ecosystem, name }: DocumentSubject, index: Index, refusing: Refusing): string {
  const ids = [...artifactsIn(ecosystem, name, index === "absent" ? undefined : index.text).keys()];
  return JSON.stringify(Object.fromEntries(ids.map((id) => [id, idOf(refusing(id))])));
}

async function answerWith(request: Request, source: Index, text: string, tags: readonly string[]): Promise<Response> {
  const headers = new Headers({ "cache-control": LIFETIME, "content-type": "application/json", "cache-tag": tags.join(",") });
  if (source !== "absent") {
    for (const name of PASSED_HEADERS) copy(name, source.answer.headers, headers);
    headers.set("cache-control", originCaching(source.answer) ?? LIFETIME);
    headers.set("x-cache", cacheVerdict(source.answer));
  }
  if (source !== "absent" && text === source.text) {
    for (const name of ["etag", "last-modified"]) copy(name, source.answer.headers, headers);
  } else {
    headers.set("etag", `"${sha256(text)}"`);
  }
  if (isListed(request.headers.get("if-none-match") ?? "", headers.get("etag"))) return new Response(null, { status: 304, headers });
  const body = new TextEncoder().encode(text);
  headers.set("content-length", String(body.length));
  return new Response(body, { headers });
}

function copy(name: string, from: Headers, to: Headers): void {
  const value = from.get(name);
  if (value !== null) to.set(name, value);
}
