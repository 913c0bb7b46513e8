import { DataTable } from "../components/data_table.tsx";
import { ScrollingTable } from "../components/scrolling_table.tsx";
import { chartWords } from "./strings.ts";

interface Props {
  title: string;
  header: readonly string[];
  rows: readonly (readonly string[])[];
  testId: string;
}

/** The numbers behind a chart, for readers and screen readers. */
export function ValuesTable({ title, header, rows, testId }: Props) {
  return (
    <details class="values" data-testid={testId}>
      <summary>{chartWords.table}</summary>
      <ScrollingTable label={title}>
        <DataTable header={header} rows={rows} />
      </ScrollingTable>
    </details>
  );
}
