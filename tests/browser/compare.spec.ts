import { createPump } from "../../www/page/common/pump";
import { expect, test } from "./fixtures";
import {
  addNetwork,
  answered,
  bytesOf,
  goldenNetworks,
  goldenTensor,
  numberIn,
  open,
  openPanel,
  payload,
  ready,
  ship,
  thumbs,
} from "./page";

const softmax = (logits: readonly number[]): number[] => {
  const max = Math.max(...logits);
  const exps = logits.map((z) => Math.exp(z - max));
  const sum = exps.reduce((a, b) => a + b, 0);
  return exps.map((e) => e / sum);
};
const rowOf = (name: string, i: number): number[] => Array.from(goldenTensor(name).subarray(100 * i, 100 * (i + 1)));
const argmax = (values: readonly number[]): number => values.indexOf(Math.max(...values));

/** What PyTorch's logits say of a sample: the ensemble is the mean of its members' probabilities. */
function expected(i: number) {
  const members = [0, 1, 2].map((m) => softmax(rowOf(`teacher${m}.logits`, i)));
  const ensemble = members[0]!.map((_, c) => members.reduce((sum, member) => sum + member[c]!, 0) / 3);
  const student = softmax(rowOf("student0.logits", i));
  const kl = ensemble.reduce((sum, p, c) => sum + p * Math.log(p / student[c]!), 0);
  return {
    ensemble,
    student,
    kl,
    agrees: argmax(ensemble) === argmax(student),
    siding: members.filter((member) => argmax(member) === argmax(ensemble)).length,
  };
}

const names = bytesOf("www/weights/fine-label-names.txt")
  .toString()
  .trim()
  .split("\n")
  .map((name) => name.replaceAll("_", " "));
const labels = (() => {
  const golden = goldenTensor("labels"); // i32, read as its bytes
  return Array.from(new Int32Array(golden.buffer));
})();

test("answers the 20 samples as PyTorch does", async ({ page }) => {
  await ship(page, goldenNetworks());
  await open(page);
  await ready(page);
  await answered(page);
  const all = Array.from({ length: 20 }, (_, i) => expected(i));
  const nAgree = all.filter(({ agrees }) => agrees).length;
  expect(nAgree).toBe(17);
  await expect(page.getByTestId("agreement-summary")).toContainText("agree on 17 of 20 images");
  for (const [i, { ensemble, student, kl, agrees, siding }] of all.entries()) {
    await thumbs(page).nth(i).click();
    await expect(thumbs(page).nth(i)).toHaveAttribute("data-agrees", String(agrees));
    await expect(page.getByTestId("truth")).toContainText(names[labels[i]!]!);
    await expect(page.getByTestId("verdict")).toHaveAttribute("data-agrees", String(agrees));
    await expect(page.getByTestId("members-agreeing")).toContainText(`${siding} of 3`);
    expect(Math.abs((await numberIn(page.getByTestId("picture-kl"))) - kl), `KL of sample ${i + 1}`).toBeLessThan(2e-3);
    const first = page.getByTestId("answer-row").first();
    await expect(first.locator("th")).toContainText(names[argmax(ensemble)]!);
    const cells = (await first.locator("td .value").allTextContents()).map(Number);
    expect(cells).toHaveLength(5); // ensemble, student, three teachers
    expect(Math.abs(cells[0]! - Math.max(...ensemble))).toBeLessThan(0.01);
    expect(Math.abs(cells[1]! - student[argmax(ensemble)]!)).toBeLessThan(0.01);
  }
});

test("the rows are the union of everyone's five likeliest classes, in the ensemble's order", async ({ page }) => {
  await ship(page, goldenNetworks());
  await open(page);
  await ready(page);
  await answered(page);
  const tops = (values: readonly number[]) =>
    values
      .map((_, c) => c)
      .sort((a, b) => values[b]! - values[a]!)
      .slice(0, 5);
  const { ensemble, student } = expected(0);
  const union = new Set(
    [ensemble, student, ...[0, 1, 2].map((m) => softmax(rowOf(`teacher${m}.logits`, 0)))].flatMap(tops),
  );
  const order = [...union].sort((a, b) => ensemble[b]! - ensemble[a]!).map((c) => names[c]!);
  const rows = await page.getByTestId("answer-row").locator("th").allTextContents();
  expect(rows.map((text) => text.replace(/true$/, ""))).toEqual(order);
  await expect(page.getByTestId("answer-row").filter({ hasText: names[labels[0]!]! }).locator(".true-mark")).toHaveText(
    "true",
  );
});

