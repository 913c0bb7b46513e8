/** The whole test set as a visitor looks at it: from stored answers, without images or a device. */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import type { Page } from "@playwright/test";
import { expect, test } from "./fixtures";
import { bytesOf, go, numberIn, open, pathOf, payload, rowsOfCsv, saved, withoutData } from "./page";

interface Golden {
  agreement: number;
  kl: number;
  accuracy: [number, number];
  cells: number[];
  mcnemar: [number, number];
  chance: number;
}
/** From NumPy and SciPy, for the three teachers and the student of the golden values. */
const golden = JSON.parse(bytesOf("tests/golden/statistics.json").toString()) as Golden;
interface Entry {
  name: string;
  role: string;
  family: string;
  file: string;
  taughtBy: string[] | null;
  metrics: { agreement?: number };
  logits?: { file: string; bytes: number; sha256: string };
}
const manifest = JSON.parse(bytesOf("www/weights/manifest.json").toString()) as { networks: Entry[] };
const entry = (name: string) => manifest.networks.find((network) => network.name === name)!;
const FAMILY = entry("teacher0").family;
const GOLDEN_STATE = `family=${FAMILY}&teachers=teacher0,teacher1,teacher2&student=student0`;

/** Stored answers are the golden ones, whatever the page ships by now; `more` networks are listed beside them. Before the page is opened. */
async function shipGoldenAnswers(page: Page, more: readonly Entry[] = []): Promise<void> {
  const networks = await Promise.all(
    manifest.networks.map(async (network) => {
      const file = `tests/golden/${network.name}.logits.f16`;
      if (!network.logits || network.family !== FAMILY || !existsSync(pathOf(file))) return network;
      const bytes = bytesOf(file);
      await page.route(new RegExp(`/${network.logits.file.replace(".f16", "")}-[^/]*\\.f16$`), (route) =>
        route.fulfill({ body: bytes, contentType: "application/octet-stream" }),
      );
      return { ...network, logits: { ...network.logits, sha256: createHash("sha256").update(bytes).digest("hex") } };
    }),
  );
  await page.route(/\/assets\/manifest-[^/]*\.json$/, (route) =>
    route.fulfill({ json: { networks: [...networks, ...more] } }),
  );
}

async function openTestSet(page: Page, state = "", section = "overview"): Promise<void> {
  await shipGoldenAnswers(page);
  await visit(page, state, section);
}

async function visit(page: Page, state: string, section = "overview"): Promise<void> {
  await page.goto(`/?device=cpu#/fidelity${state && `?${state}`}`);
  await expect(page.getByTestId(`part-${section}`)).toBeVisible();
}
const percent = (share: number) =>
  share.toLocaleString("en", { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 });

test("the test set's figures are there without image or measurement, and are the reference's", async ({ page }) => {
  await withoutData(page);
  await openTestSet(page, GOLDEN_STATE);
  await expect(page.getByTestId("lab-agreement")).toHaveText(percent(golden.agreement));
  await expect(page.getByTestId("lab-ensemble-accuracy")).toHaveText(percent(golden.accuracy[0]));
  await expect(page.getByTestId("lab-student-accuracy")).toHaveText(percent(golden.accuracy[1]));
  expect(Math.abs((await numberIn(page.getByTestId("lab-kl"))) - golden.kl)).toBeLessThan(6e-4);
  await expect(page.getByTestId("lab-agreement-interval")).toHaveText(
    /^7\d\.\d% to 7\d\.\d% \(95% interval\)\s*n = 10,000$/,
  );
  const [bothRight, onlyTeacher, onlyStudent, same, other] = golden.cells;
  for (const [cell, n] of Object.entries({
    bothRight,
    onlyTeacher,
    onlyStudent,
    bothWrongSame: same,
    bothWrongOther: other,
  }))
    await expect(page.getByTestId(`cell-${cell}`)).toContainText(n!.toLocaleString("en"));
  await expect(page.getByTestId("provenance")).toContainText("precomputed");
  await expect(page.getByTestId("provenance")).toContainText("12 epochs");
});

