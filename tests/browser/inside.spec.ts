/** Centred kernel alignment of networks' stages: as a visitor asks for it, and equal to the definition. */
import type { Page } from "@playwright/test";
import { expect, test } from "./fixtures";
import { openLab as openApi } from "./golden";
import { bytesOf, closePanel, go, openPanel, ready, rowsOfCsv, saved, withoutData } from "./page";

interface Entry {
  name: string;
  role: string;
  family: string;
  depth: number;
  file: string;
  taughtBy: string[] | null;
  logits?: object;
}
const { networks } = JSON.parse(bytesOf("www/weights/manifest.json").toString()) as { networks: Entry[] };
/** The smallest family is the one that a processor opens with. */
const least = Math.min(...networks.map(({ depth }) => depth));
const STUDENTS = networks.filter(
  ({ role, depth, taughtBy, logits }) => role === "student" && depth === least && logits && (taughtBy?.length ?? 0) > 1,
);
const [STUDENT] = STUDENTS as [Entry];
const TEACHERS = STUDENT.taughtBy!.slice(0, 2);
const STATE = `section=inside&family=${STUDENT.family}&teachers=${TEACHERS.join()}&student=${STUDENT.name}`;
const PAIRS = [
  [STUDENT.name, TEACHERS[0]!],
  [STUDENT.name, TEACHERS[1]!],
  [TEACHERS[0]!, TEACHERS[1]!],
] as const;

async function visit(page: Page, state = STATE): Promise<void> {
  await page.goto(`/?device=cpu#/fidelity?${state}`);
  await expect(page.getByTestId("part-inside")).toBeVisible();
  await ready(page);
}

const status = (page: Page) => page.getByTestId("inside-status");

/** The unbiased HSIC of two kernel matrices as Song et al. (2012) write it, equation 4. */
function hsic(first: number[], second: number[], n: number): number {
  const at = (kernel: number[], i: number, j: number) => (i === j ? 0 : kernel[i * n + j]!);
  const rows = (kernel: number[]) =>
    Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => at(kernel, i, j)).reduce((a, b) => a + b));
  const [a, b] = [rows(first), rows(second)];
  const sum = (values: number[]) => values.reduce((x, y) => x + y, 0);
  let trace = 0;
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) trace += at(first, i, j) * at(second, j, i);
  const product = sum(a.map((value, i) => value * b[i]!));
  return (trace + (sum(a) * sum(b)) / ((n - 1) * (n - 2)) - (2 / (n - 2)) * product) / (n * (n - 3));
}

/** Exponentials of distances over half the median one. */
function rbf(gram: number[], n: number): { kernel: number[]; bandwidth: number } {
  const squared = (i: number, j: number) => Math.max(0, gram[i * n + i]! + gram[j * n + j]! - 2 * gram[i * n + j]!);
  const distances: number[] = [];
  for (let i = 0; i < n; i++) for (let j = i + 1; j < n; j++) distances.push(Math.sqrt(squared(i, j)));
  distances.sort((x, y) => x - y);
  const half = distances.length / 2;
  const median = distances.length % 2 ? distances[Math.floor(half)]! : (distances[half - 1]! + distances[half]!) / 2;
  const bandwidth = median / 2;
  const kernel = Array.from({ length: n * n }, (_, k) =>
    Math.exp(-squared(Math.floor(k / n), k % n) / (2 * bandwidth * bandwidth)),
  );
  return { kernel, bandwidth };
}

