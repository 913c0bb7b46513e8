import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Locator, Page } from "@playwright/test";
import { expect, test } from "./fixtures";
import {
  addNetwork,
  answered,
  bytesOf,
  go,
  goldenNetworks,
  loseDevice,
  numberIn,
  open,
  payload,
  ready,
  rowsOfCsv,
  sampleRecords,
  saved,
  ship,
  smallNetworks,
  tar,
  withoutData,
} from "./page";

interface General {
  accuracy: number;
  top5Accuracy: number;
  nll: number;
  ece: number;
}
interface Export {
  images: string;
  device: { kind: string };
  report: {
    nImages: number;
    cancelled: boolean;
    teachers: string[];
    models: Record<string, General>;
    ensemble: General;
    students: Record<string, { agreement: number; kl: number }>;
  };
}
interface Golden {
  n_images: number;
  ensemble: Record<"acc" | "top5" | "nll" | "ece", number>;
  student0: Golden["ensemble"];
  fidelity: { agreement: number; kl: number };
}
const golden = (JSON.parse(bytesOf("tests/golden/golden-metrics.json").toString()) as { first: Record<string, Golden> })
  .first;

const status = (page: Page): Locator => page.getByTestId("evaluation-status");
const isDone = (page: Page, timeout = 60_000): Promise<void> =>
  expect(status(page)).toHaveAttribute("data-phase", "done", { timeout });
const exported = async (page: Page): Promise<Export> =>
  JSON.parse((await saved(page, "export-json")).bytes.toString()) as Export;

async function choose(page: Page, n: number): Promise<void> {
  await page.getByTestId("source-test").check();
  await page.getByTestId(`size-${n}`).check();
}

function expectGolden({ report }: Export, { n_images: n, ensemble, student0, fidelity }: Golden): void {
  expect(report.nImages).toBe(n);
  for (const [what, own, theirs] of [
    ["ensemble", report.ensemble, ensemble],
    ["student0", report.models.student0!, student0],
  ] as const) {
    expect(own.accuracy, `${what} accuracy`).toBeCloseTo(theirs.acc, 6);
    expect(own.top5Accuracy, `${what} top-5`).toBeCloseTo(theirs.top5, 6);
    expect(Math.abs(own.nll - theirs.nll), `${what} NLL`).toBeLessThan(1e-3);
    expect(Math.abs(own.ece - theirs.ece), `${what} ECE`).toBeLessThan(1e-3);
  }
  expect(report.students.student0!.agreement, "agreement").toBeCloseTo(fidelity.agreement, 6);
  expect(Math.abs(report.students.student0!.kl - fidelity.kl), "KL").toBeLessThan(1e-3);
}

/** A folder that goes with the test's other output. */
async function folderOfTest() {
  const folder = test.info().outputPath("brought");
  await mkdir(folder, { recursive: true });
  return folder;
}

test("measures the samples at once, as PyTorch does", async ({ page }) => {
  await ship(page, goldenNetworks());
  await open(page, "fidelity");
  await ready(page);
  await isDone(page);
  const first = golden["20"]!;
  await expect(status(page)).toHaveText(
    "Measured here just now: Samples, n = 20. So few images tell little: look at the intervals.",
  );
  await expect(page.getByTestId("ensemble-accuracy")).toHaveText(`${(100 * first.ensemble.acc).toFixed(1)}%`);
  await expect(page.getByTestId("student-accuracy")).toHaveText(`${(100 * first.student0.acc).toFixed(1)}%`);
  await expect(page.getByTestId("agreement")).toHaveText("85.0%"); // 17 of 20
  expect(Math.abs((await numberIn(page.getByTestId("kl"))) - first.fidelity.kl)).toBeLessThan(1.5e-3);
  await expect(page.getByTestId("figures")).toContainText("64.0% to 94.8% (95% interval)");
  await expect(page.getByTestId("reliability")).toBeVisible();
  await expect(page.getByTestId("results").locator("tbody tr")).toHaveCount(5);
  expectGolden(await exported(page), first);
});

