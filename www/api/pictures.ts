/** Pictures under change. */
export * from "./statistics/pictures.js";