test("teacher and student by stage, on the samples, are what the definition gives; the kernel and the networks are of the link", async ({
  page,
  context,
}) => {
  await visit(page);
  await expect(page.getByTestId("inside-answer")).toContainText("Nothing compared yet");
  await page.getByTestId("inside-run").click();
  await expect(status(page)).toHaveAttribute("data-phase", "done");
  await expect(status(page)).toContainText("Samples");
  await expect(status(page)).toContainText("So few images tell little");
  await expect(page.getByTestId("inside-plot").getByRole("img")).toHaveAccessibleName(
    /Stage 1: student 0\.\d+.*Stage 3: student/,
  );

  const rows = rowsOfCsv((await saved(page, "lab-inside-csv")).bytes);
  expect(rows.map(({ first, second, stage }) => [first, second, stage])).toEqual(
    PAIRS.flatMap(([first, second]) => ["1", "2", "3"].map((stage) => [first, second, stage])),
  );

  const api = await context.newPage();
  const files = Object.fromEntries(
    [...TEACHERS, STUDENT.name].map((name) => [
      name,
      new Uint8Array(bytesOf(`www/weights/${networks.find((entry) => entry.name === name)!.file}`)),
    ]),
  );
  await openApi(api, files);
  const grams = await api.evaluate(
    async (names) => {
      const lab = await fl.lab("cpu");
      for (const name of names) await lab.loadModel(fl.files[name]!, { role: "teacher", name });
      const n = fl.pixels.length / 3072;
      const { models, values } = await lab.gram(fl.pixels, n, { models: names });
      lab.dispose();
      return { n, models, values: [...values] };
    },
    [...TEACHERS, STUDENT.name],
  );
  const { n } = grams;
  const gram = (name: string, stage: number) =>
    grams.values.slice((grams.models.indexOf(name) * 3 + stage) * n * n).slice(0, n * n);
  for (const { first, second, stage, n_images, cka_linear, cka_rbf, bandwidth_first, bandwidth_second } of rows) {
    const [a, b] = [gram(first!, Number(stage) - 1), gram(second!, Number(stage) - 1)];
    const alignment = (x: number[], y: number[]) => hsic(x, y, n) / Math.sqrt(hsic(x, x, n) * hsic(y, y, n));
    const [ra, rb] = [rbf(a, n), rbf(b, n)];
    expect(Number(n_images)).toBe(n);
    expect(Number(cka_linear), `${first}, ${second}, ${stage}`).toBeCloseTo(alignment(a, b), 5);
    expect(Number(cka_rbf), `${first}, ${second}, ${stage}`).toBeCloseTo(alignment(ra.kernel, rb.kernel), 5);
    expect(Number(bandwidth_first) / ra.bandwidth).toBeCloseTo(1, 5);
    expect(Number(bandwidth_second) / rb.bandwidth).toBeCloseTo(1, 5);
  }

  await page.getByTestId("inside-kernel-rbf").check();
  await expect(page).toHaveURL(/kernel=rbf/);
  await expect(page.getByTestId("lab-inside")).toContainText("half the median distance");
  await page.getByTestId("inside-pairs").locator("summary").click();
  await expect(page.getByTestId(`inside-pair-${STUDENT.name}-${TEACHERS[0]}`).locator("td")).toHaveCount(9);
  const svg = (await saved(page, "lab-inside-svg")).bytes.toString();
  for (const word of ["Similarity by stage", STUDENT.name, "RBF", `n = ${n}`, "Fidelity Lab 0."])
    expect(svg).toContain(word);
  const json = JSON.parse((await saved(page, "lab-inside-json")).bytes.toString()) as {
    networks: string[];
    values: { cka_linear: number }[];
  };
  expect(json.networks).toEqual([...TEACHERS, STUDENT.name]);
  expect(json.values.map(({ cka_linear }) => cka_linear)).toEqual(rows.map(({ cka_linear }) => Number(cka_linear)));
  await expect(page.getByTestId("inside-outdated")).toHaveCount(0);
  await page.getByTestId(`member-${TEACHERS[1]}`).uncheck();
  await expect(page.getByTestId("inside-outdated")).toBeVisible();
  // As it was left, after another view.
  await go(page, "distil");
  await go(page, "fidelity");
  await expect(page.getByTestId("inside-kernel-rbf")).toBeChecked();
  await expect(status(page)).toHaveAttribute("data-phase", "done");
});

