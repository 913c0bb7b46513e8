import type { Baselines, Interval, Intervals, McNemar } from "../../../../pkg/analysis_api.js";
import { ScrollingTable } from "../../components/scrolling_table.tsx";
import { count, nats, percent } from "../../common/format.ts";
import { words } from "../../common/strings.ts";
import { testSetWords } from "../../test_set/strings.ts";
import { useAsked, type Answer } from "../../test_set/asked.ts";
import { change, choice, everyStudent, student } from "../../test_set/choice.ts";
import { Figure } from "../../test_set/figure.tsx";
import {
  baselines,
  ensembleTest,
  intervals,
  other,
  otherTest,
  type Pair,
  type Test,
} from "../../test_set/questions.ts";
import { Ruler, type RulerMark } from "../../charts/ruler.tsx";

/** Compares the agreement with yardsticks, and shows how certain the figures are and whether errors are copied. */
export function Worth() {
  const { answer, isBusy, error } = useAsked(baselines);
  if (error)
    return (
      <p class="notice error" role="alert">
        {error}
      </p>
    );
  if (!answer) return <p class="empty">{testSetWords.waiting} …</p>;
  const { question, value } = answer;
  return (
    <div class="rooms" data-testid="worth-answer">
      <Yardsticks question={question} value={value} isBusy={isBusy} />
      <Copied question={question} value={value} isBusy={isBusy} />
      <Certainty />
      <Tests />
    </div>
  );
}

interface Part {
  question: Pair;
  value: Baselines;
  isBusy: boolean;
}

function Yardsticks({
  question,
  value: { agreement, chance, control, noControl, controls, teacherPairs, ceiling },
  isBusy,
}: Part) {
  const w = testSetWords.worth;
  const marks: RulerMark[] = [
    { name: w.student(question.student), value: agreement, look: "student" },
    ...(control ? [{ name: w.control(control.name), value: control.agreement, look: "control" as const }] : []),
    ...(teacherPairs
      ? [
          {
            name: w.pairs,
            value: teacherPairs.mean,
            look: "member" as const,
            ...(teacherPairs.nPairs > 1 && { range: { low: teacherPairs.lowest, high: teacherPairs.highest } }),
          },
        ]
      : []),
    ...(ceiling ? [{ name: w.ceiling, value: ceiling.agreement, look: "ensemble" as const }] : []),
    { name: w.chance, value: chance, look: "control", isOutline: true },
  ];
  const table = {
    header: ["yardstick", "agreement", "lowest", "highest", "networks"],
    rows: [
      ["student", agreement, null, null, question.student],
      ["control", control?.agreement ?? null, null, null, control?.name ?? noControl ?? ""],
      [
        "teacher_pairs",
        teacherPairs?.mean ?? null,
        teacherPairs?.lowest ?? null,
        teacherPairs?.highest ?? null,
        question.teachers.join(" "),
      ],
      [
        "ceiling",
        ceiling?.agreement ?? null,
        null,
        null,
        ceiling?.groups.map(({ teachers }) => teachers.join(" ")).join("; ") ?? "",
      ],
      ["chance", chance, null, null, ""],
    ],
  };
  return (
    <Figure title={w.title} hint={w.hint} testId="lab-yardsticks" isBusy={isBusy} question={question} table={table}>
      <Ruler label={words.fidelity.agreement} marks={marks} />
      <dl class="sentences">
        <div>
          <dt>{w.student(question.student)}</dt>
          <dd data-testid="worth-agreement">{w.agreementText(percent(agreement))}</dd>
        </div>
        <div>
          <dt>{w.controlTitle}</dt>
          <dd data-testid="worth-control">
            {control
              ? w.controlText(control.name, percent(control.agreement), agreement - control.agreement)
              : w.noControl[noControl ?? "none_fits"]}
            {controls.length > 0 && (controls.length > 1 || noControl) && (
              <label class="field inline">
                {w.chooseControl}
                <select
                  value={control?.name ?? ""}
                  data-testid="control-choice"
                  onChange={(event) => change({ control: event.currentTarget.value || null })}
                >
                  {!control && <option value="">–</option>}
                  {controls.map((name) => (
                    <option key={name} value={name}>
                      {name}
                    </option>
                  ))}
                </select>
              </label>
            )}
          </dd>
        </div>
        <div>
          <dt>{w.pairs}</dt>
          <dd data-testid="worth-pairs">
            {teacherPairs
              ? w.pairsText(
                  teacherPairs.nPairs,
                  percent(teacherPairs.mean),
                  percent(teacherPairs.lowest),
                  percent(teacherPairs.highest),
                )
              : w.noPairs}
          </dd>
        </div>
        <div>
          <dt>{w.ceiling}</dt>
          <dd data-testid="worth-ceiling">
            {ceiling
              ? w.ceilingText(percent(ceiling.agreement), ceiling.groups.length, question.teachers.length)
              : w.noCeiling}
          </dd>
        </div>
        <div>
          <dt>{w.chance}</dt>
          <dd data-testid="worth-chance">
            {w.chanceText(percent(chance))} <span class="hint">{w.chanceDefinition}</span>
          </dd>
        </div>
      </dl>
    </Figure>
  );
}

