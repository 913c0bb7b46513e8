import type { Cell } from "../../../../pkg/analysis_api.js";
import { count, percent } from "../../common/format.ts";
import { testSetWords } from "../../test_set/strings.ts";
import { useAsked } from "../../test_set/asked.ts";
import { imagesHref, showImages } from "../../test_set/choice.ts";
import { Figure } from "../../test_set/figure.tsx";
import { cells } from "../../test_set/questions.ts";

/** The cells in which both give the same class, then those in which they differ. */
const AGREE: readonly Cell[] = ["bothRight", "bothWrongSame"];
const DIFFER: readonly Cell[] = ["onlyTeacher", "onlyStudent", "bothWrongOther"];
const WIDTH = 1000;
const [BRACKET, BAR] = [34, 56];
const GAP = 8;

/** All test images as one bar: where the two agree, and how they differ; each part leads to its images. */
export function CellsBar() {
  const { answer, isBusy } = useAsked(cells);
  if (!answer) return null;
  const { question, value } = answer;
  const n = value.nImages;
  const nAgree = AGREE.reduce((sum, cell) => sum + value[cell], 0);
  const scale = (WIDTH - GAP) / n;
  let x = 0;
  const parts = [...AGREE, ...DIFFER].map((cell, i) => {
    if (i === AGREE.length) x += GAP;
    const part = { cell, x, width: value[cell] * scale };
    x += part.width;
    return part;
  });
  const differX = nAgree * scale + GAP;
  return (
    <Figure
      title={testSetWords.cells.title(percent(nAgree / n))}
      hint={testSetWords.cells.hint}
      testId="lab-cells"
      isBusy={isBusy}
      question={question}
      table={{
        header: ["cell", "images", "share"],
        rows: [...AGREE, ...DIFFER].map((cell) => [cell, value[cell], value[cell] / n]),
      }}
    >
      <svg class="cells-bar" viewBox={`0 0 ${WIDTH} ${BRACKET + BAR}`} preserveAspectRatio="none" aria-hidden="true">
        <defs>
          <pattern id="cells-hatch" width="8" height="8" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
            <rect class="hatch-ground" width="8" height="8" />
            <rect class="hatch-line" width="3" height="8" />
          </pattern>
        </defs>
        <path class="bracket" d={`M1 ${BRACKET - 6}V${BRACKET - 14}H${nAgree * scale - 1}V${BRACKET - 6}`} />
        <path class="bracket" d={`M${differX + 1} ${BRACKET - 6}V${BRACKET - 14}H${WIDTH - 1}V${BRACKET - 6}`} />
        {parts.map(({ cell, x, width }) => (
          <rect
            key={cell}
            class={`cell-part ${cell}`}
            x={x}
            y={BRACKET}
            width={width}
            height={BAR}
            onClick={() => showImages({ cells: [cell] })}
          />
        ))}
      </svg>
      <div class="cells-legend">
        <Side
          title={testSetWords.cells.agree(count(nAgree))}
          href={imagesHref({ agree: true })}
          testId="cells-agree"
          list={AGREE}
          value={value}
          n={n}
          names={testSetWords.cells.names(question.student)}
        />
        <Side
          title={testSetWords.cells.differ(count(n - nAgree))}
          href={imagesHref({ agree: false })}
          testId="cells-differ"
          list={DIFFER}
          value={value}
          n={n}
          names={testSetWords.cells.names(question.student)}
        />
      </div>
    </Figure>
  );
}

interface SideProps {
  title: string;
  href: string;
  testId: string;
  list: readonly Cell[];
  value: Record<Cell, number>;
  n: number;
  names: Record<Cell, string>;
}

function Side({ title, href, testId, list, value, n, names }: SideProps) {
  return (
    <div>
      <p>
        <a href={href} data-testid={testId}>
          <span class="export-text">{title}</span>
        </a>
      </p>
      <ul>
        {list.map((cell) => (
          <li key={cell}>
            <a href={imagesHref({ cells: [cell] })} data-testid={`cell-${cell}`}>
              <svg width="16" height="16" aria-hidden="true">
                <rect class={`cell-part ${cell}`} x="1" y="1" width="14" height="14" />
              </svg>
              <span class="export-text">{names[cell]}</span> <strong class="export-text">{count(value[cell])}</strong>{" "}
              <small class="export-text">{percent(value[cell] / n)}</small>
            </a>
          </li>
        ))}
      </ul>
    </div>
  );
}
