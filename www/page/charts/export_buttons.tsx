import { messageOf, notifyError } from "../state/notices.ts";
import { chartWords } from "./strings.ts";
import "./plot.css";

interface Props {
  title: string;
  testId: string;
  /** File types by name, each with what saves a file of that type. */
  savers: Readonly<Record<string, () => void | Promise<void>>>;
}

/** One button per file type that a figure can be saved as. */
export function ExportButtons({ title, testId, savers }: Props) {
  const run = async (save: () => void | Promise<void>) => {
    try {
      await save();
    } catch (error) {
      notifyError(chartWords.exports.failed, [messageOf(error)]);
    }
  };
  return (
    <div class="row exports" role="group" aria-label={chartWords.exports.label(title)}>
      <span class="hint" aria-hidden="true">
        {chartWords.exports.save}
      </span>
      {Object.entries(savers).map(([kind, save]) => (
        <button
          key={kind}
          type="button"
          class="quiet"
          onClick={() => void run(save)}
          aria-label={chartWords.exports.as(title, kind.toUpperCase())}
          data-testid={`${testId}-${kind}`}
        >
          {kind.toUpperCase()}
        </button>
      ))}
    </div>
  );
}
