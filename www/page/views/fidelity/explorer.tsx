import { useEffect } from "preact/hooks";
import { CELLS, type Images as Listing, type SortKey } from "../../../../pkg/analysis_api.js";
import { FileButton } from "../../components/file_button.tsx";
import { Segmented } from "../../components/segmented.tsx";
import { saveCsv } from "../../common/save.ts";
import { N_TEST_IMAGES } from "../../state/class_names.ts";
import { hasTestSet } from "../../state/data_sets.ts";
import { takeIn } from "../../state/intake.ts";
import { client } from "../../state/client.ts";
import { words } from "../../common/strings.ts";
import { testSetWords } from "../../test_set/strings.ts";
import { useAsked } from "../../test_set/asked.ts";
import { change, choice, clearFilters, isHidden, SORT_KEYS } from "../../test_set/choice.ts";
import { nameOf, namesOf } from "../../test_set/classes.ts";
import { ImageAnswersCard } from "./image_answers.tsx";
import { ImageGrid } from "./image_grid.tsx";
import { images, type Pair } from "../../test_set/questions.ts";
import { fetchImages, records } from "./test_records.ts";

/** Lists the test images, sorted and filtered by the predictions of ensemble and student. */
export function Explorer() {
  const { answer, isBusy, error } = useAsked(images);
  useEffect(() => void fetchImages(), [hasTestSet.value, client.value]);
  if (error)
    return (
      <p class="notice error" role="alert">
        {error}
      </p>
    );
  return (
    <div class="rooms explorer" data-testid="explorer">
      <Filters />
      {!hasTestSet.value && (
        <div class="notice info" data-testid="no-images">
          <p>{testSetWords.images.howToAdd}</p>
          <FileButton text={words.sets.add} accept=".gz,.tgz,.tar,.bin" testId="lab-archive-input" onFiles={takeIn} />
        </div>
      )}
      {answer ? (
        <Matches question={answer.question} listing={answer.value} isBusy={isBusy} />
      ) : (
        <p class="empty">{testSetWords.waiting} …</p>
      )}
      <ImageAnswersCard />
    </div>
  );
}

function Filters() {
  const { sort, isDescending, cells, agree, bin, nBins, level } = choice.value;
  const isFiltered =
    cells.length > 0 ||
    agree !== null ||
    bin !== null ||
    [choice.value.trueClass, choice.value.teacherClass, choice.value.studentClass].some((value) => value !== null);
  const names = namesOf(level);
  return (
    <section class="card filters" aria-label={testSetWords.images.title}>
      <div class="row">
        <label class="field inline">
          <span>{testSetWords.images.sort}</span>
          <select
            value={sort}
            data-testid="sort"
            onChange={(event) => change({ sort: event.currentTarget.value as SortKey })}
          >
            {SORT_KEYS.map((key) => (
              <option key={key} value={key}>
                {testSetWords.images.sorts[key]}
              </option>
            ))}
          </select>
        </label>
        <Segmented
          label={testSetWords.images.order}
          testId="order"
          value={isDescending ? "down" : "up"}
          options={[
            { value: "down", text: testSetWords.images.orders.down },
            { value: "up", text: testSetWords.images.orders.up },
          ]}
          onChange={(order) => change({ isDescending: order === "down" })}
        />
        <Segmented
          label={testSetWords.images.agree}
          testId="agree"
          value={agree === null ? "all" : agree ? "yes" : "no"}
          options={(["all", "yes", "no"] as const).map((value) => ({ value, text: testSetWords.images.agrees[value] }))}
          onChange={(value) => change({ agree: value === "all" ? null : value === "yes" })}
        />
      </div>
      <fieldset class="members">
        <legend>{testSetWords.images.cell}</legend>
        <div class="row">
          {CELLS.map((cell) => (
            <label key={cell} class={`toggle cell${cells.includes(cell) ? " on" : ""}`}>
              <input
                type="checkbox"
                checked={cells.includes(cell)}
                data-testid={`filter-${cell}`}
                onChange={(event) =>
                  change({
                    cells: event.currentTarget.checked
                      ? CELLS.filter((other) => other === cell || cells.includes(other))
                      : cells.filter((other) => other !== cell),
                  })
                }
              />
              <svg width="14" height="14" aria-hidden="true">
                <rect class={`cell-part ${cell}`} x="1" y="1" width="12" height="12" />
              </svg>
              <span>{testSetWords.cells.names(words.student)[cell]}</span>
            </label>
          ))}
        </div>
      </fieldset>
      <div class="row">
        {(["trueClass", "teacherClass", "studentClass"] as const).map((key) => (
          <label key={key} class="field inline">
            <span>{testSetWords.images[key]}</span>
            <select
              value={choice.value[key] ?? ""}
              data-testid={`filter-${key}`}
              onChange={(event) =>
                change({ [key]: event.currentTarget.value === "" ? null : Number(event.currentTarget.value) })
              }
            >
              <option value="">{testSetWords.images.anyClass}</option>
              {names.map((name, index) => (
                <option key={name} value={index}>
                  {name}
                </option>
              ))}
            </select>
          </label>
        ))}
        {bin && (
          <button
            type="button"
            onClick={() => change({ bin: null })}
            aria-label={testSetWords.images.clearBin}
            data-testid="filter-bin"
          >
            {testSetWords.images.bin(bin.of === "teacher" ? words.ensemble : words.student, bin.index, nBins)} ×
          </button>
        )}
        {isFiltered && (
          <button type="button" class="quiet" onClick={clearFilters} data-testid="clear-filters">
            {testSetWords.images.clear}
          </button>
        )}
      </div>
    </section>
  );
}

function Matches({ question, listing, isBusy }: { question: Pair; listing: Listing; isBusy: boolean }) {
  const n = listing.indices.length;
  return (
    <section class="card found" aria-label={testSetWords.images.title} aria-busy={isBusy}>
      <div class="row spread">
        <p role="status" data-testid="found">
          {n === 0 ? testSetWords.images.none : testSetWords.images.count(n, N_TEST_IMAGES)}
        </p>
        {!isHidden("exports") && (
          <button
            type="button"
            class="quiet"
            onClick={() => savePredictions(question, listing)}
            data-testid="predictions-csv"
          >
            {n === N_TEST_IMAGES ? testSetWords.images.savePredictions : testSetWords.images.saveCsv}
          </button>
        )}
      </div>
      {n > 0 && <ImageGrid question={question} listing={listing} />}
      <p class="hint">{records.value ? testSetWords.images.compareHint : testSetWords.images.answersHint}</p>
    </section>
  );
}

function savePredictions(question: Pair, listing: Listing): void {
  const level = question.level ?? "fine";
  const header = [
    "index",
    "true_class",
    "true_name",
    "ensemble_class",
    "ensemble_name",
    "student_class",
    "student_name",
    "cell",
    "kl_nats",
    "ensemble_confidence",
    "student_confidence",
    "ensemble_margin",
    "student_margin",
  ];
  const rows = Array.from(listing.indices, (index, i) => [
    index,
    ...[listing.trueClass, listing.teacherClass, listing.studentClass].flatMap((classes) => [
      classes[i]!,
      nameOf(classes[i]!, level),
    ]),
    CELLS[listing.cell[i]!]!,
    listing.kl[i]!,
    listing.teacherConfidence[i]!,
    listing.studentConfidence[i]!,
    listing.teacherMargin[i]!,
    listing.studentMargin[i]!,
  ]);
  saveCsv(`fidelity-predictions-${question.student}.csv`, header, rows);
}