test("measures the first 100 test images as PyTorch does, with live progress; CSV and JSON say the same", async ({
  page,
}) => {
  await ship(page, goldenNetworks());
  await open(page, "fidelity");
  await ready(page);
  await isDone(page);
  await choose(page, 100);
  await page.getByTestId("run-evaluation").click();
  await expect(status(page)).toHaveAttribute("data-phase", "running");
  await expect(page.getByTestId("rate")).toHaveText(/^[\d.]+ images\/s$/);
  await expect(page.getByTestId("time-left")).toHaveText(/left$/);
  await expect(page.getByTestId("ensemble-accuracy")).toHaveText(/%$/);
  await isDone(page);
  const first = golden["100"]!;
  await expect(status(page)).toContainText("CIFAR-100 test set, n = 100.");
  const json = await exported(page);
  expectGolden(json, first);
  expect(json.images).toBe("CIFAR-100 test set");
  await expect(page.getByTestId("ensemble-accuracy")).toHaveText("76.0%");
  await expect(page.getByTestId("student-accuracy")).toHaveText("70.0%");
  await expect(page.getByTestId("agreement")).toHaveText("81.0%");
  await expect(page.getByTestId("kl")).toHaveText(first.fidelity.kl.toFixed(3));
  await expect(page.getByTestId("ensemble-ece")).toHaveText(first.ensemble.ece.toFixed(3));
  await expect(page.getByTestId("student-ece")).toHaveText(first.student0.ece.toFixed(3));

  const csv = await saved(page, "export-csv");
  expect(csv.name).toBe("fidelity-test-100.csv");
  const rows = rowsOfCsv(csv.bytes);
  expect(rows.map(({ network, role }) => `${role} ${network}`)).toEqual([
    "teacher teacher0",
    "teacher teacher1",
    "teacher teacher2",
    "ensemble ensemble",
    "student student0",
  ]);
  const last = rows.at(-1)!;
  expect(Number(last.n_images)).toBe(100);
  expect(Number(last.kl_nats)).toBe(json.report.students.student0!.kl);
  expect(Number(last.accuracy)).toBe(json.report.models.student0!.accuracy);
  expect(Number(rows[3]!.nll)).toBe(json.report.ensemble.nll);
});

test("cancel keeps what was measured and says how much it is; the next measurement starts anew", async ({ page }) => {
  await ship(page, goldenNetworks());
  await open(page, "fidelity");
  await ready(page);
  await isDone(page);
  await choose(page, 500);
  await page.getByTestId("run-evaluation").click();
  await expect(page.getByTestId("rate")).toBeVisible();
  await go(page, "compare");
  await expect(page.getByTestId("verdict"), "other views go on meanwhile").toBeVisible();
  await go(page, "fidelity");
  await page.getByTestId("cancel-evaluation").click();
  await expect(status(page)).toHaveAttribute("data-phase", "cancelled");
  const text = (await status(page).textContent()) ?? "";
  const n = Number(/the first (\d+) of 500 images/.exec(text)?.[1]);
  expect(text).toContain("Cancelled: CIFAR-100 test set");
  expect(n).toBeGreaterThan(0);
  expect(n).toBeLessThan(500);
  const { report } = await exported(page);
  expect(report).toMatchObject({ nImages: n, cancelled: true });
  await expect(page.getByTestId("ensemble-accuracy")).toHaveText(`${(100 * report.ensemble.accuracy).toFixed(1)}%`);

  await choose(page, 20);
  await page.getByTestId("run-evaluation").click();
  await isDone(page);
  expect((await exported(page)).report).toMatchObject({ nImages: 20, cancelled: false });
});