test("members go in and out, the figures follow at once and without a gap, and the address says so", async ({
  page,
}) => {
  await openTestSet(page, GOLDEN_STATE);
  const answer = page.getByTestId("lab-answer");
  await expect(answer).toHaveAttribute("data-size", "3");
  const all = await page.getByTestId("lab-agreement").textContent();
  await page.getByTestId("member-teacher1").uncheck();
  await expect(answer).toHaveAttribute("data-size", "2");
  await expect(page.getByTestId("lab-agreement")).not.toHaveText(all!);
  await expect(page).toHaveURL(/teachers=teacher0,teacher2/);
  await page.getByTestId("ensemble-size").fill("1");
  await expect(answer).toHaveAttribute("data-size", "1");
  await expect(page.getByTestId("member-teacher0")).toBeDisabled(); // the last one stays
  await page.getByTestId("ensemble-size").fill("3");
  await expect(page).toHaveURL(/teachers=teacher0,teacher1,teacher2/);
  await expect(page.getByTestId("lab-agreement")).toHaveText(all!);
  // Nothing flickers: the figures are never gone while the slider moves.
  await page.evaluate(() => {
    const seen = { gaps: 0 };
    Object.assign(window, { seen });
    new MutationObserver(() => {
      if (!document.querySelector('[data-testid="lab-agreement"]')?.textContent?.includes("%")) seen.gaps++;
    }).observe(document.querySelector(".test-set")!, { subtree: true, childList: true, characterData: true });
  });
  for (const size of ["1", "2", "3", "2", "1", "3"]) await page.getByTestId("ensemble-size").fill(size);
  await expect(answer).toHaveAttribute("data-size", "3");
  expect(await page.evaluate(() => (window as unknown as { seen: { gaps: number } }).seen.gaps)).toBe(0);
});

test("on 20 classes there are fewer mistakes; the temperature moves KL and leaves agreement", async ({ page }) => {
  await openTestSet(page, GOLDEN_STATE);
  const value = (name: string) => numberIn(page.getByTestId(name));
  await expect(page.getByTestId("lab-agreement")).toHaveText(percent(golden.agreement));
  const fine = { agreement: await value("lab-agreement"), kl: await value("lab-kl") };
  await page.getByTestId("level-coarse").check();
  await expect(page).toHaveURL(/classes=coarse/);
  await expect.poll(() => value("lab-agreement")).toBeGreaterThan(fine.agreement + 5);
  await page.getByTestId("level-fine").check();
  await expect.poll(() => value("lab-kl")).toBe(fine.kl);
  await page.getByTestId("lab-temperature").fill("2"); // 2 to the power of 2
  await expect(page).toHaveURL(/temperature=4/);
  await expect.poll(() => value("lab-kl")).toBeLessThan(fine.kl / 2);
  expect(await value("lab-agreement")).toBe(fine.agreement);
  await page.getByTestId("temperature-reset").click();
  await expect.poll(() => value("lab-kl")).toBe(fine.kl);
});

test("what a number is worth, in sentences with the reference's figures", async ({ page }) => {
  await openTestSet(page, `section=worth&${GOLDEN_STATE}`, "worth");
  await expect(page.getByTestId("worth-agreement")).toContainText(percent(golden.agreement));
  await expect(page.getByTestId("worth-chance")).toContainText(percent(golden.chance));
  await expect(page.getByTestId("worth-chance")).toContainText("Definition:");
  await expect(page.getByTestId("worth-control")).toContainText("No network here can serve as a control");
  await expect(page.getByTestId("worth-ceiling")).toContainText("Unknown");
  await expect(page.getByTestId("worth-pairs")).toContainText("mean of 3 pairs");
  const [, , , same, other] = golden.cells;
  const wrong = same! + other! + golden.cells[2]!;
  await expect(page.getByTestId("worth-copied")).toContainText(
    `wrong on ${wrong.toLocaleString("en")} images; on ${same!.toLocaleString("en")} of them (${percent(same! / wrong)})`,
  );
  await expect(page.getByTestId("mcnemar-student0-ensemble")).toContainText(`χ² = ${golden.mcnemar[0].toFixed(3)}`);
  await expect(page.getByTestId("mcnemar-student0-ensemble")).toContainText("ensemble is more accurate");
  await expect(page.getByTestId("difference-ensemble")).toContainText("0 is outside");
  const rows = rowsOfCsv((await saved(page, "lab-intervals-csv")).bytes);
  const agreement = rows.find(({ of, figure }) => of === "student0" && figure === "agreement")!;
  expect(Number(agreement.estimate)).toBeCloseTo(golden.agreement, 9);
  expect(Number(agreement.lower)).toBeLessThan(golden.agreement);
  expect(Number(agreement.upper)).toBeGreaterThan(golden.agreement);
});

/** [10000, 100] of a file of half-precision floats. */
function logitsOf(file: string): Float64Array {
  const bytes = bytesOf(file);
  return Float64Array.from({ length: bytes.length / 2 }, (_, i) => {
    const word = bytes.readUInt16LE(2 * i);
    const [exponent, fraction] = [(word >> 10) & 31, word & 1023];
    const size = exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25);
    return word >> 15 ? -size : size;
  });
}