function Copied({ question, value: { copiedErrors: own, control }, isBusy }: Part) {
  const w = testSetWords.worth;
  const marks: RulerMark[] = [
    { name: w.student(question.student), value: own.share ?? 0, look: "student" },
    ...(control && control.copiedErrors.share !== null
      ? [{ name: w.control(control.name), value: control.copiedErrors.share, look: "control" as const }]
      : []),
    ...(own.chance !== null ? [{ name: w.chance, value: own.chance, look: "control" as const, isOutline: true }] : []),
  ];
  return (
    <Figure
      title={w.copied}
      hint={w.copiedHint}
      testId="lab-copied"
      isBusy={isBusy}
      question={question}
      table={{
        header: ["network", "teacher_wrong", "copied", "share", "chance"],
        rows: [
          [question.student, own.nTeacherWrong, own.nCopied, own.share, own.chance],
          ...(control
            ? [
                [
                  control.name,
                  control.copiedErrors.nTeacherWrong,
                  control.copiedErrors.nCopied,
                  control.copiedErrors.share,
                  control.copiedErrors.chance,
                ],
              ]
            : []),
        ],
      }}
    >
      {own.share === null ? (
        <p>{w.neverWrong}</p>
      ) : (
        <>
          <Ruler label={w.copiedShare} marks={marks} />
          <p data-testid="worth-copied">
            {w.copiedText(count(own.nTeacherWrong), count(own.nCopied), percent(own.share), percent(own.chance ?? 0))}
          </p>
        </>
      )}
    </Figure>
  );
}

/** `key` is its name in files. */
interface Row {
  key: string;
  figure: string;
  interval: Interval;
  format: (value: number) => string;
}

function Certainty() {
  const { answer, isBusy, error } = useAsked(intervals);
  const w = testSetWords.worth;
  if (error)
    return (
      <p class="notice error" role="alert">
        {error}
      </p>
    );
  if (!answer) return <p class="empty">{w.resampling} …</p>;
  const { question, value } = answer;
  const groups = groupsOf(value, question.student, question.other ?? "");
  return (
    <Figure
      title={w.certainty}
      hint={w.certaintyHint(count(value.nResamples), String(value.seed))}
      testId="lab-intervals"
      isBusy={isBusy}
      question={question}
      isDrawn={false}
      json={value}
      table={{
        header: ["of", "figure", "estimate", "lower", "upper"],
        rows: groups.flatMap(([of, rows]) =>
          rows.map(({ key, interval: { estimate, lower, upper } }) => [of, key, estimate, lower, upper]),
        ),
      }}
    >
      <Other />
      <ScrollingTable label={w.certainty}>
        <table class="results" data-testid="intervals-table">
          <thead>
            <tr>
              <th scope="col">{w.figure}</th>
              <th scope="col">{w.estimate}</th>
              <th scope="col">{w.interval}</th>
            </tr>
          </thead>
          {groups.map(([of, rows]) => (
            <tbody key={of}>
              <tr>
                <th scope="rowgroup" colSpan={3} class="group">
                  {of}
                </th>
              </tr>
              {rows.map(({ figure, interval: { estimate, lower, upper }, format }) => (
                <tr key={figure} data-testid={`interval-${of}-${figure}`}>
                  <th scope="row">{figure}</th>
                  <td>{format(estimate)}</td>
                  <td>{w.range(format(lower), format(upper))}</td>
                </tr>
              ))}
            </tbody>
          ))}
        </table>
      </ScrollingTable>
      <ul class="plain">
        {value.studentMinusEnsemble && (
          <li data-testid="difference-ensemble">
            {w.difference(
              question.student,
              words.ensemble,
              words.fidelity.accuracy,
              value.studentMinusEnsemble.accuracy,
            )}
          </li>
        )}
        {value.difference && question.other && (
          <>
            <li data-testid="difference-accuracy">
              {w.difference(question.student, question.other, words.fidelity.accuracy, value.difference.accuracy)}
            </li>
            <li data-testid="difference-agreement">
              {w.difference(question.student, question.other, words.fidelity.agreement, value.difference.agreement)}
            </li>
          </>
        )}
      </ul>
    </Figure>
  );
}

