// Reads the advisories of packages. The data set comes from `python -m registry advisories import`
// (contract/advisories.py). It consists of an index, and of shards that contain the advisories. The worker reads the
// index, and only those shards that it needs.

import compareNpm from "semver/functions/compare";
import parseVersion from "semver/functions/parse";
import { compare, explain } from "@renovatebot/pep440";

import { setBounded } from "./bounded_map";
import { sha256 } from "./digest";
import { InvalidDocument } from "./fields";
import type { Ecosystem } from "./routes";
import { Unavailable } from "./unavailable";
import { type Digests, type Named, type Read, verifiedText, VersionedDocuments } from "./versioned_documents";

/**
 * The severity of an advisory. `malware` marks an advisory about malware. `unknown` means that no vulnerability
 * database states a severity.
 */
export type Level = "malware" | "critical" | "high" | "medium" | "low" | "unknown";

export interface Advisory {
  id: string;
  level: Level;
  aliases: readonly string[];
  /**
   * The ranges of affected versions. Each range consists of the positions of its first and its last version (see
   * `positionOf`). A range without a last position includes all later versions.
   */
  spans: readonly (readonly [number, number?])[];
}

/**
 * The advisories of one package. Each advisory affects ranges of versions. `bounds` is the sorted list of the versions
 * at which these ranges begin or end.
 */
export interface PackageAdvisories {
  ecosystem: Ecosystem;
  bounds: readonly string[];
  advisories: readonly Advisory[];
}

/**
 * The index of a data set of advisories. The advisories are stored in shards, and each shard covers a part of the
 * packages. `shards` has the digest of each shard. `filter` is a Bloom filter of the packages that have advisories.
 */
export interface DataSet {
  shards: readonly string[];
  filter: Uint8Array;
}

const FORMAT = 1;
const SHARDS = 256;
// A SHA-256 digest consists of this number of 32-bit words. For each package, the Bloom filter computes the digest of
// the package's key, and sets one bit for each word of this digest.
const WORDS = 8;
const UNREADABLE = "the advisories cannot be read right now";
// for each data set, an isolate keeps the advisories of at most this many packages in memory
const REMEMBERED_PACKAGES = 2_000;
// An isolate remembers the positions of versions with at most this many characters in total. Versions of all packages
// count, also those in filenames that clients make up. An entry of a map takes as much memory as ENTRY_CHARACTERS.
const REMEMBERED_CHARACTERS = 4_000_000;
const ENTRY_CHARACTERS = 50;

const documents = new VersionedDocuments("advisories", UNREADABLE, (digest) => `advisories/${digest}.json`, parseIndex);
const byPackage = new WeakMap<DataSet, Map<string, PackageAdvisories | undefined>>();
let positions = new WeakMap<PackageAdvisories, Map<string, number | undefined>>();
let rememberedCharacters = 0; // the total of all versions in `positions`

/** Parses the JSON text of a data set's index. Throws `InvalidDocument` if the text is not a valid index. */
export function parseIndex(text: string): DataSet {
  try {
    const { version, shards, filter } = JSON.parse(text) as { version: unknown; shards: string[]; filter: string };
    const areShards = shards.length === SHARDS && shards.every((digest) => /^(?:[0-9a-f]{64})?$/.test(digest));
    if (version !== FORMAT || !areShards) throw new Error("another format");
    const bytes = Uint8Array.from(atob(filter), (character) => character.charCodeAt(0));
    if (bytes.length === 0) throw new Error("no filter");
    return { shards, filter: bytes };
  } catch (error) {
    throw new InvalidDocument(String(error));
  }
}

/**
 * `digests` lists the digests of data sets of vulnerability advisories. Returns the newest valid data set in this list,
 * or undefined for an empty list. If a data set cannot be read, or if none is valid, returns the data set that the
 * isolate applied last.
 */
export async function dataSetInForce(digests: Digests, read: Read): Promise<Named<DataSet> | undefined> {
  return documents.inForce(digests, read);
}

/**
 * `digests` lists the digests of data sets of vulnerability advisories. Returns whether the worker applies the newest
 * data set in this list.
 */
export async function isNewestDataSetInForce(digests: Digests, read: Read): Promise<boolean> {
  return documents.isNewestInForce(digests, read);
}

/**
 * Returns the data set of advisories with this digest. Throws `InvalidDocument` if the data set is invalid, and
 * `Unavailable` if it cannot be read.
 */
export async function dataSetWith(digest: string, read: Read): Promise<DataSet> {
  return documents.withDigest(digest, read);
}

