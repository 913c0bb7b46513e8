import { expect, test } from "./fixtures";
import { answered, go, open, ready } from "./page";

/** What browsers report where the system's locale is POSIX's. Both are no BCP 47 tags, and Intl throws on them. */
for (const language of ["C", "en-US@posix"]) {
  test(`every view opens in a browser whose language is "${language}"`, async ({ page }) => {
    await page.addInitScript((reported) => {
      Object.defineProperties(Navigator.prototype, {
        language: { get: () => reported, configurable: true },
        languages: { get: () => Object.freeze([reported]), configurable: true },
      });
    }, language);
    await open(page);
    const refusal = await page.evaluate(() => {
      try {
        return new Intl.NumberFormat(navigator.language).format(1);
      } catch (error) {
        return (error as Error).name;
      }
    });
    expect(refusal, "the language is in effect").toBe("RangeError");
    await ready(page);
    await answered(page);

    await go(page, "fidelity");
    await expect(page.getByTestId("evaluation-status")).toHaveAttribute("data-phase", "done");
    await go(page, "findings");
    await expect(page.getByTestId("findings")).toBeVisible();
    await go(page, "distil");
    await page.getByTestId("recipe").locator("summary").click();
    const settings = { steps: "2", batchSize: "4", nImages: "8", nHeldOut: "5" };
    for (const [setting, value] of Object.entries(settings)) {
      await page.getByTestId(`setting-${setting}`).fill(value);
    }
    await page.getByTestId("start").click();
    await expect(page.getByTestId("run-status")).toHaveAttribute("data-phase", "done");
    await expect(page.getByTestId("charts")).toBeVisible();
    await expect(page.getByTestId("alerts")).toBeEmpty();
  });
}
