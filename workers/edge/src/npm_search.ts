// Answers `npm search` from the list of npm packages (registry/ecosystems/npm_search.py). A client finds only packages that
// its token may pull. Source: npm/registry, docs/REGISTRY-API.md, "GET /-/v1/search".

import { allows } from "./grants";

/** A search for npm packages. All words and qualifiers must match; an empty search matches every package. */
export interface SearchQuery {
  words: readonly string[];
  qualifiers: readonly Qualifier[];
  from: number;
  size: number;
}

/**
 * A part of a search, such as `keywords:cli,test`. A package must match one of the values. If `isExcluded` is true, the
 * package must match none of them.
 */
interface Qualifier {
  field: "keywords" | "author" | "maintainer" | "scope" | "unstable";
  values: readonly string[];
  isExcluded: boolean;
}

interface Person {
  username?: string;
  email?: string;
}

interface Package {
  name: string;
  version: string;
  description?: string;
  keywords?: string[];
  author?: Person;
  maintainers?: Person[];
  [field: string]: unknown;
}

// The maximum number of search results by default. npm's own registry has the same default.
const SIZE = 20;
const SIZE_MAX = 250;
const NAMED = /^(keywords|author|maintainer|scope):(.+)$/;
const STABILITY = /^(is|not):unstable$/;

export function searchQuery(parameters: URLSearchParams): SearchQuery {
  const words: string[] = [];
  const qualifiers: Qualifier[] = [];
  for (const part of (parameters.get("text") ?? "").toLowerCase().split(/\s+/)) {
    const found = qualifiersIn(part);
    qualifiers.push(...found);
    // The worker ignores qualifiers that only npm's registry supports, such as `boost-exact:false`.
    if (found.length === 0 && part !== "" && !/^(?:is|not|boost-exact):/.test(part)) words.push(part);
  }
  const from = numberIn(parameters.get("from")) ?? 0;
  return { words, qualifiers, from, size: Math.min(numberIn(parameters.get("size")) ?? SIZE, SIZE_MAX) };
}

function qualifiersIn(part: string): Qualifier[] {
  const stability = STABILITY.exec(part);
  if (stability !== null) return [{ field: "unstable", values: [], isExcluded: stability[1] === "not" }];
  const [, field, list = ""] = NAMED.exec(part) ?? [];
  if (field === undefined) return [];
  const values = list.split(",").filter((value) => value !== "" && value !== "-");
  const [excluded, wanted] = [values.filter((value) => value.startsWith("-")), values.filter((value) => !value.startsWith("-"))];
  const of = { field: field as Qualifier["field"] };
  return [
    ...(wanted.length === 0 ? [] : [{ ...of, values: wanted, isExcluded: false }]),
    ...(excluded.length === 0 ? [] : [{ ...of, values: excluded.map((value) => value.slice(1)), isExcluded: true }]),
  ];
}

function numberIn(text: string | null): number | undefined {
  return text !== null && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

/**
 * Returns the response to a search. `stored` is the response with the list of packages, or undefined when the origin has
 * no list.
 */
export async function searchResponse(
  stored: Response | undefined,
  query: SearchQuery,
  grants: readonly string[],
  method: string,
): Promise<Response> {
  const packages = stored === undefined ? [] : ((await stored.json()) as { packages: Package[] }).packages;
  const pullable = packages.filter(({ name }) => allows(grants, "npm", name.toLowerCase(), "pull"));
  const found = pullable.filter((each) => isFound(each, query));
  const ranked = found.map((each) => ({ each, rank: rankOf(each, query.words) }));
  ranked.sort((a, b) => b.rank - a.rank || (a.each.name < b.each.name ? -1 : 1));
  const objects = ranked.slice(query.from, query.from + query.size).map(({ each, rank }) => resultOf(each, rank));
  const headers = new Headers(stored?.headers ?? { "cache-control": "no-store" });
  for (const name of ["accept-ranges", "content-length", "content-range", "etag", "last-modified"]) headers.delete(name);
  headers.set("content-type", "application/json");
  const body = JSON.stringify({ objects, total: found.length, time: new Date().toUTCString() });
  return new Response(method === "HEAD" ? null : body, { headers });
}

/**
 * Returns a package in the form of npm's search results. npm's clients need a list of maintainers, so the list is empty
 * for a package without maintainers. Each result also has scores for quality, popularity and maintenance. The registry
 * does not measure them, so all three are 1.
 */
function resultOf(found: Package, rank: number): unknown {
  const detail = { quality: 1, popularity: 1, maintenance: 1 };
  return { package: { maintainers: [], ...found }, score: { final: 1, detail }, searchScore: rank };
}

function isFound(candidate: Package, { words, qualifiers }: SearchQuery): boolean {
  const text = [candidate.name, candidate.description ?? "", ...(candidate.keywords ?? [])].join("\n").toLowerCase();
  return words.every((word) => text.includes(word)) && qualifiers.every((each) => matchesQualifier(candidate, each));
}

function matchesQualifier(candidate: Package, { field, values, isExcluded }: Qualifier): boolean {
  if (field === "unstable") return candidate.version.startsWith("0.") !== isExcluded;
  const there = valuesOf(candidate, field).map((value) => value.toLowerCase());
  return values.some((value) => there.includes(value)) !== isExcluded;
}

function valuesOf(candidate: Package, field: "keywords" | "author" | "maintainer" | "scope"): string[] {
  if (field === "keywords") return candidate.keywords ?? [];
  if (field === "scope") return candidate.name.startsWith("@") ? [candidate.name.slice(1).split("/")[0] ?? ""] : [];
  const people = field === "author" ? [candidate.author ?? {}] : (candidate.maintainers ?? []);
  return people.flatMap(({ username, email }) => [username, email]).filter((value) => value !== undefined);
}

/**
 * Returns the rank of a package for the words of a search. The rank is 4 if a word is the package's name. It is 3 if
 * the name contains a word, and 2 if a word is a keyword of the package. In all other cases it is 1.
 */
function rankOf({ name, keywords = [] }: Package, words: readonly string[]): number {
  const own = name.toLowerCase();
  if (words.length === 0) return 1;
  if (words.includes(own) || words.includes(own.split("/").at(-1) ?? "")) return 4;
  if (words.some((word) => own.includes(word))) return 3;
  return keywords.some((keyword) => words.includes(keyword.toLowerCase())) ? 2 : 1;
}
