/** The measurements in a page: `window.bench`. */
import { asError } from "./measure/check.js";
import { measures } from "./measure/index.js";

window.bench = async (method, argument) => {
  try {
    return await measures[method](argument);
  } catch (error) {
    throw asError(error);
  }
};
