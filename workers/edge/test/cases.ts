// The number of random cases in the tests with fast-check. `make test-fuzz` runs many more cases than `npm test`.

/**
 * The total number of random cases in a long run, from the environment variable FUZZ_CASES. Undefined in a quick run.
 */
const ALL = process.env["FUZZ_CASES"] === undefined ? undefined : Number(process.env["FUZZ_CASES"]);

let planned = 0;
if (ALL !== undefined) process.on("exit", () => console.log(`# ${planned} random cases in this file`));

/**
 * Returns the fast-check setting for the number of random cases of one property. A quick run has `quick` cases. A long
 * run has FUZZ_CASES cases in total, and the property gets the fraction `share` of this number. The shares of all
 * properties that use this function add up to 1.
 */
export function cases(quick: number, share: number): { numRuns: number } {
  const numRuns = ALL === undefined ? quick : Math.ceil(share * ALL);
  planned += numRuns;
  return { numRuns };
}
