// Applies the edge policy to an authorized request.

import { unlisted } from "./artifacts";
import { refusalMessage } from "./filtered_documents";
import { refusing, refusingAll, rulesFor } from "./filtering";
import type { L1 } from "./l1";
import type { Rule } from "./policy";
import type { NamedPolicy } from "./policies";
import type { ObjectRoute } from "./routes";
import { type ArtifactSubject, type Subject, subjectOf } from "./subjects";

/**
 * The policy's decision on a request. `unaffected`: the policy has no rules about the object. `filtered`: the worker
 * must remove refused artifacts from the document. `refused`: the client must not get the object, for the reason in
 * `message`. `unlisted`: the package's index does not list the artifact, so that the rules cannot decide. `unknown`: no
 * shield answers.
 */
export type Ruling = { kind: "unaffected" | "filtered" | "unlisted" | "unknown" } | { kind: "refused"; message: string };

/** Returns the policy's decision on a request. `refusals` fetches the list of a package's refused artifacts. */
export async function rulingOn(wanted: ObjectRoute, { policy }: NamedPolicy, refusals: L1, now: number): Promise<Ruling> {
  const subject = subjectOf(wanted.key);
  if (subject === undefined || wanted.anyToken === true) return { kind: "unaffected" };
  const rules = rulesFor(policy, subject.ecosystem, subject.name);
  if (rules.length === 0) return { kind: "unaffected" };
  const all = refusingAll(rules);
  if (all !== undefined) return refused(wanted.name, all);
  if (subject.kind === "blob") {
    const blob = { version: null, tag: null, digests: [subject.digest], published: null };
    const rule = refusing(rules, blob, now);
    return rule === undefined ? { kind: "unaffected" } : refused(`${wanted.name} ${subject.digest}`, rule);
  }
  const id = subject.kind === "artifact" ? subject.id : versionIn(wanted);
  if (id === undefined) return { kind: "filtered" };
  const listed = await listedRefusals(subject, refusals);
  if (listed === undefined) return { kind: "unknown" };
  const name = listed.get(id);
  const rule = name === undefined ? undefined : rules.find((each) => each.name === name);
  if (rule !== undefined) return refused(`${wanted.name} ${id}`, rule);
  if (subject.kind === "document") return { kind: "filtered" };
  return name === undefined ? rulingOnUnlisted(subject, rules, listed.size > 0, now) : { kind: "unaffected" };
}

/** Returns the decision on an artifact that the index does not list, or that belongs to a package without an index. */
function rulingOnUnlisted(subject: ArtifactSubject, rules: readonly Rule[], hasIndex: boolean, now: number): Ruling {
  const { ecosystem, name, id } = subject;
  const rule = refusing(rules, unlisted(ecosystem, name, id), now);
  if (rule === undefined) return { kind: "unaffected" };
  return hasIndex ? { kind: "unlisted" } : refused(`${name} ${id}`, rule);
}

/** Returns the version or dist-tag of an npm package that a request names, or undefined when it names none. */
function versionIn({ part }: ObjectRoute): string | undefined {
  return part?.kind === "version" ? part.named : undefined;
}

/** Returns the names of refusing rules by the ids of a package's artifacts, or undefined when no shield answers. */
async function listedRefusals({ index }: Subject, refusals: L1): Promise<Map<string, string> | undefined> {
  const answer = await refusals(index, "GET", {});
  if (answer?.status !== 200) return undefined;
  return new Map(Object.entries((await answer.json()) as Record<string, string>));
}

function refused(what: string, rule: Rule): Ruling {
  return { kind: "refused", message: refusalMessage(what, rule) };
}
