import type { VNode } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Images as Listing } from "../../../../pkg/analysis_api.js";
import { Mark } from "../../components/gallery.tsx";
import { useWidth } from "../../components/use_width.ts";
import { count, nats, probability } from "../../common/format.ts";
import { words } from "../../common/strings.ts";
import { PIXELS_BYTES } from "../../state/pictures.ts";
import { family } from "../../test_set/choice.ts";
import { nameOf } from "../../test_set/classes.ts";
import { alignNetworks, compareHref } from "../../test_set/compare_link.ts";
import { openImage, type Pair } from "../../test_set/questions.ts";
import { testSetWords } from "../../test_set/strings.ts";
import { records } from "./test_records.ts";

const [TILE_WIDTH, TILE_HEIGHT, VIEW_HEIGHT, OVERSCAN] = [256, 92, 588, 2];

/** Where the visitor left the list, to go on from there. */
const leftAt: { listing: Listing | null; place: number } = { listing: null, place: 0 };

/** A list of test images of which only the tiles in sight exist. */
export function ImageGrid({ question, listing }: { question: Pair; listing: Listing }) {
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
    if (leftAt.listing === listing) return go(leftAt.place);
    box.current!.scrollTop = 0;
    setFirstRow(0);
    setActive(0);
  }, [listing, isMeasured]);

  const open = (place: number) => {
    setActive(place);
    Object.assign(leftAt, { listing, place });
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
  // A row that was drawn before is passed on as it is, so that a frame costs only the rows that come into sight.
  const drawn = useRef({ rows: new Map<number, VNode>(), inputs: [] as unknown[] });
  const inputs = [listing, nColumns, records.value, question.level];
  if (inputs.some((input, i) => input !== drawn.current.inputs[i])) drawn.current = { rows: new Map(), inputs };
  const rowAt = (row: number): VNode => {
    const isActiveRow = Math.floor(active / nColumns) === row;
    const known = isActiveRow ? undefined : drawn.current.rows.get(row);
    if (known) return known;
    const drawnRow = (
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
    else drawn.current.rows.set(row, drawnRow);
    return drawnRow;
  };
  // If the active tile is scrolled out of sight, the list itself takes the focus in its place.
  const isActiveInSight = active >= from * nColumns && active < to * nColumns;
  return (
    <div
      ref={box}
      class="image-grid"
      role="grid"
      aria-label={testSetWords.images.grid}
      aria-rowcount={nRows}
      aria-colcount={nColumns}
      data-testid="image-grid"
      tabIndex={isActiveInSight ? -1 : 0}
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
    // The grid around the tiles listens to the keys.
    // oxlint-disable-next-line jsx-a11y/click-events-have-key-events
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

/** Draws one picture from the bytes of many. */
function TestPixels({ pixels, index }: { pixels: Uint8Array; index: number }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useLayoutEffect(() => {
    const context = canvas.current!.getContext("2d")!;
    const image = context.createImageData(SIDE, SIDE);
    for (let i = 0, byte = index * PIXELS_BYTES; i < SIDE * SIDE; i++, byte += 3) {
      image.data[4 * i] = pixels[byte]!;
      image.data[4 * i + 1] = pixels[byte + 1]!;
      image.data[4 * i + 2] = pixels[byte + 2]!;
      image.data[4 * i + 3] = 255;
    }
    context.putImageData(image, 0, 0);
  }, [pixels, index]);
  return <canvas ref={canvas} class="pixels" width={SIDE} height={SIDE} aria-hidden="true" />;
}
