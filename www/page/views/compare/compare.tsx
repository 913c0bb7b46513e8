import { signal } from "@preact/signals";
import { AnswerTable } from "./answer_table.tsx";
import { FileButton } from "../../components/file_button.tsx";
import { Gallery, Mark } from "../../components/gallery.tsx";
import { Help } from "../../components/help.tsx";
import { Lazy } from "../../components/lazy.tsx";
import { FamilySwitch } from "../../components/networks_panel.tsx";
import { Opening } from "../../components/opening.tsx";
import { Pixels } from "../../components/pixels.tsx";
import { StudentChoice } from "../../components/student_choice.tsx";
import { nats } from "../../common/format.ts";
import { argmax } from "../../common/numbers.ts";
import { comparisonOf, hasFailed, retryPredictions, type Comparison } from "../../state/predictions.ts";
import { CIFAR100_CLASSES, className } from "../../state/class_names.ts";
import { takeIn } from "../../state/intake.ts";
import { clientState } from "../../state/client.ts";
import { isReady, nClasses, sets, student, teachers } from "../../state/networks.ts";
import { nDecoding, pictures, removePicture, selected, type Picture } from "../../state/pictures.ts";
import { queryOf } from "../../state/route.ts";
import { words } from "../../common/strings.ts";

export function Compare() {
  const picture = selected.value;
  return (
    <div class="view compare">
      <div class="view-head">
        <div>
          <h1>{words.compare.heading}</h1>
          <p class="lead">{words.compare.lead}</p>
        </div>
        <div class="row">
          {sets.value.length > 1 && <FamilySwitch testId="family-switch" />}
          <StudentChoice />
        </div>
      </div>
      <section class="card pictures" aria-label={words.compare.gallery}>
        <div class="row spread">
          <div class="row">
            <FileButton text={words.compare.add} accept="image/*" testId="picture-input" onFiles={takeIn} isPrimary />
            <span class="hint">
              {nDecoding.value > 0 ? `${words.compare.decoding(nDecoding.value)} …` : words.compare.addHint}
            </span>
          </div>
          <Summary />
        </div>
        <Gallery />
      </section>
      {/* Test images that the address names: what shows them is loaded for them alone. */}
      {queryOf("compare") !== "" && <Lazy load={loadNeighbours} props={{}} />}
      {picture && <Detail picture={picture} />}
      {picture && (
        <Opening summary={words.compare.change} isOpen={isChanging} load={loadChange} testId="under-change" />
      )}
      <p class="hint">{words.compare.note}</p>
    </div>
  );
}

const isChanging = signal(false);

const loadNeighbours = async () => (await import("./neighbours.tsx")).Neighbours;

const loadChange = async () => (await import("./picture_change_view.tsx")).PictureChangeView;

/** Counts how often the two agree on the pictures that have been computed so far. */
function Summary() {
  const known = pictures.value
    .map((picture) => comparisonOf(picture)?.agrees ?? null)
    .filter((agrees) => agrees !== null);
  const nAgree = known.filter(Boolean).length;
  return (
    <p class="legend" data-testid="agreement-summary">
      {known.length > 0 && <strong>{words.compare.summary(nAgree, known.length)}</strong>}
      <span>
        <Mark agrees={true} /> {words.compare.legend.agree}
      </span>
      <span>
        <Mark agrees={false} /> {words.compare.legend.differ}
      </span>
    </p>
  );
}

function Detail({ picture }: { picture: Picture }) {
  const comparison = comparisonOf(picture);
  const label = nClasses.value === CIFAR100_CLASSES ? picture.label : null;
  return (
    <section class="card detail" aria-label={picture.name} data-testid="detail">
      <figure class="sees">
        {picture.pixels ? (
          <Pixels pixels={picture.pixels} label={`${words.compare.sees}: ${picture.name}`} />
        ) : (
          <img class="pixels" src={picture.url ?? ""} alt={picture.name} />
        )}
        <figcaption>
          <strong>{picture.name}</strong>
          <span>{picture.origin === "visitor" ? words.compare.seesHow : words.compare.seesSample}</span>
          {picture.origin === "visitor" && <span>{words.compare.from(picture.width, picture.height)}</span>}
          <span class="truth" data-testid="truth">
            {words.compare.truth}:{" "}
            <strong>{picture.label === null ? words.compare.truthUnknown : className(picture.label)}</strong>
          </span>
          {picture.origin === "visitor" && (
            <button
              type="button"
              class="quiet"
              aria-label={words.compare.removePicture(picture.name)}
              onClick={() => removePicture(picture.id)}
              data-testid="remove-picture"
            >
              {words.remove}
            </button>
          )}
        </figcaption>
      </figure>
      <div class="answer">
        <Verdict comparison={comparison} label={label} />
        {comparison && <AnswerTable comparison={comparison} label={label} />}
      </div>
    </section>
  );
}

function Verdict({ comparison, label }: { comparison: Comparison | null; label: number | null }) {
  if (clientState.value.phase === "failed") return <p class="empty">{words.boot.failed}.</p>;
  if (isReady.value && !student.value) return <p class="empty">{words.compare.noStudent}</p>;
  if (isReady.value && teachers.value.length === 0) return <p class="empty">{words.compare.noTeacher}</p>;
  if (hasFailed.value)
    return (
      <p>
        <button type="button" onClick={retryPredictions}>
          {words.compare.retry}
        </button>
      </p>
    );
  if (!comparison?.ensemble || !comparison.student)
    return (
      <p class="empty" data-testid="waiting">
        {isReady.value ? words.compare.thinking : words.compare.waiting} …
      </p>
    );
  const [teacherSays, studentSays] = [argmax(comparison.ensemble), argmax(comparison.student)];
  const agreeing = comparison.members.filter((member) => member && argmax(member) === teacherSays).length;
  const name = (index: number) => className(index, comparison.ensemble!.length);
  return (
    <div class="verdict" data-testid="verdict" data-agrees={String(comparison.agrees)}>
      <h2>
        <Mark agrees={comparison.agrees} />
        {comparison.agrees ? words.compare.agree : words.compare.differ}
      </h2>
      <p>
        {comparison.agrees
          ? words.compare.bothSay(name(teacherSays))
          : words.compare.differSay(name(teacherSays), name(studentSays))}
        {label !== null && ` ${words.compare.right(teacherSays === label, studentSays === label)}`}
      </p>
      <dl class="small-facts">
        <div>
          <dt>
            {words.fidelity.kl}
            <Help term="kl" />
          </dt>
          <dd data-testid="picture-kl">
            {nats(comparison.kl ?? 0)} {words.fidelity.nats}
          </dd>
        </div>
        <div>
          <dt>{words.distil.teachers}</dt>
          <dd data-testid="members-agreeing">{words.compare.members(agreeing, comparison.members.length)}</dd>
        </div>
      </dl>
    </div>
  );
}
