// Reads JSON strings from the standard input, one in each line. For each string, writes whether the string is a valid
// edge policy. tests/fuzz compares these results with those of the registry's commands.

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
