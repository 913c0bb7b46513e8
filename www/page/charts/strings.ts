/** Words of the charts, loaded with the views that draw them. */
export const chartWords = {
  point: "Point at a mark, or move to it with the Tab key, to read its details.",
  follow: "Point at the chart, or focus it and press the arrow keys, to read its values.",
  valuesOf: (title: string) => `Values of: ${title}`,
  table: "The numbers as a table",
  exports: {
    label: (title: string) => `Save: ${title}`,
    save: "Save as",
    as: (title: string, kind: string) => `Save as ${kind}: ${title}`,
    failed: "The figure could not be saved.",
  },
} as const;
