// A/B tests at the edge (docs/experiments.md): validates the experiments in the edge policy's document, and assigns
// clients to the variants of experiments. An assignment is a pure function, so all isolates and PoPs agree without
// shared state.

import { areTexts, check, fieldsOf, InvalidDocument, isInteger, isText, NAME } from "./fields";
import { hashOf } from "./hash";

/** The ways in which a variant of an experiment (an A/B test) can change how the worker handles a request. */
export interface Flags {
  /**
   * Patterns of the names of shield nodes (machines of regional caches). The worker first sends requests to the nodes
   * whose names match. Undefined means that the worker prefers no node.
   */
  shieldPool: readonly string[] | undefined;
  /**
   * Whether a second shield node (a machine of a regional cache) gets a request when the first node is slower than
   * usual.
   */
  hedging: boolean;
  /** Whether the worker may prefetch what the client is expected to request next. */
  prediction: boolean;
  /**
   * The digest of the edge policy that applies to the client. Undefined if the stack's current edge policy applies. The
   * current policy also applies to all clients that are in no experiment.
   */
  policy: string | undefined;
}

/**
 * The fields of `Flags` that affect requests to shields (regional caches), and the field `install`. `install` is the
 * client's install id (a pseudonym for ten minutes), or the string `prefetch`. Shields write `install` to their logs
 * (installs.ts).
 */
export type ShieldFlags = Pick<Flags, "shieldPool" | "hedging"> & { install?: string };

export interface Variant {
  name: string;
  weight: number;
  flags: Partial<Flags>;
}

export interface Experiment {
  name: string;
  /** The name of a layer. A client takes part in at most one of the experiments of a layer. */
  layer: string;
  /** The salt of the hash that assigns clients to variants. A new salt reassigns all clients at random. */
  salt: string;
  unit: "principal" | "token";
  /**
   * The share of the clients that take part in the experiment, as a range of percentages. For experiments of the same
   * `layer`, `[0, 10]` and `[10, 20]` select two different tenths of the clients.
   */
  percent: readonly [number, number];
  variants: readonly Variant[];
}

/** The client of a request: its principal, and the digest of its token. */
export interface Subject {
  principal: string;
  token: string;
}

/**
 * A client's assignment to variants of experiments. `variants` maps the name of each experiment to the name of the
 * client's variant. `flags` combines the flags of these variants.
 */
export interface Assignment {
  variants: Readonly<Record<string, string>>;
  /**
   * The client's pseudonym in log events: a 24-bit number for each experiment that the client takes part in. The keys
   * are the names of the experiments.
   */
  subjects: Readonly<Record<string, number>>;
  flags: Flags;
}

export const DEFAULT_FLAGS: Flags = { shieldPool: undefined, hedging: true, prediction: true, policy: undefined };
export const PRINCIPAL = /^[A-Za-z0-9._@/+-]{1,128}$/;

const EXPERIMENTS_MAX = 20;
const VARIANTS_MAX = 10;
// The maximum number of patterns in a variant's `shield_pool`. All these patterns must fit into one short request
// header.
const POOL_PATTERNS_MAX = 20;
const WEIGHT_MAX = 10_000;
const EXPERIMENT_FIELDS = ["name", "layer", "salt", "unit", "percent", "variants"];
const VARIANT_FIELDS = ["name", "weight", "shield_pool", "hedging", "prediction", "policy"];
const SALT = /^[A-Za-z0-9._-]{1,64}$/;
const NODES = /^[a-z0-9.*-]{1,255}$/;
const DIGEST = /^[0-9a-f]{64}$/;

/**
 * Returns the client's assignment: a variant for each experiment that the client takes part in, and the flags of these
 * variants.
 */
export function variantOf(experiments: readonly Experiment[], subject: Subject): Assignment {
  const variants: Record<string, string> = {};
  const subjects: Record<string, number> = {};
  let flags = DEFAULT_FLAGS;
  for (const { name, layer, salt, unit, percent, variants: choices } of experiments) {
    // The inputs of the two hashes begin with different words, `layer` and `variant`. The hashes are therefore
    // independent, even if `layer` and `salt` are equal.
    const slot = hashOf(`layer ${layer} ${subject[unit]}`) % 100;
    if (slot < percent[0] || slot >= percent[1]) continue;
    const hash = hashOf(`variant ${salt} ${subject[unit]}`);
    const chosen = weighted(choices, hash);
    variants[name] = chosen.name;
    subjects[name] = hash >>> 8;
    flags = { ...flags, ...chosen.flags };
  }
  return { variants, subjects, flags };
}

