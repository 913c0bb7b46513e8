import { useRef } from "preact/hooks";

interface Props {
  text: string;
  accept: string;
  onFiles: (files: File[]) => void;
  testId: string;
  isMultiple?: boolean;
  isDisabled?: boolean;
  isPrimary?: boolean;
}

/** A button that opens the system's file chooser. */
export function FileButton({
  text,
  accept,
  onFiles,
  testId,
  isMultiple = true,
  isDisabled = false,
  isPrimary = false,
}: Props) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button
        type="button"
        class={isPrimary ? "primary" : ""}
        disabled={isDisabled}
        onClick={() => input.current?.click()}
      >
        {text}
      </button>
      <input
        ref={input}
        type="file"
        hidden
        tabIndex={-1}
        accept={accept}
        multiple={isMultiple}
        aria-label={text}
        data-testid={testId}
        onChange={(event) => {
          const files = [...(event.currentTarget.files ?? [])];
          event.currentTarget.value = ""; // the same file can be chosen again
          if (files.length > 0) onFiles(files);
        }}
      />
    </>
  );
}