/** Class of each image: that of the largest mean probability. */
function classesOf(...networks: Float64Array[]): number[] {
  return Array.from({ length: 10_000 }, (_, i) => {
    const sum = new Float64Array(100);
    for (const logits of networks) {
      const powers = logits.subarray(100 * i, 100 * (i + 1)).map(Math.exp);
      const total = powers.reduce((x, y) => x + y, 0);
      powers.forEach((power, k) => {
        sum[k]! += power / total;
      });
    }
    return sum.indexOf(Math.max(...sum));
  });
}
const agreementOf = (x: number[], y: number[]) => x.filter((value, i) => value === y[i]).length / x.length;

test("a control whose teachers are others, a second student, and the ceiling where ensembles are disjoint", async ({
  page,
}) => {
  const [another, fourth] = (["student", "teacher"] as const).map(
    (of) => manifest.networks.find(({ role, family, logits }) => role === of && family !== FAMILY && logits)!,
  ) as [Entry, Entry];
  await shipGoldenAnswers(page, [
    { ...another, name: "independent", family: FAMILY, taughtBy: ["elsewhere"] },
    { ...fourth, name: "teacher9", family: FAMILY },
  ]);
  await visit(
    page,
    `section=worth&family=${FAMILY}&teachers=teacher0,teacher1&student=student0&other=independent`,
    "worth",
  );
  const ensemble = classesOf(
    logitsOf("tests/golden/teacher0.logits.f16"),
    logitsOf("tests/golden/teacher1.logits.f16"),
  );
  const independent = classesOf(logitsOf(`www/weights/${another.logits!.file}`));
  const share = agreementOf(ensemble, independent);
  await expect(page.getByTestId("worth-control")).toContainText(
    `independent, trained by different teachers, agrees with this ensemble on ${percent(share)}`,
  );
  const others = classesOf(
    logitsOf("tests/golden/teacher2.logits.f16"),
    logitsOf(`www/weights/${fourth.logits!.file}`),
  );
  await expect(page.getByTestId("worth-ceiling")).toContainText(percent(agreementOf(ensemble, others)));
  const labels = bytesOf("www/weights/test-labels.bin");
  const wrong = ensemble.flatMap((value, i) => (value === labels[i] ? [] : [i]));
  const { values } = JSON.parse((await saved(page, "lab-copied-json")).bytes.toString()) as {
    values: { network: string; share: number }[];
  };
  expect(values.find(({ network }) => network === "independent")!.share).toBeCloseTo(
    wrong.filter((i) => independent[i] === ensemble[i]).length / wrong.length,
    9,
  );
  const student = classesOf(logitsOf("tests/golden/student0.logits.f16"));
  const lead = 100 * (agreementOf(student, ensemble) - share);
  await expect(page.getByTestId("difference-agreement")).toContainText(
    `student0 minus independent is ${lead.toFixed(1).replace("-", "−")} points`,
  );
  await expect(page.getByTestId("mcnemar-independent-student0")).toContainText("one alone is right");
  await page.getByTestId("member-teacher2").check();
  await page.getByTestId("member-teacher0").uncheck();
  await page.getByTestId("member-teacher1").uncheck();
  await expect(page).toHaveURL(/teachers=teacher2&/);
  await expect(page.getByTestId("worth-pairs")).toContainText("Select at least two teachers");
});

test("families: one switch, each with networks of its own, and the link says which", async ({ page }) => {
  await visit(page, "");
  const families = page.getByTestId("lab-family").locator("input");
  expect(await families.count()).toBe(new Set(manifest.networks.map(({ family }) => family)).size);
  for (const family of new Set(manifest.networks.map(({ family }) => family))) {
    await page.getByTestId(`lab-family-${family}`).check();
    const names = manifest.networks.filter((network) => network.family === family);
    await expect(page.getByTestId("builder").locator(".toggle")).toHaveText(
      names.filter(({ role }) => role === "teacher").map(({ name }) => new RegExp(`^${name} `)),
    );
    // Of several students the one that follows an ensemble best, as in the other views.
    const student = names
      .filter(({ role, taughtBy }) => role === "student" && taughtBy!.length >= 3)
      .toSorted((a, b) => b.metrics.agreement! - a.metrics.agreement!)[0]!;
    await expect(page.getByTestId("lab-answer")).toHaveAttribute("data-student", student.name);
    await expect(page.getByTestId("lab-answer")).toHaveAttribute("data-size", String(student.taughtBy!.length));
    await expect(page).toHaveURL(
      new RegExp(`family=${family}&teachers=${student.taughtBy!.join(",")}&student=${student.name}`),
    );
  }
});

