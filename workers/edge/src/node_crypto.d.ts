// Declares the types of the functions of node:crypto that the worker calls. The types of Node.js itself would also
// declare globals that the runtime of the worker does not have.

declare module "node:crypto" {
  interface Hash {
    update(text: string): Hash;
    digest(encoding: "hex"): string;
  }
  export function createHash(algorithm: "sha256"): Hash;
  export function createHmac(algorithm: "sha256", key: string): Hash;
}
