// TypeScript reads siphash_package.d.ts in place of this file, and therefore not the source of the package, which is not
// strict.
export { default } from "siphash/lib/siphash13-double.js";
