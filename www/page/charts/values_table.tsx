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
        <table class="results">
          <thead>
            <tr>
              {header.map((word) => (
                <th key={word} scope="col">
                  {word}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row, i) => (
              <tr key={i}>
                {row.map((cell, j) =>
                  j === 0 ? (
                    <th key={j} scope="row">
                      {cell}
                    </th>
                  ) : (
                    <td key={j}>{cell}</td>
                  ),
                )}
              </tr>
            ))}
          </tbody>
        </table>
      </ScrollingTable>
    </details>
  );
}
