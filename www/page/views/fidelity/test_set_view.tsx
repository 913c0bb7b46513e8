import { useEffect } from "preact/hooks";
import { count, megabytes } from "../../common/format.ts";
import { N_TEST_IMAGES } from "../../state/class_names.ts";
import { words } from "../../common/strings.ts";
import { testSetWords } from "../../test_set/strings.ts";
import { Builder } from "./builder.tsx";
import { Calibration } from "./calibration.tsx";
import {
  choice,
  families,
  hrefTo,
  isHidden,
  SECTIONS,
  student,
  teachers,
  watchChoice,
  type Section,
} from "../../test_set/choice.ts";
import { Explorer } from "./explorer.tsx";
import { Guess, isGuessing } from "./guess.tsx";
import { Inside } from "./inside.tsx";
import { Confusion } from "./matrix.tsx";
import { Overview } from "./overview.tsx";
import { OpenedReport } from "./take_home.tsx";
import { watchMeasurements } from "../../test_set/verification.ts";
import { Worth } from "./worth.tsx";
import {
  analysis,
  failure,
  failures,
  isListed,
  openStoredLogits,
  progress,
  retry,
} from "../../test_set/stored_logits.ts";
import "../../test_set/test_set.css";

const views: Record<Section, () => preact.JSX.Element> = {
  overview: Overview,
  worth: Worth,
  images: Explorer,
  confusion: Confusion,
  calibration: Calibration,
  inside: Inside,
};

/** Shows everything about the whole test set from stored logits, without images or a device. */
export function TestSetView() {
  useEffect(() => {
    const stops = [
      watchChoice(),
      watchMeasurements(() => [...teachers.value, ...(student.value ? [student.value] : [])]),
    ];
    void openStoredLogits();
    return () => stops.forEach((stop) => stop());
  }, []);
  if (failure.value !== null) {
    return (
      <div class="notice error" role="alert" data-testid="lab-failed">
        <div>
          <p>{testSetWords.failed}</p>
          <p>{failure.value}</p>
        </div>
        <button type="button" onClick={() => void openStoredLogits()}>
          {words.compare.retry}
        </button>
      </div>
    );
  }
  if (!isListed.value || !analysis.value)
    return (
      <p class="empty" data-testid="lab-opening">
        {testSetWords.opening} …
      </p>
    );
  if (families.value.length === 0)
    return (
      <p class="empty" data-testid="lab-none">
        {testSetWords.none}
      </p>
    );
  const Current = views[choice.value.section];
  // On a phone not all parts fit: the one that is shown is in sight.
  const toCurrent = (nav: HTMLElement | null) => {
    const link = nav?.querySelector<HTMLElement>("[aria-current]");
    if (
      nav &&
      link &&
      (link.offsetLeft < nav.scrollLeft || link.offsetLeft + link.offsetWidth > nav.scrollLeft + nav.clientWidth)
    )
      nav.scrollLeft = link.offsetLeft;
  };
  return (
    <section class="test-set" aria-labelledby="test-set-heading" data-testid="lab">
      <h2 id="test-set-heading" class="test-set-heading">
        {testSetWords.heading(N_TEST_IMAGES)}
      </h2>
      <Builder />
      {!isHidden("sections") && (
        <nav class="sections" ref={toCurrent} aria-label={testSetWords.sectionsLabel}>
          {SECTIONS.map((name) => (
            <a
              key={name}
              href={hrefTo({ section: name })}
              aria-current={choice.value.section === name ? "true" : undefined}
              data-testid={`section-${name}`}
            >
              {testSetWords.sections[name]}
            </a>
          ))}
        </nav>
      )}
      <Arriving />
      <OpenedReport />
      <div class="section-content" data-testid={`part-${choice.value.section}`}>
        {isGuessing.value ? <Guess /> : <Current />}
      </div>
    </section>
  );
}

/** Shows what is loading, and what could not be loaded. */
function Arriving() {
  const now = progress.value;
  return (
    <>
      {now && (
        <label class="line arriving" data-testid="lab-loading">
          <span>
            {testSetWords.loading(now.name, megabytes(now.nBytesDone), megabytes(now.nBytesTotal), now.nLeft)}
          </span>
          <progress value={now.nBytesDone} max={now.nBytesTotal} />
        </label>
      )}
      {failures.value.size > 0 && (
        <div class="notice error" role="alert" data-testid="answers-failed">
          <div>
            <p>{testSetWords.answersFailed(count(failures.value.size))}</p>
            <ul>
              {[...failures.value].map(([name, why]) => (
                <li key={name}>
                  {name}: {why}
                </li>
              ))}
            </ul>
          </div>
          <button type="button" onClick={retry}>
            {words.compare.retry}
          </button>
        </div>
      )}
    </>
  );
}
