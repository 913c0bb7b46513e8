import { chooseStudent, student, students } from "../state/networks.ts";
import { words } from "../common/strings.ts";

/** Shown only if there is a choice. */
export function StudentChoice({ label = words.networks.showStudent }: { label?: string }) {
  if (students.value.length < 2) return null;
  return (
    <label class="field inline">
      <span>{label}</span>
      <select
        value={student.value ?? ""}
        onChange={(event) => chooseStudent(event.currentTarget.value)}
        data-testid="student-choice"
      >
        {students.value.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}
