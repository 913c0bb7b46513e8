/** Words about a manifest of the visitor's, loaded with one. */
import { count, plural } from "../common/format.ts";

export const manifestWords = {
  refused: (name: string) => `${name} was not taken over; everything stays as it was.`,
  added: (name: string, n: number, family: string) =>
    `${name}: ${plural(n, "network is", "networks are")} listed, and ${family} is in use.`,
  notJson: (why: string) => `It is no JSON: ${why}`,
  noNetworks: "It has no list “networks” with at least one network in it. www/weights/manifest.json shows the form.",
  wrongEntry: (i: number, name: string, field: string, should: string) =>
    `Network ${count(i + 1)}${name ? ` (${name})` : ""}: “${field}” must be ${should}.`,
  should: {
    object: "an object",
    role: "“teacher” or “student”",
    text: "a text that is not empty",
    file: "a plain file name, or a path below the manifest, without “..”",
    count: "a whole number above 0",
    sha256: "64 lower-case hexadecimal digits",
    metrics: "an object with the numbers accuracy, top5Accuracy, nll and ece",
    teachersOf: "the list of a student’s teachers",
    noTeachers: "null for a teacher",
    listed: (name: string) => `made of teachers that are listed; ${name} is none`,
    unique: "different from all others’",
    logits: "an object with file, bytes and sha256",
  },
  noSet:
    "It lists no student whose teachers are all listed and of one family, so there is nothing to compare. Drop the .safetensors files by themselves to choose their roles.",
  classes: (a: string, nA: number, b: string, nB: number) =>
    `${a} knows ${count(nA)} classes and ${b} ${count(nB)}: a set needs networks of the same number of classes.`,
  missing: (files: string) =>
    `These files are listed, but were not there beside it: ${files}. Choose or drop the manifest together with its files.`,
  length: (file: string, n: number, expected: number) =>
    `${file} has ${count(n)} bytes; the manifest says ${count(expected)}.`,
  logitsLength: (file: string, n: number, expected: number, nClasses: number) =>
    `${file} should hold ${count(expected)} bytes, an f16 for each of 10,000 test images and ${count(nClasses)} classes; the manifest says ${count(n)}.`,
  withoutLogits: (names: string) => `Without test logits, so not in the view of the whole test set: ${names}.`,
  family: (family: string) => `${family}, yours`,
  renamed: (from: string, to: string) => `${from} is called ${to} here, since another network has its name.`,
  otherHost: (address: string) =>
    `${address} is on another host. Networks are read from this page’s own host only; copy the manifest and its files there, or drop them.`,
  http: (address: string, status: number) => `The server answered with HTTP ${status} for ${address}.`,
  noAddress: (address: string) => `“${address}” is no address.`,
} as const;
