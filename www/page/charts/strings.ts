/** Words of the figures that are loaded with the views they stand in. */
export const plotWords = {
  point: "Point at a mark, or step to it by keyboard, to read where it comes from.",
  table: "The numbers as a table",
} as const;
