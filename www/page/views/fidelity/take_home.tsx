import { signal } from "@preact/signals";
import { useId } from "preact/hooks";
import { FileButton } from "../../components/file_button.tsx";
import { ScrollingTable } from "../../components/scrolling_table.tsx";
import { nats, percent } from "../../common/format.ts";
import { words } from "../../common/strings.ts";
import { testSetWords } from "../../test_set/strings.ts";
import { useAsked } from "../../test_set/asked.ts";
import { HIDEABLE, isHidden, linkTo, type Hideable } from "../../test_set/choice.ts";
import { report } from "../../test_set/questions.ts";
import { opened, openReport, saveReport, type ReportFile } from "./report_file.ts";
import { listed } from "../../test_set/stored_logits.ts";

/** Links and the report's file. */
export function TakeHome() {
  if (isHidden("exports")) return null;
  return (
    <section class="card take-home" aria-labelledby="take-home-heading" data-testid="take-home">
      <h3 id="take-home-heading">{testSetWords.home.title}</h3>
      <div class="row">
        <button type="button" onClick={() => void saveReport()} data-testid="save-report">
          {testSetWords.file.save}
        </button>
        <FileButton
          text={testSetWords.file.open}
          accept=".json"
          isMultiple={false}
          testId="report-input"
          onFiles={([file]) => void file?.text().then((text) => openReport(file.name, text))}
        />
      </div>
      <Link label={testSetWords.home.link} address={linkTo()} testId="link" />
      <Lesson />
    </section>
  );
}

function Link({ label, address, testId }: { label: string; address: string; testId: string }) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <div class="row link-row">
        <input
          id={id}
          type="text"
          readOnly
          value={address}
          data-testid={testId}
          onFocus={(event) => event.currentTarget.select()}
        />
        <button
          type="button"
          onClick={(event) => {
            const button = event.currentTarget;
            void navigator.clipboard.writeText(address).then(
              () => {
                button.textContent = testSetWords.home.copied;
              },
              () => (button.previousElementSibling as HTMLInputElement).focus(),
            );
          }}
        >
          {testSetWords.home.copy}
        </button>
      </div>
    </div>
  );
}

const hidden = signal<readonly Hideable[]>(["builder", "lens", "sections", "live", "exports"]);
const asks = signal(true);

function Lesson() {
  return (
    <details data-testid="lesson">
      <summary>{testSetWords.home.lesson}</summary>
      <p class="hint">{testSetWords.home.lessonText}</p>
      <div class="row">
        <label class="check">
          <input
            type="checkbox"
            checked={asks.value}
            onChange={(event) => {
              asks.value = event.currentTarget.checked;
            }}
            data-testid="lesson-guess"
          />
          {testSetWords.guess.question}
        </label>
        {HIDEABLE.map((part) => (
          <label key={part} class="check">
            <input
              type="checkbox"
              checked={hidden.value.includes(part)}
              data-testid={`lesson-hide-${part}`}
              onChange={(event) => {
                hidden.value = event.currentTarget.checked
                  ? [...hidden.value, part]
                  : hidden.value.filter((other) => other !== part);
              }}
            />
            {testSetWords.home.hide[part]}
          </label>
        ))}
      </div>
      <Link
        label={testSetWords.home.lessonLink}
        address={linkTo({ hidden: [...hidden.value], isGuess: asks.value })}
        testId="lesson-link"
      />
    </details>
  );
}

const FIGURES: [string, (file: Pick<ReportFile, "report" | "question">) => number | null, (value: number) => string][] =
  [
    [`${words.fidelity.accuracy}, ${words.ensemble}`, ({ report }) => report.ensemble.accuracy, percent],
    [
      `${words.fidelity.accuracy}, ${words.student}`,
      ({ report, question }) => report.models[question.student]!.accuracy,
      percent,
    ],
    [words.fidelity.agreement, ({ report, question }) => report.students[question.student]!.agreement, percent],
    [words.fidelity.kl, ({ report, question }) => report.students[question.student]!.kl, nats],
    [`${words.fidelity.ece}, ${words.ensemble}`, ({ report }) => report.ensemble.ece, nats],
    [`${words.fidelity.ece}, ${words.student}`, ({ report, question }) => report.models[question.student]!.ece, nats],
  ];
const EQUAL = 1e-6;

/** Shows an opened report beside the figures that are computed for the same networks now. */
export function OpenedReport() {
  const { answer } = useAsked(report);
  if (!opened.value) return null;
  const { name, file } = opened.value;
  const missing = Object.keys(file.logits).filter((network) => !listed.value.some((entry) => entry.name === network));
  const changed = Object.entries(file.logits)
    .filter(([network, sha256]) =>
      listed.value.some((entry) => entry.name === network && entry.logits.sha256 !== sha256),
    )
    .map(([network]) => network);
  const isSame =
    answer !== null &&
    JSON.stringify(Object.values({ ...answer.question, temperature: answer.question.temperature ?? 1 })) ===
      JSON.stringify(Object.values(file.question));
  const rows = FIGURES.map(([figure, valueOf, format]) => ({
    figure,
    format,
    saved: valueOf(file),
    now: isSame ? valueOf({ report: answer.value, question: file.question }) : null,
  }));
  const isEqual =
    isSame && rows.every(({ saved, now }) => saved !== null && now !== null && Math.abs(saved - now) < EQUAL);
  const show = (value: number | null, format: (value: number) => string) => (value === null ? "–" : format(value));
  return (
    <section
      class="card opened"
      aria-labelledby="opened-heading"
      data-testid="opened-report"
      data-equal={String(isEqual)}
    >
      <div class="row spread">
        <h3 id="opened-heading">{testSetWords.file.heading(name, file.savedAt, file.version)}</h3>
        <button
          type="button"
          class="quiet"
          onClick={() => {
            opened.value = null;
          }}
          data-testid="close-report"
        >
          {testSetWords.file.close}
        </button>
      </div>
      <p>
        {missing.length > 0
          ? testSetWords.file.missing(missing)
          : changed.length > 0
            ? testSetWords.file.changed(changed)
            : isEqual
              ? testSetWords.file.equal
              : isSame
                ? testSetWords.file.differs
                : testSetWords.file.elsewhere}
      </p>
      <ScrollingTable label={testSetWords.file.heading(name, file.savedAt, file.version)}>
        <table class="results">
          <thead>
            <tr>
              {[words.distil.figure, testSetWords.file.saved, testSetWords.file.now].map((word) => (
                <th key={word} scope="col">
                  {word}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map(({ figure, format, saved, now }) => (
              <tr key={figure}>
                <th scope="row">{figure}</th>
                <td>{show(saved, format)}</td>
                <td>{show(now, format)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </ScrollingTable>
    </section>
  );
}
