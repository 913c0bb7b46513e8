import { signal } from "@preact/signals";
import { Segmented } from "../../components/segmented.tsx";
import { brief, count, inWords } from "../../common/format.ts";
import { N_TEST_IMAGES } from "../../state/class_names.ts";
import { hasTestSet } from "../../state/data_sets.ts";
import { clientState } from "../../state/client.ts";
import { activeFamily, isReady, networks, useFamily } from "../../state/networks.ts";
import { words } from "../../common/strings.ts";
import { testSetWords } from "../../test_set/strings.ts";
import { family, student, teachers } from "../../test_set/choice.ts";
import { listed } from "../../test_set/stored_logits.ts";
import { cancelVerification, canCompute, nSamples, run, verified, verify } from "../../test_set/verification.ts";

const SIZES = [100, 1_000, N_TEST_IMAGES];
/** Null stands for as many as are available without further files. */
const size = signal<number | null>(null);

/** Where the figures come from: stored answers, and what this device says to them. */
export function Provenance() {
  const names = [...teachers.value, ...(student.value ? [student.value] : [])];
  const entries = names.flatMap((name) => listed.value.find((entry) => entry.name === name) ?? []);
  const checked = names.flatMap((name) => verified.value.get(name) ?? []);
  const isVerified = names.length > 0 && checked.length === names.length;
  const isRunning = run.value?.phase === "running";
  const computable = names.filter(canCompute);
  const sizes = [...(nSamples.value > 0 ? [nSamples.value] : []), ...(hasTestSet.value ? SIZES : [])];
  const n = size.value !== null && sizes.includes(size.value) ? size.value : sizes[0];
  const nImages = Math.min(...checked.map((entry) => entry.nImages));
  return (
    <section
      class="card provenance"
      aria-labelledby="provenance-heading"
      data-testid="provenance"
      data-verified={String(isVerified)}
    >
      <h3 id="provenance-heading">
        <span class={`chip ${isVerified ? "verified" : ""}`}>
          {isVerified ? testSetWords.verify.verified : testSetWords.verify.precomputed}
        </span>{" "}
        {testSetWords.verify.title}
      </h3>
      <p role="status">
        {isVerified
          ? testSetWords.verify.result(
              nImages,
              brief(Math.max(...checked.map(({ maxDifference }) => maxDifference))),
              checked.reduce((sum, { nTop1Changed }) => sum + nTop1Changed, 0),
              checked.length,
              inWords([...new Set(checked.map(({ device }) => words.device[device]))]),
            )
          : testSetWords.verify.text}
      </p>
      <ul class="recipes">
        {entries.map(({ name, role, recipe, read }) => (
          <li key={name}>
            <span class={`key ${role === "teacher" ? "member" : "student"}`} aria-hidden="true" />
            <strong>{name}</strong>{" "}
            {recipe
              ? testSetWords.verify.recipe(recipe)
              : read
                ? testSetWords.verify.yours
                : testSetWords.verify.noRecipe}
          </li>
        ))}
      </ul>
      <div class="row">
        {!isRunning && n !== undefined && (
          <Segmented
            label={testSetWords.verify.howMany}
            testId="verify-size"
            value={n}
            options={sizes.map((value) => ({ value, text: count(value) }))}
            onChange={(value) => {
              size.value = value;
            }}
          />
        )}
        {isRunning ? (
          <button type="button" onClick={cancelVerification} data-testid="verify-cancel">
            {words.fidelity.cancel}
          </button>
        ) : (
          <button
            type="button"
            class="primary"
            disabled={!isReady.value || n === undefined || computable.length === 0}
            onClick={() => void verify(names, n!)}
            data-testid="verify"
          >
            {testSetWords.verify.button}
          </button>
        )}
        {isRunning && (
          <label class="line">
            <span>{words.fidelity.running(run.value!.nDone, run.value!.nTotal)}</span>
            <progress value={run.value!.nDone} max={run.value!.nTotal} />
          </label>
        )}
      </div>
      {!hasTestSet.value && (
        <p class="hint">
          {testSetWords.verify.more} {testSetWords.images.howToAdd}
        </p>
      )}
      {clientState.value.phase === "failed" && <p class="hint">{words.boot.failed}</p>}
      {isReady.value && networks.value.length > 0 && computable.length < names.length && (
        <p class="hint">
          {testSetWords.verify.notLoaded(names.filter((name) => !canCompute(name)))}
          {activeFamily.value !== family.value && (
            <>
              {" "}
              <button type="button" onClick={() => void useFamily(family.value!)} data-testid="use-family">
                {testSetWords.verify.useFamily(family.value!)}
              </button>
            </>
          )}
        </p>
      )}
    </section>
  );
}
