/** Texts about a visitor's manifest, loaded with it. */
import { count, plural } from "../common/format.ts";

export const manifestWords = {
  refused: (name: string) => `${name} was not imported; nothing changed.`,
  added: (name: string, n: number, family: string) =>
    `${name} lists ${plural(n, "network", "networks")}; ${family} is in use.`,
  notJson: (why: string) => `Not valid JSON: ${why}`,
  noNetworks: "It has no list “networks” with at least one network. See www/weights/manifest.json for an example.",
  wrongEntry: (i: number, name: string, field: string, should: string) =>
    `Network ${count(i + 1)}${name ? ` (${name})` : ""}: “${field}” must be ${should}.`,
  should: {
    object: "an object",
    role: "“teacher” or “student”",
    text: "a non-empty text",
    file: "a plain file name, or a path below the manifest, without “..”",
    count: "a whole number above 0",
    sha256: "64 lower-case hexadecimal digits",
    metrics: "an object with the numbers accuracy, top5Accuracy, nll and ece",
    teachersOf: "the list of a student’s teachers",
    noTeachers: "null for a teacher",
    listed: (name: string) => `a list of teachers that the manifest lists; ${name} is not one`,
    unique: "unique",
    logits: "an object with file, bytes and sha256",
  },
  noSet:
    "It lists no student with all of its teachers in one family, so there is nothing to compare. Drop the .safetensors files alone to choose their roles yourself.",
  classes: (a: string, nA: number, b: string, nB: number) =>
    `${a} has ${count(nA)} classes and ${b} has ${count(nB)}: networks can only be compared if they have the same number of classes.`,
  missing: (files: string) =>
    `It lists files that are missing: ${files}. Choose or drop the manifest together with its files.`,
  length: (file: string, n: number, expected: number) =>
    `${file} has ${count(n)} bytes; the manifest says ${count(expected)}.`,
  logitsLength: (file: string, n: number, expected: number, nClasses: number) =>
    `${file} must hold ${count(expected)} bytes, one f16 per test image (10,000) and class (${count(nClasses)}); the manifest says ${count(n)}.`,
  withoutLogits: (names: string) =>
    `These networks have no test logits, so they do not appear in the view of the whole test set: ${names}.`,
  family: (family: string) => `${family}, yours`,
  renamed: (from: string, to: string) => `${from} is called ${to} here, because another network has that name.`,
  otherHost: (address: string) =>
    `${address} is on another host. Networks are read from this page’s own host only; copy the manifest and its files there, or drop them.`,
  http: (address: string, status: number) => `The server answered with HTTP ${status} for ${address}.`,
  noAddress: (address: string) => `“${address}” is not an address.`,
} as const;
