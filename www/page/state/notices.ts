/** What the visitor has to be told: nothing fails silently. */
import { signal } from "@preact/signals";

export interface Notice {
  id: number;
  kind: "error" | "info";
  text: string;
  /** One line per problem, if there are several. */
  details: string[];
}

const MOST_NOTICES = 5;
let nextId = 1;
export const notices = signal<readonly Notice[]>([]);

function push(kind: Notice["kind"], text: string, details: string[]): void {
  const others = notices.peek().filter((notice) => notice.text !== text || notice.details.join() !== details.join());
  notices.value = [...others, { id: nextId++, kind, text, details }].slice(-MOST_NOTICES);
}

export const notifyError = (text: string, details: string[] = []): void => push("error", text, details);
export const notifyInfo = (text: string, details: string[] = []): void => push("info", text, details);
export const dismiss = (id: number): void => {
  notices.value = notices.value.filter((notice) => notice.id !== id);
};

/** The message of an error of any kind. */
export function messageOf(error: unknown): string {
  if (error instanceof Error && error.message) return error.message;
  return String(error);
}