test.describe("data sets that a visitor brings", () => {
  const fetched = async (page: Page): Promise<Buffer> => (await page.request.get("/data/cifar-100/test.bin")).body();

  test("test.bin is recognised as CIFAR-100's", async ({ page }) => {
    const bytes = await fetched(page);
    expect(bytes.length).toBe(30_740_000);
    const file = join(await folderOfTest(), "test.bin");
    await writeFile(file, bytes);
    await ship(page, goldenNetworks());
    await withoutData(page);
    await open(page, "fidelity");
    await ready(page);
    await isDone(page);
    await expect(page.getByTestId("source-test")).toBeDisabled();
    await page.getByTestId("archive-input").setInputFiles(file);
    await expect(page.getByTestId("statuses")).toContainText("test.bin was read: 10,000 test images.");
    await expect(page.getByTestId("source")).toContainText("CIFAR-100 test set");
    await choose(page, 20);
    await page.getByTestId("run-evaluation").click();
    await expect(status(page)).toContainText("CIFAR-100 test set, n = 20.");
    expectGolden(await exported(page), golden["20"]!);
  });

  test("the archive in parts, dropped in any order; its training images are offered for distilling", async ({
    page,
  }) => {
    const archive = gzipSync(
      tar({
        "cifar-100-binary/fine_label_names.txt": Buffer.from("apple\n"),
        "cifar-100-binary/test.bin": await fetched(page),
        "cifar-100-binary/train.bin": sampleRecords(60),
      }),
      { level: 1 },
    );
    const folder = await folderOfTest();
    const third = Math.ceil(archive.length / 3);
    const parts = [2, 0, 1].map((part) => ({
      path: join(folder, `cifar-100-binary.tar.gz.part${part}`),
      bytes: archive.subarray(part * third, (part + 1) * third),
    }));
    for (const { path, bytes } of parts) await writeFile(path, bytes);
    await withoutData(page);
    await open(page, "fidelity");
    await ready(page);
    // Through the input's element: to a page, a drop is a list of files as well.
    await page.getByTestId("archive-input").setInputFiles(parts.map(({ path }) => path));
    await expect(page.getByTestId("statuses")).toContainText("10,000 test images and 60 training images.");
    await expect(page.getByTestId("source-test")).toBeEnabled();
    await go(page, "distil");
    await expect(page.getByTestId("training-title")).toHaveText(/training images of cifar-100-binary\.tar\.gz/);
    await expect(page.getByTestId("training-title")).toContainText("60 images");
    await expect(page.getByTestId("held-out-title")).toHaveText("CIFAR-100 test set, 200 images");
  });

  test("a small set of one's own is used as it is, and is not called CIFAR-100", async ({ page }) => {
    await withoutData(page);
    await open(page, "fidelity");
    await ready(page);
    await isDone(page);
    await page.getByTestId("archive-input").setInputFiles(payload("mine.tar", tar({ "test.bin": sampleRecords(30) })));
    await expect(page.getByTestId("statuses")).toContainText("30 images that are not CIFAR-100’s test set");
    await page.getByTestId("source-test").check();
    await expect(page.getByTestId("size-30")).toBeChecked();
    await expect(page.getByTestId("size-100")).toHaveCount(0);
    await page.getByTestId("run-evaluation").click();
    await expect(status(page)).toContainText("n = 30.");
    await expect(status(page)).not.toContainText("CIFAR-100");
  });
});

test("own pictures have no true classes: fidelity is measured, accuracy is not", async ({ page }) => {
  await open(page);
  await ready(page);
  await answered(page);
  await page
    .getByTestId("picture-input")
    .setInputFiles(payload("one.png", bytesOf("tests/browser/fixtures/exact.png"), "image/png"));
  await answered(page, 21);
  await go(page, "fidelity");
  await isDone(page);
  await page.getByTestId("source-own").check();
  await page.getByTestId("run-evaluation").click();
  await expect(status(page)).toContainText("Your pictures, n = 1.");
  await expect(page.getByTestId("agreement")).toHaveText(/^(0|100)\.0%$/);
  await expect(page.getByTestId("ensemble-accuracy")).toHaveText("–");
  await expect(page.getByTestId("figures")).toContainText("needs true classes");
});