function weighted(variants: readonly Variant[], hash: number): Variant {
  let rest = hash % variants.reduce((sum, { weight }) => sum + weight, 0);
  const chosen = variants.find(({ weight }) => (rest -= weight) < 0);
  if (chosen === undefined) throw new Error("an experiment without variants");
  return chosen;
}

/** Returns the experiments in the edge policy's document. Throws `InvalidDocument` if an experiment is invalid. */
export function experimentsIn(given: unknown): readonly Experiment[] {
  check(Array.isArray(given) && given.length <= EXPERIMENTS_MAX, "the document", "experiments");
  const experiments = (given as unknown[]).map(experimentOf);
  checkUnique(experiments.map(({ name }) => name), "two experiments have one name");
  checkUnique(experiments.map(({ salt }) => salt), "two experiments have one salt");
  for (const [index, one] of experiments.entries()) for (const other of experiments.slice(0, index)) checkPair(one, other);
  return experiments;
}

function experimentOf(given: unknown, index: number): Experiment {
  const fields = fieldsOf(given, EXPERIMENT_FIELDS, `experiment number ${index + 1}`);
  const { name, layer, unit, percent = [0, 100], variants } = fields;
  check(isText(name, NAME), `experiment number ${index + 1}`, "name");
  const what = `experiment ${name}`;
  const salt = fields["salt"] ?? name;
  check(isText(layer, NAME), what, "layer");
  check(isText(salt, SALT), what, "salt");
  check(unit === "principal" || unit === "token", what, "unit");
  const [from, to] = Array.isArray(percent) && percent.length === 2 ? (percent as unknown[]) : [];
  check(isInteger(from, 0, 99) && isInteger(to, from + 1, 100), what, "percent");
  check(Array.isArray(variants) && variants.length >= 2 && variants.length <= VARIANTS_MAX, what, "variants");
  const parsed = (variants as unknown[]).map((variant) => parsedVariant(variant, what));
  checkUnique(parsed.map((variant) => variant.name), `${what}: two variants have one name`);
  return { name, layer, salt, unit, percent: [from, to], variants: parsed };
}

function parsedVariant(given: unknown, experiment: string): Variant {
  const fields = fieldsOf(given, VARIANT_FIELDS, experiment);
  const { name, weight, shield_pool: shieldPool, hedging, prediction, policy } = fields;
  check(isText(name, NAME), experiment, "name of a variant");
  const what = `${experiment}, variant ${name}`;
  check(isInteger(weight, 1, WEIGHT_MAX), what, "weight");
  check(shieldPool === undefined || areTexts(shieldPool, NODES, POOL_PATTERNS_MAX), what, "shield_pool");
  check(hedging === undefined || typeof hedging === "boolean", what, "hedging");
  check(prediction === undefined || typeof prediction === "boolean", what, "prediction");
  check(policy === undefined || isText(policy, DIGEST), what, "policy");
  const flags = {
    ...(shieldPool === undefined ? {} : { shieldPool }),
    ...(hedging === undefined ? {} : { hedging }),
    ...(prediction === undefined ? {} : { prediction }),
    ...(policy === undefined ? {} : { policy }),
  };
  return { name, weight, flags };
}

function checkUnique(texts: readonly string[], message: string): void {
  if (new Set(texts).size < texts.length) throw new InvalidDocument(message);
}

/**
 * Checks two experiments. If both are in the same layer, no client may take part in both. If they are in different
 * layers, a client may take part in both, so they must not set the same flag.
 */
function checkPair(one: Experiment, other: Experiment): void {
  const what = `experiments ${other.name} and ${one.name}`;
  if (one.layer === other.layer) {
    check(one.unit === other.unit, what, "unit");
    check(one.percent[1] <= other.percent[0] || other.percent[1] <= one.percent[0], what, "percent");
    return;
  }
  const set = flagsOf(one);
  check(!flagsOf(other).some((flag) => set.includes(flag)), what, "layer");
}

function flagsOf({ variants }: Experiment): string[] {
  return variants.flatMap(({ flags }) => Object.keys(flags));
}
