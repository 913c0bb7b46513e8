import { computed, signal } from "@preact/signals";
import { useId } from "preact/hooks";
import { percent } from "../format.ts";
import { t } from "../strings.ts";
import { a } from "../strings_analysis.ts";
import { useAsked } from "./asked.ts";
import { choice } from "./choice.ts";
import { baselines, report } from "./questions.ts";

const guess = signal(0.5);
const isRevealed = signal(false);
/** A lesson asks first: figures that would give the answer away wait. */
export const isGuessing = computed(() => choice.value.isGuess && !isRevealed.value);

/** "Guess the agreement before you see it", and how near the guess was. */
export function Guess() {
  const id = useId();
  const { answer } = useAsked(report);
  const { answer: base } = useAsked(baselines);
  if (!answer) return <p class="empty">{a.waiting} …</p>;
  const { question, value } = answer;
  const own = value.models[question.student]!;
  const agreement = value.students[question.student]!.agreement;
  if (!isRevealed.value) {
    return (
      <section class="card guess" aria-labelledby={`${id}-h`} data-testid="guess">
        <h3 id={`${id}-h`}>{a.guess.question}</h3>
        <p>{a.guess.known(percent(value.ensemble.accuracy ?? 0), percent(own.accuracy ?? 0))}</p>
        <div class="field">
          <span class="field-head"><label for={id}>{a.guess.label}</label><output class="guess-value">{percent(guess.value)}</output></span>
          <input id={id} type="range" min={0} max={1} step={0.005} value={guess.value} aria-valuetext={percent(guess.value)} data-testid="guess-slider" onInput={(event) => { guess.value = event.currentTarget.valueAsNumber; }} />
        </div>
        <button type="button" class="primary large" onClick={() => { isRevealed.value = true; }} data-testid="guess-reveal">{a.guess.reveal}</button>
      </section>
    );
  }
  const chance = base?.value.chance ?? null;
  return (
    <section class="card guess" aria-labelledby={`${id}-h`} data-testid="guess-result">
      <h3 id={`${id}-h`}>{a.guess.result(percent(guess.value), percent(agreement))}</h3>
      <Ruler marks={[{ name: a.guess.yours, value: guess.value, look: "guess" }, { name: t.fidelity.agreement, value: agreement, look: "student" }, ...(chance === null ? [] : [{ name: a.worth.chance, value: chance, look: "chance" }])]} />
      <button type="button" onClick={() => { isRevealed.value = false; }} data-testid="guess-again">{a.guess.again}</button>
    </section>
  );
}

export interface RulerMark { name: string; value: number; look: string; low?: number; high?: number }

const [WIDTH, LEFT, RIGHT, ROW] = [640, 8, 8, 30];
const TICKS = [0, 0.2, 0.4, 0.6, 0.8, 1];

/** Shares from 0 to 1 on one line each, so that they can be held against each other. */
export function Ruler({ marks }: { marks: readonly RulerMark[] }) {
  const height = ROW * marks.length + 24;
  const x = (share: number) => LEFT + (WIDTH - LEFT - RIGHT) * share;
  return (
    <div class="ruler" role="img" aria-label={marks.map(({ name, value }) => `${name}: ${percent(value)}`).join("; ")}>
      <div class="ruler-names" aria-hidden="true">{marks.map(({ name, value }) => <p key={name}><span class="export-text">{name}</span> <strong class="export-text">{percent(value)}</strong></p>)}</div>
      <svg viewBox={`0 0 ${WIDTH} ${height}`} preserveAspectRatio="none" aria-hidden="true">
        {TICKS.map((tick) => <line key={tick} class="grid" x1={x(tick)} x2={x(tick)} y1={0} y2={height - 20} />)}
        {marks.map(({ name, value, look, low, high }, i) => {
          const y = ROW * (i + 0.5);
          return (
            <g key={name} class={`ruler-mark ${look}`}>
              <line class="stem" x1={x(0)} x2={x(value)} y1={y} y2={y} />
              {low !== undefined && high !== undefined && <rect class="range" x={x(low)} width={Math.max(2, x(high) - x(low))} y={y - 7} height={14} />}
              <line class="tip" x1={x(value)} x2={x(value)} y1={y - 11} y2={y + 11} />
            </g>
          );
        })}
      </svg>
      <div class="ruler-ticks" aria-hidden="true">{TICKS.map((tick) => <span key={tick} class="export-text">{percent(tick)}</span>)}</div>
    </div>
  );
}