test("on many images in batches, with progress; cancelling keeps what whole batches gave", async ({ page }) => {
  await visit(page, `${STATE}&inside-images=2560`);
  await expect(page.getByTestId("inside-images")).toHaveValue("2560");
  await page.getByTestId("inside-run").click();
  await expect(page.getByTestId("lab-inside")).toBeVisible(); // the first batch is done
  await expect(status(page)).toContainText(/left$/);
  await expect(page.getByTestId("inside-images")).toBeDisabled();
  await page.getByTestId("inside-cancel").click();
  await expect(status(page)).toHaveAttribute("data-phase", "cancelled");
  const done = Number(await status(page).getAttribute("data-done"));
  expect(done).toBeGreaterThan(0);
  expect(done % 256).toBe(0);
  await expect(status(page)).toContainText(`the first ${done.toLocaleString("en")} of 2,560 images`);
  const rows = rowsOfCsv((await saved(page, "lab-inside-csv")).bytes);
  expect(new Set(rows.map(({ n_images }) => n_images))).toEqual(new Set([String(done)]));
  // Students end up close to their teachers: nearer than any two unrelated arrangements, and no further than the same one.
  for (const { cka_linear, cka_rbf } of rows)
    for (const value of [cka_linear, cka_rbf]) {
      expect(Number(value)).toBeGreaterThan(0.3);
      expect(Number(value)).toBeLessThan(1);
    }
  await page.getByTestId("inside-images").selectOption("256");
  await page.getByTestId("inside-run").click();
  await expect(status(page)).toHaveAttribute("data-phase", "done");
  await expect(status(page)).toHaveAttribute("data-done", "256");
});

test("networks that are not in use are loaded for it, and are not put in use", async ({ page }) => {
  const inUse = async () => {
    await openPanel(page, "networks");
    const names = await page
      .getByTestId("networks-panel")
      .getByRole("checkbox", { checked: true })
      .evaluateAll((boxes) => boxes.map((box) => box.getAttribute("aria-label")!));
    await closePanel(page, "networks");
    return names;
  };
  await page.goto(`/?device=cpu#/fidelity?section=inside&family=${STUDENT.family}`);
  await ready(page);
  // There is nothing to load yet while the manifest is on its way, either.
  await expect.poll(inUse).not.toEqual([]);
  await ready(page);
  const before = await inUse();
  const others = networks.filter(
    ({ name, depth, logits }) => depth === least && logits && !before.some((label) => label.endsWith(name)),
  );
  const teacher = others.find(({ role }) => role === "teacher")!;
  const student = STUDENTS.find(({ name }) => others.some((other) => other.name === name)) ?? STUDENT;
  await visit(page, `section=inside&family=${STUDENT.family}&teachers=${teacher.name}&student=${student.name}`);
  await page.getByTestId("inside-run").click();
  await expect(status(page)).toHaveAttribute("data-phase", "done");
  const rows = rowsOfCsv((await saved(page, "lab-inside-csv")).bytes);
  expect(rows.map(({ first, second }) => [first, second])).toEqual(Array(3).fill([student.name, teacher.name]));
  expect(await inUse()).toEqual(before);
  await openPanel(page, "networks");
  await expect(page.getByTestId(`network-${teacher.name}`).getByRole("checkbox")).not.toBeChecked();
});

test.describe("on a phone, without the test set", () => {
  test.use({ viewport: { width: 375, height: 800 } });

  test("the samples stay, and how to add the rest is said", async ({ page }) => {
    await withoutData(page);
    await visit(page, `${STATE}&inside-images=2560`);
    await expect(page.getByTestId("inside-no-images")).toContainText("cifar-100-binary.tar.gz");
    await expect(page.getByTestId("inside-images").locator("option")).toHaveCount(1);
    await page.getByTestId("inside-run").click();
    await expect(status(page)).toHaveAttribute("data-phase", "done");
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(375);
  });
});
