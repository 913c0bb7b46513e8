/** Words of the lab's views, loaded with them. */
import { count, percent } from "./format.ts";

const images = (n: number): string => `${count(n)} ${n === 1 ? "image" : "images"}`;

export const a = {
  restarted: "The statistics were started anew and go on.",
  link: {
    ignored: "Parts of this link make no sense here and were ignored:",
  },
  heading: (n: number) => `The whole test set: ${images(n)}`,
  opening: "Opening the answers to the test set",
  failed: "The answers to the test set could not be opened.",
  none: "None of the networks comes with its answers to the test set, so there is nothing to show of it. Below, images are measured on this device.",
  answersFailed: (n: string) => `Answers of ${n} ${n === "1" ? "network" : "networks"} could not be loaded. The others are in use.`,
  sectionsLabel: "Parts of the test set’s analysis",
  sections: { overview: "Overview", worth: "What a number is worth", images: "Images", confusion: "Confusion", calibration: "Calibration" },
  pair: (teachers: readonly string[], student: string) => `Ensemble of ${teachers.join(", ")}; student: ${student}`,
  members: "Ensemble of",
  size: (m: number, n: number) => `${count(m)} of ${count(n)} members`,
  level: "Classes",
  levels: { fine: "100 fine", coarse: "20 coarse" },
  temperature: "Temperature of all answers",
  temperatureReset: "Back to 1",
  loading: (name: string, done: string, total: string, nLeft: number) => `Answers of ${name}: ${done} of ${total}${nLeft > 0 ? `, then ${count(nLeft)} more` : ""}`,
  images,
  percent,
} as const;