test("the gallery can be walked through by keyboard", async ({ page }) => {
  await open(page);
  await ready(page);
  await thumbs(page).first().focus();
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowRight");
  await expect(thumbs(page).nth(2)).toBeFocused();
  await expect(thumbs(page).nth(2)).toHaveAttribute("aria-pressed", "true");
  await expect(page.getByTestId("detail")).toHaveAccessibleName("Sample 3");
  await page.keyboard.press("ArrowLeft");
  await expect(thumbs(page).nth(1)).toBeFocused();
  await page.keyboard.press("Home");
  await expect(thumbs(page).first()).toBeFocused();
  await page.keyboard.press("ArrowLeft");
  await expect(thumbs(page).first()).toBeFocused();
  await page.keyboard.press("End");
  await expect(thumbs(page).nth(19)).toBeFocused();
  await expect(page.getByTestId("detail")).toHaveAccessibleName("Sample 20");
});

test("the page can be used by keyboard from the top", async ({ page }) => {
  await open(page);
  await ready(page);
  await page.keyboard.press("Tab");
  await expect(page.getByText("Skip to the content")).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page.locator("main")).toBeFocused();
  await expect(page).toHaveURL(/#\/compare$/);
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  await page.getByTestId("verdict").getByRole("button", { name: "What is KL?" }).focus();
  await page.keyboard.press("Enter");
  await expect(page.getByText("Kullback-Leibler divergence")).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByText("Kullback-Leibler divergence")).toBeHidden();
});

test("networks can be left out, and the student shown can be chosen", async ({ page }) => {
  await ship(page, goldenNetworks());
  await open(page);
  await ready(page);
  await answered(page);
  const verdict = page.getByTestId("members-agreeing");
  await expect(verdict).toContainText("of 3");
  await openPanel(page, "networks");
  await page.getByTestId("network-teacher2").getByRole("checkbox").uncheck();
  await expect(verdict).toContainText("of 2");
  for (const name of ["teacher0", "teacher1"])
    await page.getByTestId(`network-${name}`).getByRole("checkbox").uncheck();
  await expect(page.getByTestId("detail")).toContainText("No teacher is in use.");
  for (const name of ["teacher0", "teacher1", "teacher2"])
    await page.getByTestId(`network-${name}`).getByRole("checkbox").check();
  await page.keyboard.press("Escape");
  await answered(page);
  const before = await page.getByTestId("picture-kl").textContent();

  await addNetwork(page, payload("second.safetensors", bytesOf("tests/golden/arbitrary20.safetensors")), "student");
  await expect(page.getByTestId("statuses")).toContainText("arbitrary20 (PreResNet-20) was added as student.");
  await answered(page);
  await expect(page.getByTestId("student-choice")).toHaveValue("arbitrary20");
  await expect(page.getByTestId("picture-kl")).not.toHaveText(before!);
  await page.getByTestId("student-choice").selectOption("student0");
  await expect(page.getByTestId("picture-kl")).toHaveText(before!);
});

test("work is done one piece at a time, what was overtaken never, and goes on after a failure", async () => {
  let wanted: string[] = ["a", "b"];
  const [done, errors]: [string[], unknown[]] = [[], []];
  const gates: (() => void)[] = [];
  let nIdle = 0;
  const wake = createPump({
    next: (size) => (wanted.length > 0 ? wanted.splice(0, size) : null),
    work: async (piece) => {
      if (piece.includes("bad")) throw new Error("bad");
      await new Promise<void>((open) => gates.push(open));
      done.push(piece.join("+"));
    },
    onError: (error) => errors.push(error),
    onIdle: () => nIdle++,
    batch: { largest: 4, slowMs: Infinity },
  });
  const pass = async () => {
    await expect.poll(() => gates.length).toBe(1);
    gates.pop()!();
  };
  wake();
  wake();
  wanted = ["c", "d", "e", "f", "g", "h", "i"];
  await pass();
  await pass();
  await pass();
  await pass();
  await expect.poll(() => nIdle).toBe(1);
  expect(done, "b is never done; pieces grow to four").toEqual(["a", "c+d", "e+f+g+h", "i"]);
  wanted = ["bad", "j"];
  wake();
  await expect.poll(() => nIdle).toBe(2);
  expect(errors).toHaveLength(1);
  wake();
  await pass();
  await expect.poll(() => done.at(-1)).toBe("j");
});
