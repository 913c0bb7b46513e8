import { useId } from "preact/hooks";

interface Props<T extends string | number> {
  label: string;
  options: readonly { value: T; text: string; isDisabled?: boolean }[];
  value: T;
  onChange: (value: T) => void;
  isDisabled?: boolean;
  testId: string;
}

/** A few exclusive choices, all in sight: a radio group that looks like one control. */
export function Segmented<T extends string | number>({
  label,
  options,
  value,
  onChange,
  isDisabled = false,
  testId,
}: Props<T>) {
  const name = useId();
  return (
    <fieldset class="segmented" disabled={isDisabled} data-testid={testId}>
      <legend>{label}</legend>
      <div>
        {options.map((option) => (
          <label key={option.value}>
            <input
              type="radio"
              name={name}
              value={option.value}
              checked={option.value === value}
              disabled={option.isDisabled ?? false}
              data-testid={`${testId}-${option.value}`}
              onChange={() => onChange(option.value)}
            />
            <span>{option.text}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}
