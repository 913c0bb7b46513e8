/** `AnalysisClient`: an `Analysis` in a Worker of its own. */
export * from "./statistics/client.js";