test("a cell leads to its images, which can be sorted and filtered; an image leads to Compare with its neighbours, and back", async ({
  page,
}) => {
  await openTestSet(page, GOLDEN_STATE);
  await page.getByTestId("cell-onlyStudent").click();
  await expect(page.getByTestId("explorer")).toBeVisible();
  await expect(page.getByTestId("found")).toHaveText(`${golden.cells[2]!.toLocaleString("en")} of 10,000 images`);
  await expect(page.getByTestId("filter-onlyStudent")).toBeChecked();
  const first = page.getByTestId("tile").first();
  await expect(first.locator("canvas")).toBeVisible();
  const kl = async () =>
    (await page.getByTestId("tile").locator(".tile-kl").allTextContents()).map((text) =>
      Number(text.replace("KL ", "")),
    );
  const falling = await kl();
  expect(falling).toEqual([...falling].sort((x, y) => y - x));
  await page.getByTestId("order-up").check();
  await expect.poll(async () => (await kl())[0]!).toBeLessThan(falling[0]!);
  const rising = await kl();
  expect(rising).toEqual([...rising].sort((x, y) => x - y));
  await page.getByTestId("clear-filters").click();
  await expect(page.getByTestId("found")).toHaveText("All 10,000 images");
  await page.getByTestId("agree-no").check();
  await expect(page.getByTestId("found")).toHaveText(
    `${Math.round(10_000 * (1 - golden.agreement)).toLocaleString("en")} of 10,000 images`,
  );
  await page.getByTestId("filter-trueClass").selectOption("0");
  await expect(page).toHaveURL(/true=0/);
  await expect(page.getByTestId("tile").first()).toContainText("apple");

  const index = await page.getByTestId("tile").nth(2).getAttribute("data-index");
  await page.getByTestId("tile").nth(2).click();
  await expect(page.getByTestId("view-compare")).toBeVisible();
  await expect(page.getByTestId("detail")).toHaveAccessibleName(`Test image ${Number(index).toLocaleString("en")}`, {
    timeout: 120_000,
  });
  await expect(page.getByTestId("truth")).toContainText("apple");
  await expect(page.getByTestId("verdict")).toHaveAttribute("data-agrees", "false", { timeout: 120_000 });
  // Along the list, without a step of the history, and back to where it was left.
  const neighbours = page.getByTestId("neighbours");
  await expect(neighbours).toContainText(/^← PreviousNext →3 of \d+ in the list/);
  await page.getByTestId("next-image").click();
  await expect(neighbours).toContainText("4 of ");
  await expect(page.getByTestId("detail")).not.toHaveAccessibleName(`Test image ${Number(index).toLocaleString("en")}`);
  await expect(page.getByTestId("verdict")).toHaveAttribute("data-agrees", "false", { timeout: 120_000 });
  await page.getByTestId("previous-image").click();
  await expect(page.getByTestId("detail")).toHaveAccessibleName(`Test image ${Number(index).toLocaleString("en")}`);
  await page.goBack();
  await expect(page.getByTestId("found")).toContainText("of 10,000 images");
  await expect(page.getByTestId("filter-trueClass")).toHaveValue("0");
  await expect(page.getByTestId("tile").nth(2)).toBeFocused();
});

test("the grid is walked through by keyboard, to its end, and only what is in sight exists", async ({ page }) => {
  await withoutData(page);
  await openTestSet(page, `section=images&${GOLDEN_STATE}`, "images");
  await expect(page.getByTestId("no-images")).toContainText("CIFAR-100’s binary archive");
  const tiles = page.getByTestId("tile");
  await expect(tiles.first()).toBeVisible();
  await tiles.first().focus();
  await page.keyboard.press("ArrowRight");
  await expect(tiles.nth(1)).toBeFocused();
  await page.keyboard.press("End");
  await expect(page.locator('[data-place="9999"]')).toBeFocused();
  expect(await tiles.count()).toBeLessThan(120);
  await page.keyboard.press("Home");
  await expect(page.locator('[data-place="0"]')).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page.getByTestId("image-answers")).toContainText("True class");
  await expect.poll(() => page.getByTestId("image-answers").locator("tbody tr").count()).toBeGreaterThanOrEqual(5);
});

