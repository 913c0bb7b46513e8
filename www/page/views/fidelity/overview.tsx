import type { ComponentChildren } from "preact";
import type { Interval, Report } from "../../../../pkg/analysis_api.js";
import { Help } from "../../components/help.tsx";
import { DataTable } from "../../components/data_table.tsx";
import { ScrollingTable } from "../../components/scrolling_table.tsx";
import { count, nats, percent } from "../../common/format.ts";
import { N_TEST_IMAGES } from "../../state/class_names.ts";
import { words, type TermName } from "../../common/strings.ts";
import { testSetWords } from "../../test_set/strings.ts";
import { useAsked } from "../../test_set/asked.ts";
import { CellsBar } from "./cells_bar.tsx";
import { choice } from "../../test_set/choice.ts";
import { Figure, type Table } from "../../test_set/figure.tsx";
import { Guess } from "./guess.tsx";
import type { Axis } from "../../charts/axis.ts";
import { Plot, type PlotLine } from "../../charts/plot.tsx";
import { PlotKey, type Look } from "../../charts/shape.tsx";
import { Provenance } from "./provenance.tsx";
import { cells, intervals, report, reportOfSizes, type Pair } from "../../test_set/questions.ts";
import { TakeHome } from "./take_home.tsx";

/** Where teacher and student part, in four figures, over the ensemble's size and for every network. */
export function Overview() {
  const { answer, isBusy, error } = useAsked(report);
  useAsked(cells); // before the chart, which takes longer: questions are answered in this order
  const ofSizes = useAsked(reportOfSizes);
  if (error)
    return (
      <p class="notice error" role="alert">
        {error}
      </p>
    );
  // The first time all comes at once, so that nothing is pushed down; from then on the figures do not wait for the chart.
  if (!answer || !(ofSizes.answer || ofSizes.error)) return <p class="empty">{testSetWords.waiting} …</p>;
  const { question, value } = answer;
  return (
    <div class="rooms" data-testid="lab-answer" data-size={question.teachers.length} data-student={question.student}>
      {choice.value.isGuess && <Guess />}
      <CellsBar />
      <Figures question={question} report={value} isBusy={isBusy} />
      {ofSizes.error && (
        <p class="notice error" role="alert">
          {ofSizes.error}
        </p>
      )}
      {ofSizes.answer && (
        <Sizes question={ofSizes.answer.question} report={ofSizes.answer.value} isBusy={ofSizes.isBusy} />
      )}
      <AllNetworks question={question} report={value} isBusy={isBusy} />
      <Provenance />
      <TakeHome />
    </div>
  );
}

interface Part {
  question: Pair;
  report: Report;
  isBusy: boolean;
}

function Figures({ question, report: { ensemble, models, students }, isBusy }: Part) {
  const { answer } = useAsked(intervals);
  // Intervals come later; those of another question are not shown with these figures.
  const isCurrent =
    answer &&
    JSON.stringify({ ...answer.question, other: undefined }) === JSON.stringify({ ...question, other: undefined });
  const [around, own] = isCurrent ? [answer.value.ensemble, answer.value.student] : [null, null];
  const { student } = question;
  const fidelity = students[student]!;
  return (
    <section class="figures" aria-label={words.fidelity.figures} aria-busy={isBusy} data-testid="lab-figures">
      <Card title={words.fidelity.accuracy} term="accuracy">
        <Value
          who="ensemble"
          value={ensemble.accuracy}
          interval={around?.accuracy}
          format={percent}
          testId="lab-ensemble-accuracy"
        />
        <Value
          who={student}
          value={models[student]!.accuracy}
          interval={own?.accuracy}
          format={percent}
          testId="lab-student-accuracy"
        />
      </Card>
      <Card title={words.fidelity.agreement} term="agreement">
        <Value value={fidelity.agreement} interval={own?.agreement} format={percent} testId="lab-agreement" />
      </Card>
      <Card title={words.fidelity.kl} term="kl">
        <Value value={fidelity.kl} interval={own?.kl} format={nats} unit={words.fidelity.nats} testId="lab-kl" />
      </Card>
      <Card title={words.fidelity.ece} term="ece">
        <Value who="ensemble" value={ensemble.ece} interval={around?.ece} format={nats} testId="lab-ensemble-ece" />
        <Value who={student} value={models[student]!.ece} interval={own?.ece} format={nats} testId="lab-student-ece" />
      </Card>
    </section>
  );
}

