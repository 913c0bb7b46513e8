/** `Analysis`: the statistics in the thread that creates it. */
export * from "./statistics/analysis.js";
