/** `LabClient`: a `Lab` in a Worker of its own. */
export * from "./lab/client.js";