test("scrolling through ten thousand images makes what comes into sight, and nothing else", async ({ page }, {
  annotations,
}) => {
  await openTestSet(page, `section=images&${GOLDEN_STATE}`, "images");
  await expect(page.getByTestId("tile").first().locator("canvas")).toBeVisible();
  const { made, kept, columns, shown, worst } = await page.getByTestId("image-grid").evaluate(async (grid) => {
    const tiles = () => [...grid.querySelectorAll('[data-testid="tile"]')];
    const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
    const rowHeight = grid.querySelector(".image-row")!.getBoundingClientRect().height;
    const columns = grid.querySelector(".image-row")!.childElementCount;
    const times: number[] = [];
    let [made, kept] = [0, 0];
    for (let i = 0; i < 60; i++) {
      const before = new Set(tiles());
      await frame();
      const start = performance.now();
      grid.scrollTop += rowHeight;
      grid.dispatchEvent(new Event("scroll"));
      await Promise.resolve();
      times.push(performance.now() - start);
      await frame();
      await frame();
      for (const tile of tiles())
        if (before.has(tile)) kept++;
        else made++;
    }
    return {
      made,
      kept,
      columns,
      shown: tiles().length,
      worst: times.sort((x, y) => x - y)[Math.floor(0.9 * times.length)]!,
    };
  });
  // For a reader, not asserted: the page's own thread, the 90th percentile.
  annotations.push({ type: "ms of a frame", description: worst.toFixed(1) });
  expect(made, "a row a step").toBeLessThanOrEqual(60 * columns + shown);
  expect(kept).toBeGreaterThanOrEqual(60 * (shown - 4 * columns));
  expect(shown).toBeLessThan(150);
});

test("all predictions as CSV are the listed counts", async ({ page }) => {
  await openTestSet(page, `section=images&sort=index&largest-first=no&${GOLDEN_STATE}`, "images");
  await expect(page.getByTestId("found")).toHaveText("All 10,000 images");
  const rows = rowsOfCsv((await saved(page, "predictions-csv")).bytes);
  expect(rows).toHaveLength(10_000);
  const labels = bytesOf("www/weights/test-labels.bin");
  expect(rows.every(({ index, true_class }, i) => Number(index) === i && Number(true_class) === labels[i])).toBe(true);
  const agree = rows.filter(({ ensemble_class, student_class }) => ensemble_class === student_class).length;
  expect(agree / 10_000).toBeCloseTo(golden.agreement, 9);
  expect(rows.filter(({ cell }) => cell === "bothRight")).toHaveLength(golden.cells[0]!);
  expect(rows.reduce((sum, { kl_nats }) => sum + Number(kl_nats), 0) / 10_000).toBeCloseTo(golden.kl, 4);
});

test("the confusion matrix: its rows sum up, a field leads to its images, truth instead of the teacher", async ({
  page,
}) => {
  await openTestSet(page, `section=confusion&${GOLDEN_STATE}`, "confusion");
  await expect(page.getByTestId("lab-confusion")).toContainText(`${percent(golden.agreement)} on the diagonal`);
  const { values } = JSON.parse((await saved(page, "lab-confusion-json")).bytes.toString()) as {
    values: { counts: number[][] };
  };
  expect(values.counts.flat().reduce((sum, n) => sum + n, 0)).toBe(10_000);
  expect(values.counts.reduce((sum, row, i) => sum + row[i]!, 0) / 10_000).toBeCloseTo(golden.agreement, 9);
  const largest = page.getByTestId("largest-confusions").locator("tbody tr").first();
  const n = await largest.locator("a").textContent();
  await page.getByTestId("confusion-canvas").focus();
  await page.keyboard.press("ArrowDown");
  await expect(page.getByTestId("confusion-field")).toContainText(/ensemble says .*, student says .*: [\d,]+ image/);
  await page.getByTestId("zoom-in").click();
  expect(Number(await page.getByTestId("confusion-canvas").getAttribute("data-span"))).toBeLessThan(100);
  await largest.locator("a").click();
  await expect(page.getByTestId("found")).toHaveText(`${n} of 10,000 images`);
  await page.goBack();
  await page.getByTestId("matrix-truth-student").check();
  await expect(page.getByTestId("lab-confusion")).toContainText(`${percent(golden.accuracy[1])} on the diagonal`);
  await page.getByTestId("level-coarse").check();
  await expect(page.getByTestId("confusion-canvas")).toHaveAttribute("data-span", "20.0");
});

test("calibration: bins lead to their images, temperature scaling, curves, the plane of students", async ({ page }) => {
  await openTestSet(page, `section=calibration&${GOLDEN_STATE}`, "calibration");
  const { values } = JSON.parse((await saved(page, "lab-reliability-json")).bytes.toString()) as {
    values: { models: { bins: { count: number }[]; ece: number }[] };
  };
  expect(values.models).toHaveLength(2);
  for (const { bins } of values.models) expect(bins.reduce((sum, bin) => sum + bin.count, 0)).toBe(10_000);
  const last = values.models[1]!.bins[9]!.count;
  await page.getByTestId("bin-student-9").locator(".bin-count").click();
  await expect(page.getByTestId("found")).toHaveText(`${last.toLocaleString("en")} of 10,000 images`);
  await expect(page.getByTestId("filter-bin")).toContainText("bin 10 of 10");
  await page.goBack();
  await page.getByTestId("bins-15").check();
  await page.getByTestId("binning-equal_mass").check();
  await expect(page.getByTestId("bin-teacher-14")).toHaveAccessibleName(/66[67] images/);
  await expect(page.getByTestId("fit-student0")).toContainText("→");
  const before = await page.getByTestId("at-temperature").textContent();
  await page.getByTestId("curve-temperature").fill("0");
  await expect(page.getByTestId("at-temperature")).toContainText("At 0.25, ensemble");
  await expect(page.getByTestId("at-temperature")).not.toHaveText(before!);
  await expect(page.getByTestId("plane").getByTestId("mark").first()).toBeVisible();
});

