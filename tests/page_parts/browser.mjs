// A browser for the tests of the page: each line of standard input is JavaScript, whose result is a line of JSON. `tools` has the
// browser, and what is noticed about every page.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

// The packages are below the build directory, not beside this file.
const require = createRequire(process.env.PEGEL_NPM + "/");
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const quiet = ["gpu", "quic", "background-networking", "component-update", "sync"].map((name) => "--disable-" + name);
const browser = await chromium.launch({
  executablePath: process.env.PEGEL_CHROMIUM || "/usr/bin/chromium",
  args: ["--no-sandbox", "--no-first-run", "--js-flags=--expose-gc", "--enable-precise-memory-info", ...quiet],
});
const noticed = [];

const tools = {
  browser,
  // A page, with everything that it says or asks for elsewhere in `noticed`.
  async page(base, options = {}) {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
    const page = await context.newPage();
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) noticed.push("console: " + message.text());
    });
    page.on("pageerror", (error) => noticed.push("error: " + error.message));
    page.on("request", (request) => {
      if (new URL(request.url()).origin !== base) noticed.push("request to " + request.url());
    });
    page.on("dialog", (dialog) => {
      noticed.push("dialog: " + dialog.message());
      dialog.dismiss();
    });
    return page;
  },
  // What was noticed since the last call.
  noticed: () => noticed.splice(0),
  // Serious findings of axe-core. Its script is foreign to the page, so the context must bypass the policy.
  async violations(page) {
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => axe.run());
    const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
    return serious.map(({ id, nodes }) => id + ": " + nodes.map(({ html }) => html).slice(0, 3).join(" | "));
  },
};

const AsyncFunction = (async () => {}).constructor;
const say = (answer) => process.stdout.write(JSON.stringify(answer) + "\n");
for await (const line of createInterface({ input: process.stdin })) {
  try {
    say({ result: (await new AsyncFunction("tools", line)(tools)) ?? null });
  } catch (error) {
    say({ error: String(error.stack || error) });
  }
}
await browser.close();
