// Checks the fields of the edge policy's document.

/**
 * Thrown for a document that is not valid. The message names the invalid field, and the rule, experiment or other part
 * of the document that contains the field.
 */
export class InvalidDocument extends Error {}

export type Fields = Record<string, unknown>;

const TEXTS_MAX = 1_000;
/** The names of an edge policy's rules, experiments and variants have this form. */
export const NAME = /^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$/;

/** Returns the fields of an object. Throws `InvalidDocument` for a field that is not among `known`. */
export function fieldsOf(given: unknown, known: readonly string[], what: string): Fields {
  if (typeof given !== "object" || given === null || Array.isArray(given)) throw new InvalidDocument(`${what} is no object`);
  const unknown = Object.keys(given).find((field) => !known.includes(field));
  if (unknown !== undefined) throw new InvalidDocument(`${what}: unknown field ${unknown}`);
  return given as Fields;
}

export function isText(given: unknown, form: RegExp): given is string {
  return typeof given === "string" && form.test(given);
}

/** Returns whether the value is a list of 1 to `most` strings that match the pattern. */
export function areTexts(given: unknown, form: RegExp, most = TEXTS_MAX): given is string[] {
  return Array.isArray(given) && given.length >= 1 && given.length <= most && given.every((text) => isText(text, form));
}

export function isInteger(given: unknown, least: number, most: number): given is number {
  return typeof given === "number" && Number.isInteger(given) && given >= least && given <= most;
}

/**
 * Throws `InvalidDocument` if `holds` is false. The error message contains `what`, the name of a part of the document,
 * and `field`, the faulty field in this part.
 */
export function check(holds: boolean, what: string, field: string): asserts holds {
  if (!holds) throw new InvalidDocument(`${what}: ${field}`);
}