test("a link restores all of the state, through another page", async ({ page, browser, baseURL }) => {
  await openTestSet(page, GOLDEN_STATE);
  await page.getByTestId("member-teacher1").uncheck();
  await page.getByTestId("level-coarse").check();
  await page.getByTestId("section-images").click();
  await page.getByTestId("sort").selectOption("studentMargin");
  await page.getByTestId("order-up").check();
  await page.getByTestId("agree-no").check();
  await page.getByTestId("filter-studentClass").selectOption("3");
  await expect(page.getByTestId("found")).toHaveText(/^\d+ of 10,000/); // without the class it is thousands
  const found = await page.getByTestId("found").textContent();
  await go(page, "distil");
  await go(page, "fidelity"); // as it was left
  await expect(page.getByTestId("found")).toHaveText(found!);
  const other = await browser.newPage();
  await shipGoldenAnswers(other);
  await other.goto(new URL(page.url(), baseURL).href);
  await expect(other.getByTestId("found")).toHaveText(found!);
  await expect(other.getByTestId("sort")).toHaveValue("studentMargin");
  await expect(other.getByTestId("order-up")).toBeChecked();
  await expect(other.getByTestId("member-teacher1")).not.toBeChecked();
  await expect(other.getByTestId("level-coarse")).toBeChecked();
  await expect(other.getByTestId("filter-studentClass")).toHaveValue("3");
  await other.close();
});

test("a link with nonsense in it opens the default and says what it ignored", async ({ page }) => {
  await openTestSet(
    page,
    "section=nowhere&student=nobody&teachers=teacher0,ghost&temperature=-3&colour=red&true=512&bin=student-77",
  );
  await expect(page.getByTestId("lab-agreement")).toContainText("%");
  for (const nonsense of [
    "section=nowhere",
    "temperature=-3",
    "colour=red",
    "true=512",
    "bin=student-77",
    "student=nobody",
    "teachers=ghost",
  ])
    await expect(page.getByTestId("statuses")).toContainText(nonsense);
  await expect(page.getByTestId("member-teacher0")).toBeChecked();
  await expect(page.getByTestId("member-teacher1")).not.toBeChecked();
  await page.goto("/?device=cpu#/nowhere");
  await expect(page.getByTestId("statuses")).toContainText("no view “nowhere”");
  await expect(page.getByTestId("view-compare")).toBeVisible();
});

test.describe("stored answers that are not what they should be", () => {
  test.use({ allowedErrors: [/404/] });

  test("a file of the wrong length is told, the others are in use, and trying again helps", async ({ page }) => {
    const file = entry("teacher1").logits!.file.replace(".f16", "");
    let isShort = true;
    await shipGoldenAnswers(page);
    await page.route(new RegExp(`${file}-[^/]*\\.f16$`), (route) =>
      isShort
        ? route.fulfill({ body: Buffer.alloc(1_999_998), contentType: "application/octet-stream" })
        : route.fallback(),
    );
    await visit(page, GOLDEN_STATE);
    await expect(page.getByTestId("answers-failed")).toContainText("expected 2,000,000 bytes, received 1,999,998");
    await page.getByTestId("member-teacher1").uncheck();
    await expect(page.getByTestId("lab-answer")).toHaveAttribute("data-size", "2");
    isShort = false;
    await page.getByTestId("answers-failed").getByRole("button").click();
    await expect(page.getByTestId("answers-failed")).toHaveCount(0);
    await page.getByTestId("member-teacher1").check();
    await expect(page.getByTestId("lab-answer")).toHaveAttribute("data-size", "3");
  });

  test("a file with other bytes is refused by its checksum", async ({ page }) => {
    const file = entry("student0").logits!.file.replace(".f16", "");
    await shipGoldenAnswers(page);
    await page.route(new RegExp(`${file}-[^/]*\\.f16$`), (route) =>
      route.fulfill({
        body: bytesOf(`www/weights/${entry("teacher0").logits!.file}`),
        contentType: "application/octet-stream",
      }),
    );
    await visit(page, GOLDEN_STATE);
    await expect(page.getByTestId("answers-failed")).toContainText("checksum");
  });

  test("where no network has answers, the page says so and measures on", async ({ page }) => {
    const networks = manifest.networks.map(({ logits: _, ...network }) => network);
    await page.route(/\/assets\/manifest-[^/]*\.json$/, (route) => route.fulfill({ json: { networks } }));
    await open(page, "fidelity", "cpu");
    await expect(page.getByTestId("lab-none")).toContainText("None of the networks comes with stored logits");
    await expect(page.getByTestId("evaluation-status")).toHaveAttribute("data-phase", "done", { timeout: 120_000 });
  });
});

