/** The Worker that a page makes for `AnalysisClient`. */
import "./statistics/worker.js";
