/** The Findings view: the paper's numbers as printed, ours from the stored logits, and what is missing said. */
import { readFileSync } from "node:fs";
import type { Page } from "@playwright/test";
import { expect, test } from "./fixtures";
import { bytesOf, go, open, ready, saved, withoutData } from "./page";

interface Network {
  name: string;
  role: string;
  family: string;
  taughtBy: string[] | null;
  metrics: { accuracy: number; ece: number; agreement?: number };
  trainAgreement?: number;
  logits?: unknown;
  recipe?: { epochs?: number; policy?: string; lambda?: number };
  curve?: unknown;
}
const manifest = JSON.parse(bytesOf("www/weights/manifest.json").toString()) as { networks: Network[] };
const golden = JSON.parse(readFileSync(new URL("../golden/statistics.json", import.meta.url), "utf8")) as {
  agreement: number;
  accuracy: [number, number];
};
const nWithLogits = manifest.networks.filter(({ logits }) => logits).length;

const percent = new Intl.NumberFormat("en", { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 });

async function opened(page: Page): Promise<void> {
  await open(page, "findings", "cpu");
  await expect(page.locator(`[data-testid="findings"][data-loaded="${nWithLogits}"]`)).toBeVisible();
  await expect(page.getByTestId("findings")).toHaveAttribute("data-answered", String(nWithLogits));
}

