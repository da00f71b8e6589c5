// Added to the page by tests/browser.rs: plays every scenario by pressing what a reader presses, and writes what the
// page shows then into <pre id="check">.
"use strict";

const soon = () => new Promise((resolve) => setTimeout(resolve, 0));
const shownNumbers = () => Object.fromEntries([...document.querySelectorAll("#counts dd")].map((number) =>
  [number.dataset.name, number.textContent]));
const press = (element, key) => element.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));

const goTo = async (name) => {
  location.hash = `scenario=${name}`;
  await soon();
  await soon();
};

/// Presses N until the scenario is at its end. Returns how many steps of accesses there were.
const play = () => {
  const kinds = [];
  for (let presses = 0; !document.getElementById("go").disabled; presses += 1) {
    if (presses > 1000) throw new Error("no end");
    press(document.body, "n");
    const step = document.querySelector("#steps [aria-current]");
    if (step) kinds.push(step.textContent);
  }
  return kinds;
};

const playAll = async () => {
  const names = [...document.querySelectorAll("#scenarios a")].map((link) => link.hash.split("=")[1]);
  const results = {};
  for (const name of names.filter((name) => name !== "none")) {
    await goTo(name);
    const kinds = play();
    results[name] = {
      numbers: shownNumbers(),
      faults: kinds.filter((kind) => kind === "fault").length,
      console: document.getElementById("console").textContent,
      stale: document.querySelectorAll("#cache .stale").length,
      wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    };
  }
  return results;
};

/// What fingers do: bytes by keys, a page by a click, a line at the prompt.
const typeAll = async () => {
  await goTo("none");
  const type = (line) => {
    document.getElementById("line").value = line;
    document.getElementById("entry").requestSubmit();
  };
  type("guard 60K");
  type("alloc demand 8K");
  const cells = document.querySelectorAll("#regions .cell");
  cells[cells.length - 1].click();
  const bytes = document.getElementById("bytes");
  const first = bytes.querySelector(".selected").dataset.address;
  press(bytes, "ArrowRight");
  press(bytes, "4");
  press(bytes, "1");
  document.getElementById("value").value = "0x42";
  document.getElementById("write").click();
  press(bytes, "ArrowUp");
  const window = bytes.querySelector(".byte").dataset.address;
  type("hepl");
  return { first, window, numbers: shownNumbers(), console: document.getElementById("console").textContent };
};

const check = async () => {
  while (document.getElementById("page").hidden) await soon();
  const results = { scenarios: await playAll(), typed: await typeAll() };
  const pre = document.createElement("pre");
  pre.id = "check";
  pre.textContent = JSON.stringify(results);
  document.body.append(pre);
};

check().catch((error) => {
  document.title = `check: ${error.stack}`;
});