test("verified here: what is measured along the way is held against the stored answers, without any image of the visitor's", async ({
  page,
}) => {
  await withoutData(page);
  await visit(page, "");
  const provenance = page.getByTestId("provenance");
  await expect(page.getByTestId("evaluation-status")).toHaveAttribute("data-phase", "done", { timeout: 120_000 });
  await expect(provenance).toHaveAttribute("data-verified", "true", { timeout: 120_000 });
  await expect(provenance).toContainText("for the first 20 images");
  await expect(provenance).toContainText("no top class changed");
  await expect(page.getByTestId("verify-size").locator("input")).toHaveCount(1);
  expect(difference(await provenance.textContent())).toBeLessThan(0.05);
});

const difference = (text: string | null): number => Number(/difference of a logit is ([\d.e+-]+)/.exec(text ?? "")![1]);

test("verified here: more images, of networks that have to be fetched first", async ({ page }) => {
  await visit(page, GOLDEN_STATE);
  const provenance = page.getByTestId("provenance");
  await expect(page.getByTestId("load-state")).toBeEmpty({ timeout: 120_000 });
  await expect(provenance).toHaveAttribute("data-verified", "false");
  if (await page.getByTestId("use-family").count()) await page.getByTestId("use-family").click();
  await expect(provenance).toContainText("for the first 20 images", { timeout: 120_000 });
  await page.getByTestId("verify-size-100").check();
  await expect(page.getByTestId("verify")).toBeEnabled({ timeout: 120_000 });
  await page.getByTestId("verify").click();
  await expect(provenance).toHaveAttribute("data-verified", "true", { timeout: 120_000 });
  await expect(provenance).toContainText("verified here");
  await expect(page.getByTestId("verify")).toBeVisible({ timeout: 120_000 });
  await expect(provenance).toContainText("for the first 100 images and 4 networks");
  expect(difference(await provenance.textContent())).toBeGreaterThan(0); // f16 rounds
  expect(difference(await provenance.textContent())).toBeLessThan(0.05);
});

test("figures are saved as SVG and PNG with title, n, networks and version in them; tables as the page shows them", async ({
  page,
}) => {
  await openTestSet(page, GOLDEN_STATE);
  await expect(page.getByTestId("lab-networks")).toBeVisible();
  const { version } = JSON.parse(bytesOf("package.json").toString()) as { version: string };
  for (const figure of ["lab-cells", "lab-sizes"]) {
    const svg = (await saved(page, `${figure}-svg`)).bytes.toString();
    for (const text of ["<title>", "n = 10,000", "teacher0, teacher1, teacher2", "student0", `Fidelity Lab ${version}`])
      expect(svg, figure).toContain(text);
    expect(svg).not.toMatch(/class=|style=/);
    const problems = await page.evaluate(
      (text) => new DOMParser().parseFromString(text, "image/svg+xml").querySelector("parsererror")?.textContent ?? "",
      svg,
    );
    expect(problems).toBe("");
    const { bytes, name } = await saved(page, `${figure}-png`);
    expect(name).toMatch(/\.png$/);
    expect(bytes.subarray(1, 4).toString()).toBe("PNG");
    expect(bytes.readUInt32BE(16), "pixels across").toBeGreaterThan(900);
    const colours = await page.evaluate(async (data) => {
      const bitmap = await createImageBitmap(
        new Blob([Uint8Array.from(atob(data), (character) => character.charCodeAt(0))]),
      );
      const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
      const context = canvas.getContext("2d")!;
      context.drawImage(bitmap, 0, 0);
      return new Set(new Uint32Array(context.getImageData(0, 0, bitmap.width, bitmap.height).data.buffer)).size;
    }, bytes.toString("base64"));
    expect(colours, "a figure, not an empty sheet").toBeGreaterThan(20);
  }
  const rows = rowsOfCsv((await saved(page, "lab-networks-csv")).bytes);
  expect(rows.map(({ network }) => network)).toEqual(["teacher0", "teacher1", "teacher2", "ensemble", "student0"]);
  expect(Number(rows[4]!.agreement)).toBeCloseTo(golden.agreement, 9);
  const json = JSON.parse((await saved(page, "lab-networks-json")).bytes.toString()) as {
    nImages: number;
    version: string;
    values: Record<string, unknown>[];
  };
  expect(json).toMatchObject({ nImages: 10_000, version });
  expect(json.values.map(({ accuracy }) => String(accuracy))).toEqual(rows.map(({ accuracy }) => accuracy));
});

