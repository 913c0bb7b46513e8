import { useId } from "preact/hooks";
import { Help } from "../../components/help.tsx";
import { Segmented } from "../../components/segmented.tsx";
import { brief, percent } from "../../common/format.ts";
import { words } from "../../common/strings.ts";
import { testSetWords } from "../../test_set/strings.ts";
import {
  allStudents,
  allTeachers,
  change,
  choice,
  families,
  family,
  isHidden,
  student,
  teachers,
} from "../../test_set/choice.ts";
import { loaded } from "../../test_set/stored_logits.ts";

/** Which networks make the ensemble, which student is held against it, and how both are looked at. */
export function Builder() {
  return (
    <div class="card builder" data-testid="builder">
      {!isHidden("builder") && (
        <>
          {families.value.length > 1 && (
            <Segmented
              label={words.networks.family}
              testId="lab-family"
              value={family.value ?? ""}
              options={families.value.map((name) => ({ value: name, text: name }))}
              onChange={(name) => change({ family: name })}
            />
          )}
          <Members />
          <Student />
        </>
      )}
      {isHidden("builder") && <p>{testSetWords.pair(teachers.value, student.value ?? "")}</p>}
      {!isHidden("lens") && <Lens />}
    </div>
  );
}

function Members() {
  const id = useId();
  const all = allTeachers.value;
  const members = teachers.value;
  const toggle = (name: string, on: boolean) => {
    const next = on ? [...members, name] : members.filter((other) => other !== name);
    if (next.length > 0) change({ teachers: next });
  };
  /** The slider adds and removes members at the end of their order. */
  const resize = (size: number) => {
    const order = [...members, ...all.map(({ name }) => name).filter((name) => !members.includes(name))];
    change({ teachers: order.slice(0, size) });
  };
  return (
    <fieldset class="members">
      <legend>
        {testSetWords.members}
        <Help term="ensemble" />
      </legend>
      <div class="row">
        {all.map(({ name, metrics }) => {
          const isOn = members.includes(name);
          return (
            <label key={name} class={`toggle${isOn ? " on" : ""}`}>
              <input
                type="checkbox"
                checked={isOn}
                disabled={isOn && members.length === 1}
                data-testid={`member-${name}`}
                onChange={(event) => toggle(name, event.currentTarget.checked)}
              />
              <span>
                {name}{" "}
                <small>
                  {percent(metrics.accuracy)}
                  {loaded.value.has(name) ? "" : " …"}
                </small>
              </span>
            </label>
          );
        })}
        {all.length > 1 && (
          <span class="field size-field">
            <label for={id}>{testSetWords.size(members.length, all.length)}</label>
            <input
              id={id}
              type="range"
              min={1}
              max={all.length}
              step={1}
              value={members.length}
              data-testid="ensemble-size"
              onInput={(event) => resize(event.currentTarget.valueAsNumber)}
            />
          </span>
        )}
      </div>
    </fieldset>
  );
}

function Student() {
  if (allStudents.value.length < 2)
    return (
      <p class="field inline">
        <span>{words.student}</span>
        <strong class="student-name" data-testid="lab-student">
          {student.value}
        </strong>
      </p>
    );
  return (
    <label class="field inline">
      <span>{words.distil.student}</span>
      <select
        value={student.value ?? ""}
        data-testid="lab-student"
        onChange={(event) => change({ student: event.currentTarget.value })}
      >
        {allStudents.value.map(({ name }) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

function Lens() {
  const id = useId();
  const { temperature } = choice.value;
  return (
    <div class="lens">
      <Segmented
        label={testSetWords.level}
        testId="level"
        value={choice.value.level}
        options={[
          { value: "fine", text: testSetWords.levels.fine },
          { value: "coarse", text: testSetWords.levels.coarse },
        ]}
        onChange={(level) => change({ level })}
      />
      <div class="field">
        <span class="field-head">
          <label for={id}>{testSetWords.temperature}</label>
          <Help term="temperature" />
          <output>{brief(temperature)}</output>
        </span>
        <input
          id={id}
          type="range"
          min={-2}
          max={4}
          step={0.1}
          value={Math.log2(temperature)}
          aria-valuetext={brief(temperature)}
          data-testid="lab-temperature"
          onInput={(event) => {
            const value = Number((2 ** event.currentTarget.valueAsNumber).toPrecision(3));
            change({ temperature: value });
          }}
        />
      </div>
      {choice.value.temperature !== 1 && (
        <button type="button" class="quiet" onClick={() => change({ temperature: 1 })} data-testid="temperature-reset">
          {testSetWords.temperatureReset}
        </button>
      )}
    </div>
  );
}
