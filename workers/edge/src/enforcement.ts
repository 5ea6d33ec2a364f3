// Decides what the edge policy does with an authorized request: refuse the object, filter the document, or neither.

import { unlisted } from "./artifacts";
import { refusalMessage } from "./filtered_documents";
import { refusing, refusingAll } from "./filtering";
import { idOf, type Rule } from "./policy";
import { type RuleSet, rulesOf } from "./rule_sets";
import type { ObjectRoute } from "./routes";
import { type ArtifactSubject, subjectOf } from "./subjects";
import type { Read } from "./versioned_documents";

/**
 * The edge policy's decision on a request. `unaffected`: the policy has no rules about the object. `filtered`: the
 * worker must remove refused artifacts from the document. `refused`: the client must not get the object, for the reason
 * in `message`. `unlisted`: the rules cannot decide, because the package's index does not list the artifact. `unknown`:
 * the worker cannot decide, because no shield (a regional cache) answers.
 */
export type Ruling = { kind: "unaffected" | "filtered" | "unlisted" | "unknown" } | { kind: "refused"; message: string };

/**
 * A package's list of refusals. It maps the id of each artifact to the id of the rule that refuses the artifact. For an
 * allowed artifact, the value is an empty string.
 */
interface Listed {
  refusals: ReadonlyMap<string, string>;
  characters: number;
  until: number;
}

// The number of milliseconds for which an isolate uses a package's list of refusals (refused artifacts) before it
// fetches the list again.
const FRESH_MILLISECONDS = 2_000;
// An isolate keeps at most this many characters of refusal lists in memory. The limit applies to all lists together.
// Lists of this total length take about 10 MB of the isolate's 128 MB.
const MEMORY_CHARACTERS = 4_000_000;

const memory = new Map<string, Listed>();
let remembered = 0; // the total number of characters of all lists in `memory`

/**
 * Returns the edge policy's decision on a request for the object `wanted`. `stored` fetches objects as the origin
 * stores them. `refusals` fetches the list of a package's refused artifacts. Throws `Unavailable` when the package's
 * advisories cannot be read.
 */
export async function rulingOn(
  wanted: ObjectRoute,
  ruleSet: RuleSet,
  stored: Read,
  refusals: Read,
  now: number,
): Promise<Ruling> {
  const subject = subjectOf(wanted.key);
  if (subject === undefined || wanted.anyToken === true) return { kind: "unaffected" };
  const rules = await rulesOf(ruleSet, subject.ecosystem, subject.name, stored);
  if (rules.length === 0) return { kind: "unaffected" };
  const all = refusingAll(rules);
  if (all !== undefined) return refused(wanted.name, all);
  if (subject.kind === "blob") {
    const blob = { version: null, tag: null, digests: [subject.digest], published: null, license: null, provenance: null };
    const rule = refusing(rules, blob, now);
    return rule === undefined ? { kind: "unaffected" } : refused(`${wanted.name} ${subject.digest}`, rule);
  }
  const id = subject.kind === "artifact" ? subject.id : versionIn(wanted);
  if (id === undefined) return { kind: "filtered" };
  const listed = await listedRefusals(`${ruleSet.id} ${subject.index}`, id, () => refusals(subject.index), now);
  if (listed === undefined) return { kind: "unknown" };
  const refusedBy = listed.get(id);
  const rule = refusedBy === undefined ? undefined : rules.find((each) => idOf(each) === refusedBy);
  if (rule !== undefined) return refused(`${wanted.name} ${id}`, rule);
  if (subject.kind === "document") return { kind: "filtered" };
  return refusedBy === undefined ? rulingOnUnlisted(subject, rules, listed.size > 0, now) : { kind: "unaffected" };
}

/**
 * Returns the edge policy's decision on an artifact that is not in the package's index. The package may also have no
 * index at all.
 */
function rulingOnUnlisted(subject: ArtifactSubject, rules: readonly Rule[], hasIndex: boolean, now: number): Ruling {
  const { ecosystem, name, id } = subject;
  const rule = refusing(rules, unlisted(ecosystem, name, id), now);
  if (rule === undefined) return { kind: "unaffected" };
  return hasIndex ? { kind: "unlisted" } : refused(`${name} ${id}`, rule);
}

/**
 * Returns the version or dist-tag of an npm package that a request names. Returns undefined for a request that names
 * neither.
 */
function versionIn({ part }: ObjectRoute): string | undefined {
  return part?.kind === "version" ? part.named : undefined;
}

/**
 * Returns a package's list of refusals, which maps the ids of artifacts to the ids of the rules that refuse them.
 * Returns undefined if the worker must fetch the list, and no shield (a regional cache) answers.
 *
 * `id` is the id of the requested artifact. If the list in the isolate's memory lacks this id, the artifact may be
 * newer than the list, so the worker fetches the list again.
 */
async function listedRefusals(
  key: string,
  id: string,
  fetchList: () => Promise<Response | undefined>,
  now: number,
): Promise<ReadonlyMap<string, string> | undefined> {
  const known = memory.get(key);
  if (known !== undefined && known.until > now && known.refusals.has(id)) return known.refusals;
  const answer = await fetchList();
  if (answer?.status !== 200) {
    await answer?.body?.cancel();
    return undefined;
  }
  const text = await answer.text().catch(() => undefined);
  if (text === undefined) return undefined;
  const refusals = new Map(Object.entries(JSON.parse(text) as Record<string, string>));
  remember(key, { refusals, characters: text.length, until: now + FRESH_MILLISECONDS });
  return refusals;
}

/**
 * Keeps the list of a package's refused artifacts in memory. If all lists together have more than MEMORY_CHARACTERS
 * characters, removes the oldest lists.
 */
function remember(key: string, listed: Listed): void {
  forget(key);
  memory.set(key, listed);
  remembered += listed.characters;
  for (const oldest of memory.keys()) {
    if (remembered <= MEMORY_CHARACTERS) return;
    forget(oldest);
  }
}

function forget(key: string): void {
  remembered -= memory.get(key)?.characters ?? 0;
  memory.delete(key);
}

function refused(what: string, rule: Rule): Ruling {
  return { kind: "refused", message: refusalMessage(what, rule) };
}
