/** The types of `Lab` and `LabClient`. */
export type * from "./lab/types.js";
