/** The Worker that a page makes for `LabClient`. */
import "./lab/worker.js";