/** Rows of a CSV file whose cells may be quoted. */
function csv(bytes: Buffer): Record<string, string>[] {
  const cells = (line: string) =>
    [...line.matchAll(/("(?:[^"]|"")*"|[^,]*)(?:,|$)/g)]
      .map(([, cell]) => cell!.replace(/^"|"$/g, "").replaceAll('""', '"'))
      .slice(0, -1);
  const [header, ...rows] = bytes.toString().trim().split("\r\n").map(cells);
  return rows.map((row) => Object.fromEntries(header!.map((name, i) => [name, row[i] ?? ""])));
}

test("nothing of it is in the first load; the header leads there", async ({ page }) => {
  const requests: string[] = [];
  page.on("request", (request) => requests.push(request.url()));
  await open(page, "compare", "cpu");
  await ready(page);
  expect(requests.filter((url) => /findings|statistics|\.f16/.test(url))).toEqual([]);
  await go(page, "findings");
  await expect(page).toHaveURL(/#\/findings$/);
  await expect(page.locator(`[data-testid="findings"][data-loaded="${nWithLogits}"]`)).toBeVisible();
  for (const i of [1, 2, 3, 4, 5])
    await expect(page.getByTestId(`finding-${i}`).getByRole("heading", { level: 2 })).toBeVisible();
});

test("every shipped network stands in the plane, with its figures and its recipe; so do the paper's", async ({
  page,
}) => {
  await opened(page);
  const mark = (name: string) => page.getByTestId("plane").locator(`[data-name="${name}"]`);
  await expect(mark("student0")).toHaveAccessibleName(/Computed here from stored logits/);
  for (const { name } of manifest.networks) await expect(mark(name)).toHaveCount(1);
  await mark("student0").hover();
  const detail = page.getByTestId("plane").getByTestId("mark-detail");
  const student = manifest.networks.find(({ name }) => name === "student0")!;
  await expect(detail).toContainText(`accuracy ${percent.format(student.metrics.accuracy)}`);
  await expect(detail).toContainText(`${student.recipe!.epochs!} epochs instead of 300`);
  await mark("teacher0").focus();
  await expect(detail).toContainText(
    "not taught: accuracy 63.5%, agreement with the ensemble of teacher1 and teacher2",
  );
  await mark("ResNet-20 of 5 on half the data, temperature 8").focus();
  await expect(detail).toContainText("accuracy 62.2%, agreement 75.3%. [exact] Fig. 9.");
  await mark("ResNet-56 of five, MixUp, temperature 4").focus();
  await expect(detail).toContainText("accuracy 74.5%, agreement 85.5%. [read off a figure] Fig. 3.");

  const rows = csv((await saved(page, "finding-plane-csv")).bytes);
  const own = rows.find(({ network }) => network === "student0")!;
  expect(Number(own.agreement)).toBeCloseTo(golden.agreement, 9);
  expect(Number(own.accuracy)).toBeCloseTo(golden.accuracy[1], 9);
  expect(rows.filter(({ whose }) => whose === "paper")).toHaveLength(25);
  expect(rows).toHaveLength(25 + manifest.networks.length);
});

test("agreement over m is that of the stored logits", async ({ page }) => {
  await opened(page);
  const rows = csv((await saved(page, "finding-sizes-csv")).bytes);
  const own = rows.filter(({ whose }) => whose === "student0");
  expect(own.map(({ teachers }) => teachers)).toEqual(["1", "2", "3"]);
  expect(Number(own[2]!.agreement)).toBeCloseTo(golden.agreement, 9);
  const agreements = own.map(({ agreement }) => Number(agreement));
  expect(agreements[0]).toBeLessThan(agreements[2]!);
  expect(rows.filter(({ whose }) => whose === "paper").map(({ teachers, agreement }) => [teachers, agreement])).toEqual(
    [
      ["1", "0.775"],
      ["12", "0.86"],
    ],
  );
});

test("what is not trained is said to be missing", async ({ page }) => {
  await opened(page);
  const students = manifest.networks.filter(({ role }) => role === "student");
  const missing = (id: string) => page.getByTestId(`finding-${id}-missing`);
  if (!students.some(({ recipe }) => recipe?.policy === "mixup"))
    await expect(missing("policies")).toContainText("MixUp (temperature 4)");
  if (!students.some(({ recipe }) => recipe?.lambda !== undefined))
    await expect(missing("cliff")).toContainText("not trained");
  if (!students.some(({ curve }) => curve))
    await expect(missing("curve")).toContainText("no record by epoch for any student");
  for (const m of [1, 3, 5]) {
    const isTrained = students.some(({ taughtBy, recipe }) => taughtBy?.length === m && recipe?.lambda === undefined);
    await expect(missing("sizes").getByText(`of ${m} teacher`)).toHaveCount(isTrained ? 0 : 1);
  }
});

test.describe("with more networks", () => {
  /** What a fuller manifest would add: a student near its teacher, one of MixUp, one with a record by epoch. */
  const fuller = () => {
    const networks = structuredClone(manifest.networks) as (Network & Record<string, unknown>)[];
    const student = networks.find(({ role }) => role === "student")!;
    const more = (name: string, recipe: object, rest: object) =>
      networks.push({
        ...structuredClone(student),
        name,
        logits: undefined,
        recipe: { ...student.recipe, ...recipe },
        ...rest,
      });
    more(
      "near",
      { lambda: 0.375 },
      { taughtBy: ["teacher0"], trainAgreement: 0.9, metrics: { ...student.metrics, agreement: 0.8 } },
    );
    more(
      "mixed",
      { policy: "mixup", temperature: 4 },
      { trainAgreement: 0.6, metrics: { ...student.metrics, agreement: 0.76 } },
    );
    more(
      "recorded",
      {},
      {
        curve: {
          loss: [3, 2, 1.5],
          trainAgreement: [0.3, 0.5, 0.6],
          agreement: [null, 0.52, 0.58],
          accuracy: [null, 0.4, 0.5],
        },
      },
    );
    return { networks };
  };

  test("they take their places, and nothing is missing there", async ({ page }) => {
    await page.route(/\/assets\/manifest-[^/]*\.json$/, (route) => route.fulfill({ json: fuller() }));
    await opened(page);
    await expect(page.getByTestId("plane").locator('[data-name="mixed"]')).toHaveAccessibleName(
      /As shipped with the network/,
    );
    await expect(page.getByTestId("cliff").locator('[data-name="near"]')).toHaveAccessibleName(/λ = 0.375: 90.0%/);
    const trained = fuller().networks.flatMap(({ recipe }) => recipe?.lambda ?? []);
    const lacking = [0, 0.25, 0.375, 0.5, 0.75, 1].filter((lambda) => !trained.includes(lambda)).map(String);
    const listed = lacking.length < 2 ? lacking.join() : `${lacking.slice(0, -1).join(", ")} and ${lacking.at(-1)}`;
    if (lacking.length === 0) await expect(page.getByTestId("finding-cliff-missing")).toHaveCount(0);
    else
      await expect(page.getByTestId("finding-cliff-missing")).toContainText(`We have not trained yet: λ = ${listed}.`);
    await expect(page.getByTestId("finding-policies-missing")).not.toContainText("MixUp (temperature 4)");
    await expect(page.getByTestId("policies").getByRole("img")).toHaveAccessibleName(
      /MixUp \(temperature 4\): paper 85.5% · ours 76.0%/,
    );
    await expect(page.getByTestId("finding-curve-missing")).toHaveCount(0);
    await page.getByTestId("finding-curve-student").selectOption("recorded");
    await page.getByTestId("finding-curve-values").locator("summary").click();
    await expect(page.getByTestId("finding-curve-values").locator("tbody tr")).toHaveCount(3);
    const { bytes } = await saved(page, "finding-curve-json");
    expect((JSON.parse(bytes.toString()) as { values: unknown[] }).values[0]).toEqual({
      epoch: 1,
      loss: 3,
      train_agreement: 0.3,
      test_agreement: null,
      accuracy: null,
    });
  });
});

test("figures are taken home as SVG and PNG, with title, n, networks and version", async ({ page }) => {
  await opened(page);
  for (const id of ["finding-plane", "finding-policies", "finding-cliff"]) {
    const svg = (await saved(page, `${id}-svg`)).bytes.toString();
    for (const word of ["n = 10,000", "student0", "Fidelity Lab 0.", "arXiv 2106.05945v2"])
      expect(svg, id).toContain(word);
    await page.evaluate((text) => {
      if (new DOMParser().parseFromString(text, "image/svg+xml").querySelector("parsererror"))
        throw new Error("no SVG");
    }, svg);
    const png = (await saved(page, `${id}-png`)).bytes;
    expect(png.subarray(1, 4).toString()).toBe("PNG");
    expect(png.readUInt32BE(16)).toBeGreaterThan(600);
  }
});

test.describe("when the logits cannot be had", () => {
  test.use({ allowedErrors: [/404/], viewport: { width: 375, height: 800 } });

  test("the maker's figures stand in, and say so", async ({ page }) => {
    await withoutData(page);
    await page.route(/\.f16$/, (route) => route.fulfill({ status: 404, body: "" }));
    await open(page, "findings", "cpu");
    await expect(page.getByTestId("plane").locator('[data-name="student0"]')).toHaveAccessibleName(
      /As shipped with the network/,
    );
    await expect(page.getByTestId("findings").getByRole("alert")).toContainText("student0");
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(375);
  });
});
