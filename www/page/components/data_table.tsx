interface Props {
  /** Default: no caption, since something else names the table. */
  caption?: string;
  header: readonly string[];
  rows: readonly (readonly (string | number | boolean | null)[])[];
}

/** A plain table whose rows are named by their first cell. */
export function DataTable({ caption, header, rows }: Props) {
  return (
    <table class="results">
      {caption !== undefined && <caption>{caption}</caption>}
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
  );
}
