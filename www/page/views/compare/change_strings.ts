/** Texts of the picture under change, loaded with it. */
import { probability } from "../../common/format.ts";

const signed = (value: number, text: string): string => `${value > 0 ? "+" : ""}${text}`;
const points = (value: number): string => signed(value, `${Math.round(100 * value)}%`);

export const changeWords = {
  heading: "The picture under change",
  lead: "Move a slider and see when the predictions change. The curves cover the full range of the slider that you moved last and hold the others still; the networks compute each point on this device.",
  kinds: {
    rotation: { name: "Rotation", text: (value: number) => `${value}°`, axis: "Rotation, degrees counter-clockwise" },
    shift: { name: "Shift", text: (value: number) => `${value} px`, axis: "Shift to the right, pixels" },
    blur: {
      name: "Blur",
      text: (value: number) => `${value.toFixed(1)} px`,
      axis: "Blur, standard deviation in pixels",
    },
    brightness: { name: "Brightness", text: points, axis: "Brightness" },
    contrast: { name: "Contrast", text: points, axis: "Contrast" },
    noise: {
      name: "Noise",
      text: (value: number) => `${Math.round(100 * value)}%`,
      axis: "Noise, share of values replaced",
    },
  },
  changes: "Changes",
  reset: "Reset",
  otherNoise: "New noise",
  now: "What the network sees now",
  nowOf: (name: string) => `What the network sees now: ${name}, changed`,
  says: (name: string, share: number) => `${name} (${probability(share)})`,
  progress: (done: number, total: number) => `${done} of ${total} points of the curves computed`,
  answers: "Predictions",
  answersLabel: (axis: string) => `Most likely class of ensemble and student by: ${axis}`,
  follow: "Probability of",
  followLabel: (name: string) => `Probability of ${name}`,
  probability: "Probability",
  klLabel: "KL from the ensemble to the student",
  parted: (share: string) => `They differ on ${share} of the points.`,
  strength: "Strength",
  ensembleSays: "Ensemble says",
  studentSays: "Student says",
  tableTitle: (axis: string) => `Predictions by: ${axis}`,
  saveCsv: "Save curves as CSV",
  failed: "The predictions for the changed picture could not be computed.",
} as const;
