import { useMemo } from "preact/hooks";
import type { Confusion as Counts } from "../../../../pkg/analysis_api.js";
import { Segmented } from "../../components/segmented.tsx";
import { count, percent } from "../../common/format.ts";
import { N_TEST_IMAGES } from "../../state/class_names.ts";
import { testSetWords } from "../../test_set/strings.ts";
import { useAsked } from "../../test_set/asked.ts";
import { change, choice, imagesHref, MATRICES, showImages, type Choice, type Matrix } from "../../test_set/choice.ts";
import { namesOf, superclasses } from "../../test_set/classes.ts";
import { Figure } from "../../test_set/figure.tsx";
import { confusion, type Pair } from "../../test_set/questions.ts";
import { Heat } from "./heat.tsx";
import { labels } from "../../test_set/stored_logits.ts";

const N_LARGEST = 12;
/** Compares two columns of classes (true, ensemble, student), class by class. */
export function Confusion() {
  const { answer, isBusy, error } = useAsked(confusion);
  if (error)
    return (
      <p class="notice error" role="alert">
        {error}
      </p>
    );
  return (
    <div class="rooms" data-testid="confusion-answer">
      <div class="card">
        <Segmented
          label={testSetWords.confusion.which}
          testId="matrix"
          value={choice.value.matrix}
          options={MATRICES.map((value) => ({ value, text: testSetWords.confusion.title[value] }))}
          onChange={(matrix) => change({ matrix })}
        />
      </div>
      {answer ? (
        <ConfusionFigure question={answer.question} value={answer.value} isBusy={isBusy} />
      ) : (
        <p class="empty">{testSetWords.waiting} …</p>
      )}
    </div>
  );
}

const filterKey = { truth: "trueClass", teacher: "teacherClass", student: "studentClass" } as const;

function ConfusionFigure({ question, value, isBusy }: { question: Pair; value: Counts; isBusy: boolean }) {
  const { nClasses: n, rows, columns, counts } = value;
  const level = question.level ?? "fine";
  const names = useMemo(() => namesOf(level), [level]);
  // Classes of a superclass are neighbours, so that likely mistakes lie near the diagonal.
  const order = useMemo(() => {
    const group = level === "fine" ? superclasses(labels.value!) : new Uint8Array(n);
    return Array.from({ length: n }, (_, i) => i).sort((x, y) => group[x]! - group[y]! || x - y);
  }, [level, n]);
  const matrix = `${rows}-${columns}` as Matrix;
  const filterOf = (row: number, column: number): Partial<Choice> => ({
    [filterKey[rows]]: row,
    [filterKey[columns]]: column,
  });
  const text = (row: number, column: number) =>
    testSetWords.confusion.field(
      names[row]!,
      names[column]!,
      counts[row * n + column]!,
      testSetWords.confusion.rows[rows],
      testSetWords.confusion.rows[columns],
    );
  const nDiagonal = order.reduce((sum, i) => sum + counts[i * n + i]!, 0);
  const largest = Array.from(counts.keys())
    .filter((i) => Math.floor(i / n) !== i % n && counts[i]! > 0)
    .sort((x, y) => counts[y]! - counts[x]! || x - y)
    .slice(0, N_LARGEST);
  return (
    <Figure
      title={`${testSetWords.confusion.title[matrix]}: ${testSetWords.confusion.diagonal(percent(nDiagonal / N_TEST_IMAGES))}`}
      hint={testSetWords.confusion.hint[matrix]}
      testId="lab-confusion"
      isBusy={isBusy}
      question={question}
      table={{
        header: [rows, ...names],
        rows: names.map((name, row) => [name, ...counts.subarray(row * n, (row + 1) * n)]),
      }}
      json={{
        rows,
        columns,
        classes: names,
        counts: names.map((_, row) => Array.from(counts.subarray(row * n, (row + 1) * n))),
      }}
    >
      <div class="confusion-grid">
        <Heat
          n={n}
          counts={counts}
          order={order}
          names={names}
          groups={level === "fine" ? namesOf("coarse") : names}
          rowsAre={testSetWords.confusion.rows[rows]}
          columnsAre={testSetWords.confusion.rows[columns]}
          text={text}
          onOpen={(row, column) => showImages(filterOf(row, column))}
        />
        <div>
          <h4>{testSetWords.confusion.largest}</h4>
          <table class="results largest" data-testid="largest-confusions">
            <thead>
              <tr>
                <th scope="col">{testSetWords.confusion.rows[rows]}</th>
                <th scope="col">{testSetWords.confusion.rows[columns]}</th>
                <th scope="col">{testSetWords.confusion.show}</th>
              </tr>
            </thead>
            <tbody>
              {largest.map((i) => {
                const [row, column] = [Math.floor(i / n), i % n];
                return (
                  <tr key={i}>
                    <th scope="row">{names[row]}</th>
                    <td>{names[column]}</td>
                    <td>
                      <a href={imagesHref(filterOf(row, column))} aria-label={text(row, column)}>
                        {count(counts[i]!)}
                      </a>
                    </td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
      </div>
    </Figure>
  );
}
