/** The types of `Analysis` and `AnalysisClient`. */
export * from "./statistics/types.js";
