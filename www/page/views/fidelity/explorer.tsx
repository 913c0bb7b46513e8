import { signal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { CELLS, type Images as Listing, type SortKey } from "../../../../pkg/analysis_api.js";
import type { Records } from "../../../../pkg/api.js";
import { FileButton } from "../../components/file_button.tsx";
import { Mark } from "../../components/gallery.tsx";
import { Segmented } from "../../components/segmented.tsx";
import { useWidth } from "../../components/use_width.ts";
import { count, nats, probability } from "../../common/format.ts";
import { saveCsv } from "../../common/save.ts";
import { N_TEST_IMAGES } from "../../state/class_names.ts";
import { hasTestSet } from "../../state/data_sets.ts";
import { takeIn } from "../../state/intake.ts";
import { client } from "../../state/lab.ts";
import { messageOf, notifyError } from "../../state/notices.ts";
import { PIXELS_BYTES } from "../../state/pictures.ts";
import { words } from "../../common/strings.ts";
import { testSetWords } from "../../test_set/strings.ts";
import { useAsked } from "../../test_set/asked.ts";
import { change, choice, clearFilters, family, isHidden, SORT_KEYS } from "../../test_set/choice.ts";
import { nameOf, namesOf } from "../../test_set/classes.ts";
import { alignNetworks, compareHref } from "../../test_set/compare_link.ts";
import { ImageAnswersCard } from "./image_answers.tsx";
import { images, openImage, type Pair } from "../../test_set/questions.ts";
import { testImages } from "../../test_set/verification.ts";

/** The test images, once they are there. */
const records = signal<Records | null>(null);
const isFetching = signal(false);

async function fetchImages(): Promise<void> {
  if (records.peek() || isFetching.peek() || !hasTestSet.value || !client.value) return;
  isFetching.value = true;
  try {
    records.value = await testImages();
  } catch (error) {
    notifyError(testSetWords.images.failed, [messageOf(error)]);
  } finally {
    isFetching.value = false;
  }
}

/** All test images, sorted and filtered by what the two say of them. */
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
        <Found question={answer.question} listing={answer.value} isBusy={isBusy} />
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

function Found({ question, listing, isBusy }: { question: Pair; listing: Listing; isBusy: boolean }) {
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
      {n > 0 && <Grid question={question} listing={listing} />}
      <p class="hint">{records.value ? testSetWords.images.compareHint : testSetWords.images.answersHint}</p>
    </section>
  );
}

export function savePredictions(question: Pair, listing: Listing): void {
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

const [TILE_WIDTH, TILE_HEIGHT, VIEW_HEIGHT, OVERSCAN] = [256, 92, 588, 2];

/** Where the list was left, for who comes back to it. */
const left: { listing: Listing | null; place: number } = { listing: null, place: 0 };

/** Only the tiles in sight exist. */
function Grid({ question, listing }: { question: Pair; listing: Listing }) {
  const [box, width] = useWidth();
  const [firstRow, setFirstRow] = useState(0);
  const [active, setActive] = useState(0);
  const n = listing.indices.length;
  const nColumns = Math.max(1, Math.floor(width / TILE_WIDTH));
  const nRows = Math.ceil(n / nColumns);
  const from = Math.max(0, firstRow - OVERSCAN);
  const to = Math.min(nRows, firstRow + Math.ceil(VIEW_HEIGHT / TILE_HEIGHT) + 1 + OVERSCAN);

  const isMeasured = width > 0;
  useLayoutEffect(() => {
    if (!isMeasured) return;
    if (left.listing === listing) return go(left.place);
    box.current!.scrollTop = 0;
    setFirstRow(0);
    setActive(0);
  }, [listing, isMeasured]);

  const open = (place: number) => {
    setActive(place);
    Object.assign(left, { listing, place });
    if (!records.value) {
      openImage.value = listing.indices[place]!;
      return;
    }
    void alignNetworks(family.value!, question.teachers, question.student);
    location.hash = compareHref(listing.indices, place);
  };
  const go = (place: number) => {
    const next = Math.max(0, Math.min(n - 1, place));
    const top = Math.floor(next / nColumns) * TILE_HEIGHT;
    const element = box.current!;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top + TILE_HEIGHT > element.scrollTop + element.clientHeight)
      element.scrollTop = top + TILE_HEIGHT - element.clientHeight;
    setFirstRow(Math.floor(element.scrollTop / TILE_HEIGHT));
    setActive(next);
    requestAnimationFrame(() =>
      element.querySelector<HTMLElement>(`[data-place="${next}"]`)?.focus({ preventScroll: true }),
    );
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const page = nColumns * Math.floor(VIEW_HEIGHT / TILE_HEIGHT);
    const target = {
      ArrowRight: active + 1,
      ArrowLeft: active - 1,
      ArrowDown: active + nColumns,
      ArrowUp: active - nColumns,
      PageDown: active + page,
      PageUp: active - page,
      Home: 0,
      End: n - 1,
    }[event.key];
    if (target !== undefined) {
      event.preventDefault();
      go(target);
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      open(active);
    }
  };
  // A row that is drawn already is handed over as it is, so that a frame costs only the rows that come into sight.
  const drawn = useRef({ rows: new Map<number, VNode>(), of: [] as unknown[] });
  const of = [listing, nColumns, records.value, question.level];
  if (of.some((part, i) => part !== drawn.current.of[i])) drawn.current = { rows: new Map(), of };
  const rowAt = (row: number): VNode => {
    const isActiveRow = Math.floor(active / nColumns) === row;
    const old = isActiveRow ? undefined : drawn.current.rows.get(row);
    if (old) return old;
    const made = (
      <div
        key={row}
        class="image-row"
        role="row"
        aria-rowindex={row + 1}
        ref={(element) => {
          if (element) element.style.transform = `translateY(${row * TILE_HEIGHT}px)`;
        }}
      >
        {Array.from({ length: Math.min(nColumns, n - row * nColumns) }, (_, column) => row * nColumns + column).map(
          (place) => (
            <Tile
              key={listing.indices[place]}
              listing={listing}
              place={place}
              column={place % nColumns}
              level={question.level ?? "fine"}
              isActive={place === active}
              onOpen={() => open(place)}
              onFocus={() => setActive(place)}
            />
          ),
        )}
      </div>
    );
    if (isActiveRow) drawn.current.rows.delete(row);
    else drawn.current.rows.set(row, made);
    return made;
  };
  // The active tile keeps the focus's place even where it is scrolled out of sight.
  const isActiveThere = active >= from * nColumns && active < to * nColumns;
  return (
    <div
      ref={box}
      class="image-grid"
      role="grid"
      aria-label={testSetWords.images.grid}
      aria-rowcount={nRows}
      aria-colcount={nColumns}
      data-testid="image-grid"
      tabIndex={isActiveThere ? -1 : 0}
      onKeyDown={onKeyDown}
      onScroll={(event) => setFirstRow(Math.floor(event.currentTarget.scrollTop / TILE_HEIGHT))}
      onFocus={(event) => {
        if (event.target === event.currentTarget) go(active);
      }}
    >
      <div
        class="image-rows"
        role="presentation"
        ref={(element) => {
          if (element) element.style.height = `${nRows * TILE_HEIGHT}px`;
        }}
      >
        {Array.from({ length: Math.max(0, to - from) }, (_, i) => rowAt(from + i))}
      </div>
    </div>
  );
}