test("the report is one file, which the page opens again and finds equal; what is no report changes nothing", async ({
  page,
  browser,
  baseURL,
}) => {
  await openTestSet(page, `${GOLDEN_STATE}&classes=coarse`);
  await page.getByTestId("member-teacher1").uncheck();
  await expect(page.getByTestId("lab-answer")).toHaveAttribute("data-size", "2");
  const { bytes, name } = await saved(page, "save-report");
  const report = JSON.parse(bytes.toString()) as {
    kind: string;
    report: { students: Record<string, { agreement: number }> };
    intervals: { nResamples: number };
  };
  expect(report.kind).toBe("fidelity-lab report");
  expect(report.intervals.nResamples).toBe(1000);
  const other = await browser.newPage();
  await shipGoldenAnswers(other);
  await other.goto(`${baseURL}?device=cpu#/fidelity`);
  await expect(other.getByTestId("lab-answer")).toBeVisible();
  await other
    .getByTestId("report-input")
    .setInputFiles(payload("letter.json", Buffer.from('{"kind":"letter"}'), "application/json"));
  await expect(other.getByTestId("alerts")).toContainText("letter.json was not opened; nothing changed.");
  await expect(other.getByTestId("opened-report")).toHaveCount(0);
  await other.getByTestId("report-input").setInputFiles(payload(name, bytes, "application/json"));
  await expect(other.getByTestId("opened-report")).toHaveAttribute("data-equal", "true");
  await expect(other.getByTestId("lab-agreement")).toHaveText(percent(report.report.students.student0!.agreement));
  await expect(other.getByTestId("member-teacher1")).not.toBeChecked();
  await expect(other.getByTestId("level-coarse")).toBeChecked();
  await other.getByTestId("member-teacher1").check();
  await expect(other.getByTestId("opened-report")).toHaveAttribute("data-equal", "false");
  await other.close();
});

test("a lesson asks before it shows, and hides what it should", async ({ page }) => {
  await openTestSet(page, GOLDEN_STATE);
  await page.getByTestId("lesson").locator("summary").click();
  const address = await page.getByTestId("lesson-link").inputValue();
  await page.goto("about:blank");
  await page.goto(address);
  await expect(page.getByTestId("guess")).toContainText("Guess the agreement before you see it");
  for (const hidden of [
    "lab-agreement",
    "lab-cells",
    "ensemble-size",
    "level",
    "section-images",
    "figures",
    "take-home",
  ])
    await expect(page.getByTestId(hidden)).toHaveCount(0);
  expect(await page.getByTestId("view-fidelity").textContent()).not.toContain(percent(golden.agreement));
  await page.getByTestId("guess-slider").fill("0.6");
  await page.getByTestId("guess-reveal").click();
  await expect(page.getByTestId("guess-result")).toContainText(
    `You guessed 60.0%; it is ${percent(golden.agreement)}.`,
  );
  await expect(page.getByTestId("lab-agreement")).toHaveText(percent(golden.agreement));
});

test.describe("on a phone", () => {
  test.use({ viewport: { width: 375, height: 740 }, hasTouch: true });

  test("each part fits, and the matrix is read by zoom and tap", async ({ page }) => {
    await openTestSet(page, GOLDEN_STATE);
    const drawnLast = {
      worth: "intervals-table",
      images: "image-grid",
      calibration: "lab-plane",
      inside: "inside-answer",
      confusion: "largest-confusions",
    };
    for (const [section, part] of Object.entries(drawnLast)) {
      await page.getByTestId(`section-${section}`).click();
      await expect(page.getByTestId(`part-${section}`).getByTestId(part)).toBeVisible();
      expect(await page.evaluate(() => document.documentElement.scrollWidth), section).toBeLessThanOrEqual(375);
    }
    const canvas = page.getByTestId("confusion-canvas");
    for (let i = 0; i < 5; i++) await page.getByTestId("zoom-in").tap();
    expect(Number(await canvas.getAttribute("data-span"))).toBeLessThan(12);
    const box = (await canvas.boundingBox())!;
    await canvas.tap({ position: { x: box.width * 0.7, y: box.height * 0.7 } });
    await expect(page.getByTestId("confusion-field")).toContainText("student says");
    await page.getByTestId("confusion-open").tap();
    await expect(page.getByTestId("explorer")).toBeVisible();
    await expect(page).toHaveURL(/teacher-says=\d+&student-says=\d+/);
  });
});
