import { computed, signal } from "@preact/signals";
import { useId } from "preact/hooks";
import { percent } from "../../common/format.ts";
import { words } from "../../common/strings.ts";
import { testSetWords } from "../../test_set/strings.ts";
import { useAsked } from "../../test_set/asked.ts";
import { choice } from "../../test_set/choice.ts";
import { baselines, report } from "../../test_set/questions.ts";
import { Ruler } from "../../charts/ruler.tsx";

const guess = signal(0.5);
const isRevealed = signal(false);
/** A lesson asks first: figures that would give the answer away wait. */
export const isGuessing = computed(() => choice.value.isGuess && !isRevealed.value);

/** Asks for a guess of the agreement before showing it, and says how close the guess was. */
export function Guess() {
  const id = useId();
  const { answer } = useAsked(report);
  const { answer: base } = useAsked(baselines);
  if (!answer) return <p class="empty">{testSetWords.waiting} …</p>;
  const { question, value } = answer;
  const own = value.models[question.student]!;
  const agreement = value.students[question.student]!.agreement;
  if (!isRevealed.value) {
    return (
      <section class="card guess" aria-labelledby={`${id}-h`} data-testid="guess">
        <h3 id={`${id}-h`}>{testSetWords.guess.question}</h3>
        <p>{testSetWords.guess.known(percent(value.ensemble.accuracy ?? 0), percent(own.accuracy ?? 0))}</p>
        <div class="field">
          <span class="field-head">
            <label for={id}>{testSetWords.guess.label}</label>
            <output class="guess-value">{percent(guess.value)}</output>
          </span>
          <input
            id={id}
            type="range"
            min={0}
            max={1}
            step={0.005}
            value={guess.value}
            aria-valuetext={percent(guess.value)}
            data-testid="guess-slider"
            onInput={(event) => {
              guess.value = event.currentTarget.valueAsNumber;
            }}
          />
        </div>
        <button
          type="button"
          class="primary large"
          onClick={() => {
            isRevealed.value = true;
          }}
          data-testid="guess-reveal"
        >
          {testSetWords.guess.reveal}
        </button>
      </section>
    );
  }
  const chance = base?.value.chance ?? null;
  return (
    <section class="card guess" aria-labelledby={`${id}-h`} data-testid="guess-result">
      <h3 id={`${id}-h`}>{testSetWords.guess.result(percent(guess.value), percent(agreement))}</h3>
      <Ruler
        label={words.fidelity.agreement}
        marks={[
          { name: testSetWords.guess.yours, value: guess.value, look: "control" },
          { name: words.fidelity.agreement, value: agreement, look: "student" },
          ...(chance === null
            ? []
            : [{ name: testSetWords.worth.chance, value: chance, look: "control" as const, isOutline: true }]),
        ]}
      />
      <button
        type="button"
        onClick={() => {
          isRevealed.value = false;
        }}
        data-testid="guess-again"
      >
        {testSetWords.guess.again}
      </button>
    </section>
  );
}
