import type { ReliabilityBin } from "../../../pkg/api.js";
import { count, percent } from "../common/format.ts";
import { words } from "../common/strings.ts";
import { Help } from "../components/help.tsx";

export interface ReliabilitySeries {
  name: string;
  kind: "ensemble" | "student";
  bins: readonly ReliabilityBin[];
}

const SIDE = 260;
const LEFT = 44;
const TOP = 8;
const COUNTS_TOP = TOP + SIDE + 36;
const COUNTS_HEIGHT = 44;
const WIDTH = LEFT + SIDE + 12;
const HEIGHT = COUNTS_TOP + COUNTS_HEIGHT + 40;
const TICKS = [0, 0.2, 0.4, 0.6, 0.8, 1];
const x = (share: number) => LEFT + SIDE * share;
const y = (share: number) => TOP + SIDE * (1 - share);

/** Draws accuracy by confidence for ensemble and student and, below, the number of images per bin. */
export function Reliability({ series }: { series: readonly ReliabilitySeries[] }) {
  const most = Math.max(1, ...series.flatMap(({ bins }) => bins.map((bin) => bin.count)));
  return (
    <figure class="card reliability" data-testid="reliability">
      <figcaption>
        <h2>
          {words.fidelity.reliability}
          <Help term="reliability" />
        </h2>
        <p class="hint">{words.fidelity.reliabilityText}</p>
      </figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true">
        {TICKS.map((tick) => (
          <g key={tick}>
            <line class="grid" x1={x(0)} x2={x(1)} y1={y(tick)} y2={y(tick)} />
            <line class="grid" x1={x(tick)} x2={x(tick)} y1={y(0)} y2={y(1)} />
            <text class="tick" x={LEFT - 6} y={y(tick) + 4} text-anchor="end">
              {tick}
            </text>
            <text class="tick" x={x(tick)} y={y(0) + 16} text-anchor="middle">
              {tick}
            </text>
          </g>
        ))}
        <line class="diagonal" x1={x(0)} y1={y(0)} x2={x(1)} y2={y(1)} />
        <text class="axis" transform={`translate(12 ${y(0.5)}) rotate(-90)`} text-anchor="middle">
          {words.fidelity.accuracy}
        </text>
        {series.map(({ name, kind, bins }) => (
          <Line key={name} kind={kind} bins={bins} most={most} />
        ))}
        {series.map(({ name, kind, bins }, s) =>
          bins.map((bin, i) => {
            const height = (COUNTS_HEIGHT * bin.count) / most;
            const width = SIDE / bins.length / (series.length + 0.5);
            return (
              <rect
                key={`${name}${i}`}
                class={`count ${kind}`}
                x={x(bin.lower) + 2 + s * width}
                width={width - 1}
                y={COUNTS_TOP + COUNTS_HEIGHT - height}
                height={height}
              />
            );
          }),
        )}
        <line class="grid" x1={x(0)} x2={x(1)} y1={COUNTS_TOP + COUNTS_HEIGHT} y2={COUNTS_TOP + COUNTS_HEIGHT} />
        <text
          class="axis"
          transform={`translate(12 ${COUNTS_TOP + COUNTS_HEIGHT / 2}) rotate(-90)`}
          text-anchor="middle"
        >
          {words.fidelity.binCount}
        </text>
        <text class="tick" x={LEFT - 6} y={COUNTS_TOP + 8} text-anchor="end">
          {count(most)}
        </text>
        <text class="axis" x={x(0.5)} y={COUNTS_TOP + COUNTS_HEIGHT + 20} text-anchor="middle">
          {words.fidelity.confidence}
        </text>
      </svg>
      <p class="legend">
        {series.map(({ name, kind }) => (
          <span key={name}>
            <span class={`key ${kind}`} aria-hidden="true" />
            {name}
          </span>
        ))}
        <span>
          <span class="key diagonal" aria-hidden="true" />
          {words.fidelity.perfect}
        </span>
      </p>
      <Table series={series} />
    </figure>
  );
}

function Line({ kind, bins, most }: { kind: string; bins: readonly ReliabilityBin[]; most: number }) {
  const points = bins
    .filter((bin) => bin.confidence !== null && bin.accuracy !== null)
    .map((bin) => ({ cx: x(bin.confidence!), cy: y(bin.accuracy!), r: 2.5 + 4 * Math.sqrt(bin.count / most) }));
  return (
    <g class={`curve ${kind}`}>
      <polyline points={points.map(({ cx, cy }) => `${cx},${cy}`).join(" ")} />
      {points.map((point, i) =>
        kind === "student" ? (
          <rect
            key={i}
            x={point.cx - point.r}
            y={point.cy - point.r}
            width={2 * point.r}
            height={2 * point.r}
            transform={`rotate(45 ${point.cx} ${point.cy})`}
          />
        ) : (
          <circle key={i} {...point} />
        ),
      )}
    </g>
  );
}

function Table({ series }: { series: readonly ReliabilitySeries[] }) {
  return (
    <div class="sr-only">
      <table>
        <caption>{words.fidelity.reliability}</caption>
        <thead>
          <tr>
            <th scope="col">{words.fidelity.bin}</th>
            {series.flatMap(({ name }) =>
              [words.fidelity.binCount, words.fidelity.binConfidence, words.fidelity.binAccuracy].map((word) => (
                <th key={name + word} scope="col">
                  {name}, {word}
                </th>
              )),
            )}
          </tr>
        </thead>
        <tbody>
          {series[0]?.bins.map((bin, i) => (
            <tr key={bin.lower}>
              <th scope="row">
                {percent(bin.lower)} – {percent(bin.upper)}
              </th>
              {series.flatMap(({ name, bins }) =>
                [count(bins[i]?.count ?? 0), share(bins[i]?.confidence), share(bins[i]?.accuracy)].map((cell, j) => (
                  <td key={`${name}${j}`}>{cell}</td>
                )),
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const share = (value: number | null | undefined) => (value === null || value === undefined ? "–" : percent(value));