interface TileProps {
  listing: Listing;
  place: number;
  column: number;
  level: "fine" | "coarse";
  isActive: boolean;
  onOpen: () => void;
  onFocus: () => void;
}

function Tile({ listing, place, column, level, isActive, onOpen, onFocus }: TileProps) {
  const index = listing.indices[place]!;
  const [truth, teacher, student] = [
    listing.trueClass[place]!,
    listing.teacherClass[place]!,
    listing.studentClass[place]!,
  ];
  return (
    <div
      class="tile"
      role="gridcell"
      aria-colindex={column + 1}
      tabIndex={isActive ? 0 : -1}
      data-place={place}
      data-index={index}
      data-testid="tile"
      onClick={onOpen}
      onFocus={onFocus}
    >
      {records.value ? (
        <TestPixels pixels={records.value.pixels} index={index} />
      ) : (
        <span class="no-picture" aria-hidden="true">
          {count(index)}
        </span>
      )}
      <div class="tile-words">
        <p class="tile-truth">
          <Mark agrees={teacher === student} />
          <strong>{nameOf(truth, level)}</strong>
          <span class="sr-only">
            {teacher === student ? words.compare.marks.agree : words.compare.marks.differ}, {testSetWords.images.number}{" "}
            {index}
          </span>
        </p>
        <p class={`says ensemble${teacher === truth ? "" : " wrong-answer"}`}>
          <span class="sr-only">{testSetWords.images.ensemble}: </span>
          <span class="says-name">{nameOf(teacher, level)}</span>{" "}
          <small>{probability(listing.teacherConfidence[place]!)}</small>
        </p>
        <p class={`says student${student === truth ? "" : " wrong-answer"}`}>
          <span class="sr-only">{testSetWords.images.student}: </span>
          <span class="says-name">{nameOf(student, level)}</span>{" "}
          <small>{probability(listing.studentConfidence[place]!)}</small>
        </p>
      </div>
      <small class="tile-kl">
        {testSetWords.images.kl} {nats(listing.kl[place]!)}
      </small>
    </div>
  );
}

const SIDE = 32;

/** One of many pictures in a row of bytes. */
function TestPixels({ pixels, index }: { pixels: Uint8Array; index: number }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useLayoutEffect(() => {
    const context = canvas.current!.getContext("2d")!;
    const image = context.createImageData(SIDE, SIDE);
    for (let i = 0, at = index * PIXELS_BYTES; i < SIDE * SIDE; i++, at += 3) {
      image.data[4 * i] = pixels[at]!;
      image.data[4 * i + 1] = pixels[at + 1]!;
      image.data[4 * i + 2] = pixels[at + 2]!;
      image.data[4 * i + 3] = 255;
    }
    context.putImageData(image, 0, 0);
  }, [pixels, index]);
  return <canvas ref={canvas} class="pixels" width={SIDE} height={SIDE} aria-hidden="true" />;
}
