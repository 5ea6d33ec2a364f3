// Reads texts, one JSON string in a line, and writes for each text whether it is a valid edge policy. tests/fuzz checks
// that the registry's commands accept the same texts.

import { createInterface } from "node:readline";

import { InvalidDocument } from "../src/fields";
import { parsePolicy } from "../src/policy";

for await (const line of createInterface({ input: process.stdin })) console.log(verdictOn(JSON.parse(line) as string));

function verdictOn(text: string): "valid" | "invalid" {
  try {
    parsePolicy(text);
    return "valid";
  } catch (error) {
    if (error instanceof InvalidDocument) return "invalid";
    throw error;
  }
}