function Card({ title, term, children }: { title: string; term: TermName; children: ComponentChildren }) {
  return (
    <div class="card figure">
      <h3>
        {title}
        <Help term={term} />
      </h3>
      {children}
    </div>
  );
}

interface ValueProps {
  who?: string;
  value: number | null;
  interval: Interval | undefined;
  format: (value: number) => string;
  unit?: string;
  testId: string;
}

function Value({ who, value, interval, format, unit, testId }: ValueProps) {
  return (
    <div class={`figure-value ${who === undefined ? "both" : who === "ensemble" ? "ensemble" : "student"}`}>
      {who !== undefined && <span class="who">{who}</span>}
      <span class="number">
        <span data-testid={testId}>{value === null ? "–" : format(value)}</span>
        {unit && <small> {unit}</small>}
      </span>
      <span class="below" data-testid={`${testId}-interval`}>
        {interval ? words.fidelity.interval(format(interval.lower), format(interval.upper)) : " "}
        {`\n${words.fidelity.n(N_TEST_IMAGES)}`}
      </span>
    </div>
  );
}

/** A range with some room around the values. */
export function around(values: readonly (number | null)[], label: string, format: (value: number) => string): Axis {
  const known = values.filter((value) => value !== null);
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const air = 0.15 * (high - low) || 0.1 * Math.abs(high) || 0.1;
  return { label, min: Math.max(0, low - air), max: high + air, format };
}

function Sizes({ question, report: { sizes, models }, isBusy }: Part) {
  const { student } = question;
  const header = [
    "size",
    "ensemble_accuracy",
    "ensemble_ece",
    "student_ece",
    "student_accuracy",
    "agreement",
    "kl_nats",
  ];
  const own = models[student]!;
  const table: Table = {
    header,
    rows: sizes.map(({ size, ensemble, students }) => [
      size,
      ensemble.accuracy,
      ensemble.ece,
      own.ece,
      own.accuracy,
      students[student]!.agreement,
      students[student]!.kl,
    ]),
  };
  const x: Axis = {
    label: testSetWords.sizeAxis,
    min: 1,
    max: Math.max(2, sizes.length),
    format: (value) => (Number.isInteger(value) ? String(value) : ""),
  };
  const line = (look: Look, name: string, y: (i: number) => number | null): PlotLine => ({
    name,
    look,
    isMarked: true,
    points: sizes.map(({ size }, i) => ({ x: size, y: y(i) })),
  });
  const charts: [string, (value: number) => string, PlotLine[]][] = [
    [
      words.fidelity.accuracy,
      percent,
      [
        line("ensemble", words.ensemble, (i) => sizes[i]!.ensemble.accuracy),
        line("student", student, () => own.accuracy),
      ],
    ],
    [words.fidelity.agreement, percent, [line("student", student, (i) => sizes[i]!.students[student]!.agreement)]],
    [
      `${words.fidelity.kl}, ${words.fidelity.nats}`,
      nats,
      [line("student", student, (i) => sizes[i]!.students[student]!.kl)],
    ],
    [
      words.fidelity.ece,
      nats,
      [line("ensemble", words.ensemble, (i) => sizes[i]!.ensemble.ece), line("student", student, () => own.ece)],
    ],
  ];
  return (
    <Figure
      title={testSetWords.sizes}
      hint={testSetWords.sizesHint(question.teachers)}
      testId="lab-sizes"
      isBusy={isBusy}
      question={question}
      table={table}
    >
      {sizes.length < 2 ? (
        <p class="empty">{testSetWords.oneSize}</p>
      ) : (
        <div class="multiples">
          {charts.map(([name, format, lines]) => (
            <div key={name}>
              <p class="chart-title export-text">{name}</p>
              <Plot
                label={`${name}, ${testSetWords.sizeAxis}`}
                x={x}
                y={around(
                  lines.flatMap(({ points }) => points.map(({ y }) => y)),
                  "",
                  format,
                )}
                lines={lines}
                height={200}
                testId={`lab-sizes-${name}`}
              />
            </div>
          ))}
        </div>
      )}
      <p class="legend">
        <PlotKey look="ensemble">
          <span class="export-text">{words.ensemble}</span>
        </PlotKey>
        <PlotKey look="student">
          <span class="export-text">{student}</span>
        </PlotKey>
      </p>
      <div class="sr-only">
        <DataTable
          caption={testSetWords.sizes}
          header={[
            testSetWords.sizeAxis,
            `${words.fidelity.accuracy}, ${words.ensemble}`,
            `${words.fidelity.ece}, ${words.ensemble}`,
            `${words.fidelity.ece}, ${student}`,
            `${words.fidelity.accuracy}, ${student}`,
            words.fidelity.agreement,
            words.fidelity.kl,
          ]}
          rows={table.rows.map(([size, ...rest]) => [
            count(size as number),
            ...rest.map((value) => nats(value as number)),
          ])}
        />
      </div>
    </Figure>
  );
}