/**
 * Returns a package's advisories, or undefined when it has none. Reads at most one shard, and remembers the result. Throws
 * `Unavailable` when the shard cannot be read.
 */
export async function advisoriesOf(
  dataSet: DataSet,
  ecosystem: Ecosystem,
  name: string,
  read: Read,
): Promise<PackageAdvisories | undefined> {
  const known = byPackage.get(dataSet) ?? new Map<string, PackageAdvisories | undefined>();
  byPackage.set(dataSet, known);
  const key = `${ecosystem}:${name}`;
  if (known.has(key)) return known.get(key);
  const found = await advisoriesIn(dataSet, ecosystem, key, read);
  setBounded(known, key, found, REMEMBERED_PACKAGES);
  return found;
}

async function advisoriesIn(
  { shards, filter }: DataSet,
  ecosystem: Ecosystem,
  key: string,
  read: Read,
): Promise<PackageAdvisories | undefined> {
  if (ecosystem === "oci") return undefined;
  const hash = sha256(key);
  if (!isInFilter(filter, hash)) return undefined;
  const shard = shards[parseInt(hash.slice(0, 2), 16)];
  if (shard === undefined || shard === "") return undefined;
  const text = await shardText(shard, read);
  const { packages } = JSON.parse(text) as { packages: Record<string, Omit<PackageAdvisories, "ecosystem">> };
  return Object.hasOwn(packages, key) ? { ecosystem, ...packages[key]! } : undefined;
}

async function shardText(digest: string, read: Read): Promise<string> {
  try {
    return await verifiedText(`advisories/shards/${digest}.json`, digest, UNREADABLE, read);
  } catch (error) {
    if (!(error instanceof InvalidDocument)) throw error;
    console.error(JSON.stringify({ event: "advisories-invalid", shard: digest, reason: error.message }));
    throw new Unavailable(UNREADABLE);
  }
}

function isInFilter(filter: Uint8Array, hash: string): boolean {
  for (let word = 0; word < WORDS; word++) {
    const bit = parseInt(hash.slice(8 * word, 8 * word + 8), 16) % (8 * filter.length);
    if ((filter[Math.floor(bit / 8)]! & (1 << (bit % 8))) === 0) return false;
  }
  return true;
}

/**
 * Returns whether an advisory affects a version of its package. Returns undefined if `version` is not a valid version.
 */
export function isAffected(of: PackageAdvisories, { spans }: Advisory, version: string): boolean | undefined {
  const at = positionOf(of, version);
  return at === undefined ? undefined : spans.some(([first, last = Infinity]) => first <= at && at <= last);
}

/**
 * Returns the position of a version relative to the sorted list `bounds`. A version that equals `bounds[i]` has the
 * position 2i + 1. A version between `bounds[i - 1]` and `bounds[i]` has the position 2i.
 */
function positionOf(of: PackageAdvisories, version: string): number | undefined {
  const known = positions.get(of);
  if (known?.has(version)) return known.get(version);
  const position = computedPosition(of, version);
  rememberPosition(of, version, position);
  return position;
}

/** Keeps the position of a version in memory. If the memory is full, first forgets the positions of all versions. */
function rememberPosition(of: PackageAdvisories, version: string, position: number | undefined): void {
  rememberedCharacters += version.length + ENTRY_CHARACTERS;
  if (rememberedCharacters > REMEMBERED_CHARACTERS) {
    positions = new WeakMap();
    rememberedCharacters = version.length + ENTRY_CHARACTERS;
  }
  const known = positions.get(of) ?? new Map<string, number | undefined>();
  positions.set(of, known.set(version, position));
}

function computedPosition({ ecosystem, bounds }: PackageAdvisories, version: string): number | undefined {
  const order = orderFrom(ecosystem, version);
  if (order === undefined) return undefined;
  let [low, high] = [0, bounds.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const found = order(bounds[middle]!);
    if (found === 0) return 2 * middle + 1;
    if (found > 0) low = middle + 1;
    else high = middle;
  }
  return 2 * low;
}

/**
 * Returns a function that compares `version` with another version. The function ignores the local part of a Python
 * version. An advisory about 2.0.1 therefore also affects 2.0.1+cu118.
 */
function orderFrom(ecosystem: Ecosystem, version: string): ((other: string) => number) | undefined {
  if (ecosystem === "npm") {
    const parsed = parseVersion(version);
    return parsed === null ? undefined : (other) => compareNpm(parsed, other);
  }
  const parsed = explain(version);
  return parsed === null ? undefined : (other) => compare(parsed.public, other);
}
