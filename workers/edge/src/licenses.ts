// Decides whether the licences that a rule of the edge policy lists satisfy the licence expression of a package. For
// `A OR B`, the rule must list A or B. For `A AND B`, it must list both. Reference: SPDX specification, annex "SPDX
// License Expressions".
//
// An SPDX identifier contains no spaces. The metadata of packages also contains other names of licences, such as
// `Apache Software License` from a classifier of PyPI. All words between two operators are therefore the name of one
// licence.

import { matches } from "./grants";

const CHARACTERS_MAX = 1_000; // the parser is recursive, so this limit on the length keeps the nesting shallow
const TOKEN = /\s*(\(|\)|(?<=[\s)])(?:AND|OR)(?=[\s(]))\s*/i;

/**
 * Returns whether the licences that the patterns match satisfy a licence expression. If AND joins licences in the
 * expression, the patterns must match all of these licences. If OR joins licences, the patterns must match at least one
 * of them. The comparison ignores upper and lower case.
 */
export function isSatisfied(expression: string, patterns: readonly string[]): boolean {
  if (expression.length > CHARACTERS_MAX) return false;
  const tokens = expression.toLowerCase().split(TOKEN).filter((token) => token.trim() !== "");
  const parser = new Parser(tokens, (license) => patterns.some((pattern) => matches(pattern.toLowerCase(), license)));
  const found = parser.either();
  // If `expression` is not a valid licence expression, it counts as the name of a single licence.
  return parser.isAtEnd && found !== undefined ? found : parser.accepts(expression.toLowerCase().trim());
}

class Parser {
  #at = 0;

  constructor(
    private readonly tokens: readonly string[],
    readonly accepts: (license: string) => boolean,
  ) {}

  get isAtEnd(): boolean {
    return this.#at === this.tokens.length;
  }

  /**
   * Parses an expression that starts at the current token. The expression is one part, or several parts with OR between
   * them. Returns whether the licences satisfy the expression, or undefined if it is not valid.
   */
  either(): boolean | undefined {
    return this.#joined("or", () => this.#joined("and", () => this.#license(), (one, other) => one && other), (one, other) => one || other);
  }

  #joined(
    operator: string,
    part: () => boolean | undefined,
    join: (one: boolean, other: boolean) => boolean,
  ): boolean | undefined {
    let value = part();
    while (value !== undefined && this.tokens[this.#at] === operator) {
      this.#at++;
      const next = part();
      value = next === undefined ? undefined : join(value, next);
    }
    return value;
  }

  #license(): boolean | undefined {
    const token = this.tokens[this.#at++];
    if (token === undefined || token === ")" || token === "and" || token === "or") return undefined;
    if (token !== "(") return this.accepts(token);
    const value = this.either();
    return this.tokens[this.#at++] === ")" ? value : undefined;
  }
}