test("one network can be its own teacher: they agree on everything", async ({ page }) => {
  await ship(page, goldenNetworks());
  await open(page);
  await ready(page);
  const file = payload("arbitrary20.safetensors", bytesOf("tests/golden/arbitrary20.safetensors"));
  await addNetwork(page, file, "teacher");
  await expect(page.getByTestId("statuses")).toContainText("arbitrary20 (PreResNet-20) was added as teacher.");
  await addNetwork(page, file, "student");
  // The name in the file is taken by now.
  await expect(page.getByTestId("statuses")).toContainText("arbitrary20-2 (PreResNet-20) was added as student.");
  await expect(page.getByTestId("notice-error")).toHaveCount(0);
  await page.getByTestId("networks-button").click();
  for (const name of ["teacher0", "teacher1", "teacher2"])
    await page.getByTestId(`network-${name}`).getByRole("checkbox").uncheck();
  await page.keyboard.press("Escape");
  await go(page, "fidelity");
  await isDone(page);
  await expect(page.getByTestId("agreement")).toHaveText("100.0%");
  await expect(page.getByTestId("kl")).toHaveText("0.000");
});

test.describe("WebGPU", () => {
  /** 16 images, measured on this device. */
  async function measured(page: Page, device: "cpu" | "webgpu"): Promise<Export> {
    await open(page, "distil", device);
    await ready(page, device);
    await go(page, "fidelity");
    await isDone(page, 180_000);
    await page.getByTestId("archive-input").setInputFiles(payload("mine.tar", tar({ "test.bin": sampleRecords(16) })));
    await expect(page.getByTestId("source-test")).toBeEnabled();
    await page.getByTestId("source-test").check();
    await page.getByTestId("run-evaluation").click();
    await expect(status(page)).toContainText("n = 16.", { timeout: 180_000 });
    return exported(page);
  }

  test("measures what the CPU measures", async ({ page }) => {
    await ship(page, smallNetworks());
    await withoutData(page);
    const cpu = await measured(page, "cpu");
    const gpu = await measured(page, "webgpu");
    expect([cpu.device.kind, gpu.device.kind]).toEqual(["cpu", "webgpu"]);
    expect(gpu.report.students["small-student"]!.agreement).toBe(cpu.report.students["small-student"]!.agreement);
    expect(cpu.report.students["small-student"]!.kl).toBeGreaterThan(0.01);
    for (const figure of ["nll", "ece", "accuracy"] as const)
      expect(Math.abs(gpu.report.ensemble[figure] - cpu.report.ensemble[figure]), figure).toBeLessThan(2e-3);
    expect(Math.abs(gpu.report.students["small-student"]!.kl - cpu.report.students["small-student"]!.kl)).toBeLessThan(
      2e-3,
    );
  });

  test("goes on when the device is lost in the middle of a measurement, and again when idle", async ({ page }) => {
    await ship(page, smallNetworks());
    await withoutData(page);
    await open(page, "fidelity", "webgpu");
    await expect(page.getByTestId("rate"), "the first batch is done").toBeVisible({ timeout: 120_000 });
    await loseDevice(page);
    await expect(page.getByTestId("statuses")).toContainText("The engine was restarted and the work continued.", {
      timeout: 120_000,
    });
    await isDone(page, 180_000);
    await expect(status(page)).toContainText("n = 20.");
    await expect(page.getByTestId("notice-error")).toHaveCount(0);
    expect((await exported(page)).report).toMatchObject({ nImages: 20, cancelled: false });

    await page.getByTestId("notice-info").getByRole("button").first().click();
    await loseDevice(page);
    await expect(page.getByTestId("statuses")).toContainText("The engine was restarted and the work continued.", {
      timeout: 120_000,
    });
    await ready(page, "webgpu");
    await go(page, "compare");
    await page
      .getByTestId("picture-input")
      .setInputFiles(payload("one.png", bytesOf("tests/browser/fixtures/exact.png"), "image/png"));
    await answered(page, 21);
  });
});