function groupsOf(
  { ensemble, student, other, studentMinusEnsemble, difference }: Intervals,
  name: string,
  otherName: string,
): [string, Row[]][] {
  const w = testSetWords.worth;
  const general = (of: Intervals["ensemble"], share = percent): Row[] => [
    { key: "accuracy", figure: words.fidelity.accuracy, interval: of.accuracy, format: share },
    { key: "nll", figure: words.fidelity.nll, interval: of.nll, format: nats },
    { key: "ece", figure: words.fidelity.ece, interval: of.ece, format: nats },
  ];
  const whole = (of: NonNullable<Intervals["student"]>, share = percent): Row[] => [
    ...general(of, share),
    { key: "agreement", figure: words.fidelity.agreement, interval: of.agreement, format: share },
    { key: "kl_nats", figure: `${words.fidelity.kl}, ${words.fidelity.nats}`, interval: of.kl, format: nats },
  ];
  return [
    [words.ensemble, general(ensemble)],
    ...(student ? [[name, whole(student)] as [string, Row[]]] : []),
    ...(studentMinusEnsemble
      ? [[w.minus(name, words.ensemble), general(studentMinusEnsemble, w.points)] as [string, Row[]]]
      : []),
    ...(other ? [[otherName, whole(other)] as [string, Row[]]] : []),
    ...(difference ? [[w.minus(name, otherName), whole(difference, w.points)] as [string, Row[]]] : []),
  ];
}

/** The second student, for differences and the test of two accuracies. */
function Other() {
  const names = everyStudent.value.map(({ name }) => name).filter((name) => name !== student.value);
  if (names.length === 0) return <p class="hint">{testSetWords.worth.noOther}</p>;
  return (
    <label class="field inline">
      {testSetWords.worth.other}
      <select
        value={choice.value.other ?? ""}
        data-testid="other-choice"
        onChange={(event) => change({ other: event.currentTarget.value || null })}
      >
        <option value="">{testSetWords.worth.nobody}</option>
        {names.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

function Tests() {
  const first = useAsked(ensembleTest);
  const second = useAsked(otherTest);
  const w = testSetWords.worth;
  const tests = [first.answer, other() !== null ? second.answer : null].filter(
    (answer): answer is Answer<Test, McNemar> => answer !== null,
  );
  if (tests.length === 0) return null;
  const name = (of: string | string[]) => (typeof of === "string" ? of : words.ensemble);
  return (
    <Figure
      title={w.tests}
      hint={w.testsHint}
      testId="lab-tests"
      isBusy={first.isBusy || second.isBusy}
      question={tests[0]!.question}
      isDrawn={false}
      json={tests}
      table={{
        header: [
          "first",
          "second",
          "both_right",
          "only_first",
          "only_second",
          "both_wrong",
          "method",
          "statistic",
          "p_value",
        ],
        rows: tests.map(({ question, value }) => [
          name(question.first),
          question.second,
          value.bothRight,
          value.onlyFirst,
          value.onlySecond,
          value.bothWrong,
          value.method,
          value.statistic,
          value.pValue,
        ]),
      }}
    >
      {tests.map(({ question, value }) => (
        <div
          key={question.second + name(question.first)}
          class="mcnemar"
          data-testid={`mcnemar-${question.second}-${name(question.first)}`}
        >
          <table class="results two-by-two">
            <caption>{w.versus(name(question.first), question.second)}</caption>
            <thead>
              <tr>
                <td />
                <th scope="col">{w.right(question.second)}</th>
                <th scope="col">{w.wrong(question.second)}</th>
              </tr>
            </thead>
            <tbody>
              <tr>
                <th scope="row">{w.right(name(question.first))}</th>
                <td>{count(value.bothRight)}</td>
                <td>
                  <strong>{count(value.onlyFirst)}</strong>
                </td>
              </tr>
              <tr>
                <th scope="row">{w.wrong(name(question.first))}</th>
                <td>
                  <strong>{count(value.onlySecond)}</strong>
                </td>
                <td>{count(value.bothWrong)}</td>
              </tr>
            </tbody>
          </table>
          <p>{w.testText(name(question.first), question.second, value)}</p>
        </div>
      ))}
    </Figure>
  );
}
