import { useId } from "preact/hooks";
import type { Policy } from "../../../../pkg/api.js";
import { count } from "../../common/format.ts";
import {
  chooseTrainingSource,
  heldOutTitle,
  trainingHasLabels,
  trainingSource,
  trainingSources,
  trainingTitle,
} from "../../state/distil_images.ts";
import { hasTestSet } from "../../state/data_sets.ts";
import { isActive } from "../../state/distillation.ts";
import { student, students, teachers } from "../../state/networks.ts";
import {
  alphaError,
  BOUNDS,
  DEFAULT_RECIPE,
  isValid,
  POLICIES,
  recipe,
  set,
  type NumberSetting,
} from "../../state/recipe.ts";
import { words, type TermName } from "../../common/strings.ts";
import { Help } from "../../components/help.tsx";
import { Segmented } from "../../components/segmented.tsx";
import { StudentChoice } from "../../components/student_choice.tsx";

/** What the run takes: images first, then the settings, the rarer ones folded away. */
export function RecipeForm() {
  return (
    <fieldset class="recipe" disabled={isActive.value} data-testid="recipe">
      <legend class="sr-only">{words.distil.recipe}</legend>
      <dl class="facts">
        {students.value.length < 2 && (
          <div>
            <dt>{words.distil.student}</dt>
            <dd>
              <span class="key student" aria-hidden="true" />
              {student.value ?? "–"}
            </dd>
          </div>
        )}
        <div>
          <dt>{words.distil.teachers}</dt>
          <dd>
            <span class="key member" aria-hidden="true" />
            {teachers.value.join(", ") || "–"}
          </dd>
        </div>
        <div>
          <dt>{words.distil.trains}</dt>
          <dd data-testid="training-title">{trainingTitle.value}</dd>
        </div>
        <div>
          <dt>
            {words.distil.measures}
            <Help term="heldOut" />
          </dt>
          <dd data-testid="held-out-title">{heldOutTitle.value}</dd>
        </div>
      </dl>
      {trainingSource.value !== "train" && <p class="hint">{words.distil.fewImages}</p>}
      <StudentChoice label={words.distil.startFrom} />
      {trainingSources.value.length > 1 && (
        <Segmented
          label={words.distil.trainFrom}
          testId="training-source"
          value={trainingSource.value}
          isDisabled={isActive.value}
          onChange={chooseTrainingSource}
          options={trainingSources.value.map((source) => ({ value: source, text: words.distil.sources[source] }))}
        />
      )}
      <Temperature />
      <div class="pair">
        <NumberField setting="steps" />
        <NumberField setting="learningRate" />
      </div>
      <details>
        <summary>{words.distil.more}</summary>
        <div class="pair">
          <NumberField setting="batchSize" />
          <NumberField setting="weightDecay" />
        </div>
        <div class="pair">
          <NumberField setting="alpha" term="alpha" error={alphaError(recipe.value, trainingHasLabels.value)} />
          <NumberField setting="seed" />
        </div>
        <div class="pair">
          {trainingSource.value === "train" && <NumberField setting="nImages" />}
          {hasTestSet.value && <NumberField setting="nHeldOut" />}
        </div>
        <PolicyChoice />
        <Segmented
          label={words.distil.schedule}
          testId="schedule"
          value={recipe.value.schedule}
          isDisabled={isActive.value}
          onChange={(schedule) => set("schedule", schedule)}
          options={(["cosine", "constant"] as const).map((value) => ({ value, text: words.distil.schedules[value] }))}
        />
        <button
          type="button"
          class="quiet"
          onClick={() => {
            recipe.value = { ...DEFAULT_RECIPE };
          }}
          data-testid="default-recipe"
        >
          {words.distil.defaults}
        </button>
      </details>
    </fieldset>
  );
}

function PolicyChoice() {
  const id = useId();
  return (
    <div class="field">
      <span class="field-head">
        <label for={id}>{words.distil.policy}</label>
      </span>
      <select
        id={id}
        value={recipe.value.policy}
        onChange={(event) => set("policy", event.currentTarget.value as Policy)}
        data-testid="setting-policy"
      >
        {POLICIES.map((policy) => (
          <option key={policy} value={policy}>
            {words.distil.policies[policy]}
          </option>
        ))}
      </select>
    </div>
  );
}

function Temperature() {
  const { min, max, step } = BOUNDS.temperature;
  const id = useId();
  return (
    <div class="field">
      <span class="field-head">
        <label for={id}>{words.distil.settings.temperature}</label>
        <Help term="temperature" />
        <output for={id}>{recipe.value.temperature}</output>
      </span>
      <input
        id={id}
        type="range"
        min={min}
        max={max}
        step={step}
        value={recipe.value.temperature}
        onInput={(event) => set("temperature", event.currentTarget.valueAsNumber)}
        data-testid="setting-temperature"
      />
    </div>
  );
}

function NumberField({
  setting,
  term,
  error,
}: {
  setting: NumberSetting;
  term?: TermName;
  error?: string | undefined;
}) {
  const id = useId();
  const { min, max, step } = BOUNDS[setting];
  const value = recipe.value[setting];
  const bounds =
    step === 1 ? words.distil.wrongWhole(count(min), count(max)) : words.distil.wrong(String(min), String(max));
  const wrong = error ?? (isValid(setting, value) ? undefined : bounds);
  return (
    <div class="field">
      <span class="field-head">
        <label for={id}>{words.distil.settings[setting]}</label>
        {term && <Help term={term} />}
      </span>
      <input
        id={id}
        type="number"
        inputMode="decimal"
        min={min}
        max={max}
        step={step}
        value={Number.isNaN(value) ? "" : value}
        data-testid={`setting-${setting}`}
        aria-invalid={wrong ? "true" : undefined}
        aria-describedby={wrong ? `${id}-wrong` : undefined}
        onInput={(event) => set(setting, event.currentTarget.valueAsNumber)}
      />
      {wrong && (
        <span id={`${id}-wrong`} class="wrong">
          {wrong}
        </span>
      )}
    </div>
  );
}