function AllNetworks({ question, report: { models, ensemble, students }, isBusy }: Part) {
  const rows = [
    ...question.teachers.map((name) => ({ name, kind: "member", general: models[name]!, fidelity: null })),
    { name: words.ensemble, kind: "ensemble", general: ensemble, fidelity: null },
    {
      name: question.student,
      kind: "student",
      general: models[question.student]!,
      fidelity: students[question.student]!,
    },
  ];
  const table: Table = {
    header: [
      "network",
      "role",
      "n_images",
      "accuracy",
      "top5_accuracy",
      "nll",
      "ece",
      "agreement",
      "agreement_teacher_right",
      "agreement_teacher_wrong",
      "kl_nats",
    ],
    rows: rows.map(({ name, kind, general, fidelity }) => [
      name,
      kind === "member" ? "teacher" : kind,
      N_TEST_IMAGES,
      general.accuracy,
      general.top5Accuracy,
      general.nll,
      general.ece,
      fidelity?.agreement ?? null,
      fidelity?.agreementTeacherRight ?? null,
      fidelity?.agreementTeacherWrong ?? null,
      fidelity?.kl ?? null,
    ]),
  };
  const share = (value: number | null | undefined) => (value === null || value === undefined ? "–" : percent(value));
  const mean = (value: number | null | undefined) => (value === null || value === undefined ? "–" : nats(value));
  return (
    <Figure
      title={words.fidelity.results}
      testId="lab-networks"
      isBusy={isBusy}
      question={question}
      table={table}
      isDrawn={false}
    >
      <ScrollingTable label={words.fidelity.results}>
        <table class="results">
          <thead>
            <tr>
              {[
                words.fidelity.network,
                words.fidelity.accuracy,
                words.fidelity.top5,
                words.fidelity.nll,
                words.fidelity.ece,
                words.fidelity.agreement,
                words.fidelity.agreementRight,
                words.fidelity.agreementWrong,
                `${words.fidelity.kl}, ${words.fidelity.nats}`,
              ].map((word) => (
                <th key={word} scope="col">
                  {word}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map(({ name, kind, general, fidelity }) => (
              <tr key={`${kind}${name}`} data-testid={`lab-result-${name}`}>
                <th scope="row">
                  <span class={`key ${kind}`} aria-hidden="true" />
                  {name}
                </th>
                <td>{share(general.accuracy)}</td>
                <td>{share(general.top5Accuracy)}</td>
                <td>{mean(general.nll)}</td>
                <td>{mean(general.ece)}</td>
                <td>{share(fidelity?.agreement)}</td>
                <td>{share(fidelity?.agreementTeacherRight)}</td>
                <td>{share(fidelity?.agreementTeacherWrong)}</td>
                <td>{mean(fidelity?.kl)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </ScrollingTable>
    </Figure>
  );
}
