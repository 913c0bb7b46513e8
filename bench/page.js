/** The measurements in a page: `window.bench`. */
import { measures } from "./measure/index.js";

window.bench = measures;
