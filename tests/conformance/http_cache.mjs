// Runs http-cache-tests from its package's folder, and prints its suites and results as JSON. Tests in which the origin
// fails run last and one by one. A shield sends no request to a failed origin for 2 s, and a test that runs meanwhile
// would fail.

import fetch from "node-fetch";

import suites from "./tests/index.mjs";

const fails = ({ requests }) => requests.some(({ disconnect, response_status: status }) => disconnect || status?.[0] >= 500);
const all = suites.flatMap(({ tests }) => tests);
const groups = [all.filter((test) => !fails(test)), ...all.filter(fails).map((test) => [test])];
let runner;
for (const [number, tests] of groups.entries()) {
  // The module runner.mjs keeps the tests that it got, so each group imports a new instance of the module. All
  // instances add to the same results.
  runner = await import(`./client/runner.mjs?${number}`);
  await runner.runTests([{ tests }], fetch, false, process.argv[2], 20);
  if (number > 0) await new Promise((done) => setTimeout(done, 3000));
}
console.log(JSON.stringify({ suites, results: runner.getResults() }));
