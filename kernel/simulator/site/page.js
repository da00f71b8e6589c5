// The page: what was answered, where in it the reader is, and what he presses.
//
// `shown` is all there is to know; `show()` draws it. An address of the page is
// `#scenario=NAME&line=N&step=N&theme=dark&embed`: the scenario, how many of its lines are typed at once, and how many
// steps are gone; the colours; without the head, for a frame in a chapter. Behind `?` the same is understood.
"use strict";

const shown = {
  answer: null, // the last answer of the machine
  before: null, // the state before it
  access: 0, // which of its accesses
  step: 0, // which step of that
  selected: 0, // the byte that is chosen
  digits: "", // the first hexadecimal digit of a byte that is typed
  log: [], // faults so far
  history: [], // lines that were typed
  place: 0, // where in the history the reader is
};

const STEPS = {
  lookup: "lookup", walk: "walk", fault: "fault", decision: "decision", frame: "frame", entry: "entry",
  flush: "flush", disk: "disk", reclaim: "reclaim", again: "again", done: "done", refused: "refused",
};

// --- what is shown ---------------------------------------------------------------

const access = () => shown.answer.episodes[shown.access];
const step = () => access()?.steps[shown.step];
const isLast = () => {
  const { episodes } = shown.answer;
  return !episodes.length || (shown.access === episodes.length - 1 && shown.step === access().steps.length - 1);
};

const show = () => {
  const { answer } = shown;
  const now = step();
  // After the last step the machine is as the command left it.
  const state = now && !isLast() ? answer.moments[now.moment] : answer.state;
  const earlier = now && access().steps[shown.step - 1];
  const before = earlier ? answer.moments[earlier.moment] : shown.before;
  const lit = { address: access()?.address ?? null, lit: now?.kind };
  const marks = answer.scenario?.marks ?? [];
  draw.regions(state, lit);
  draw.bytes({ ...state, window: answer.state.window, bytes: bytesAt(state) }, {
    selected: shown.selected, marks, address: lit.address,
  });
  draw.tables(state, lit);
  draw.cache(state, lit);
  draw.frames(state, before, lit);
  draw.counts(state);
  draw.faults(shown.log.filter((fault) => fault.number <= state.counts.faults));
  showAccess();
  showScript();
};

/// The bytes of a moment, if its window is still the one that is shown.
const bytesAt = (state) =>
  state.window === shown.answer.state.window ? state.bytes : shown.answer.state.bytes;

const showAccess = () => {
  const one = access();
  const { episodes } = shown.answer;
  byId("access").classList.toggle("empty", !one);
  const many = episodes.length > 1 ? `, ${shown.access + 1} of ${episodes.length}` : "";
  byId("access-what").textContent = one ? `${one.access} ${hex(one.address)}${many}` : "";
  fill("steps", one ? one.steps.map((each, index) => {
    const button = make("button", "", STEPS[each.kind]);
    if (index === shown.step) button.setAttribute("aria-current", "step");
    button.addEventListener("click", () => {
      shown.step = index;
      show();
    });
    return make("li", `${index <= shown.step ? "past " : ""}step-${each.kind}`, [button]);
  }) : []);
  byId("step-text").textContent = step()?.text ?? "An access to memory is shown here, step by step.";
  byId("step-lines").textContent = linesOf(step()).join("\n");
};

/// The lines of a step; of an entry what it was and what it is.
const linesOf = (step) => {
  if (step?.kind !== "entry") return step?.lines ?? [];
  const times = step.lines.length > 1 ? ["before  ", "now     "] : ["now     "];
  return step.lines.map((line, index) => times[index] + line);
};

const showScript = () => {
  const { scenario, played, scenarios } = shown.answer;
  fill("scenarios", [...scenarios, ["", "Free play"]].map(([name, title]) => {
    const link = make("a", "", title, { href: `#scenario=${name || "none"}` });
    if ((scenario?.name ?? "") === name) link.setAttribute("aria-current", "page");
    return link;
  }));
  byId("about").textContent = scenario?.about
    ?? "An empty machine. Type at the prompt, for example alloc demand 16K, and then write into a byte; help lists the commands.";
  fill("lines", (scenario?.lines ?? []).map((line, index) => {
    const item = make("li", index < played ? "played" : "", [make("code", "", line.text)]);
    if (index === played - 1) {
      item.classList.add("current");
      item.append(make("p", "", line.note));
    }
    return item;
  }));
  const next = scenario?.lines[played];
  byId("go-what").textContent = !isLast() ? `Step: ${STEPS[nextStep().kind]}`
    : next ? (played ? "Next line" : "Type the first line") : scenario ? "The end" : "No more steps";
  byId("go").disabled = isLast() && !next;
  byId("go").hidden = byId("skip").hidden = !scenario && !access();
  byId("skip").disabled = isLast();
};

const nextStep = () => access().steps[shown.step + 1] ?? shown.answer.episodes[shown.access + 1].steps[0];

// --- what is done ----------------------------------------------------------------

const ask = (request) => {
  try {
    take(machine.ask(request), request);
  } catch (error) {
    byId("stopped").textContent = `The machine has stopped: ${error.message}. Load the page again.`;
    byId("stopped").hidden = false;
    throw error;
  }
};

const take = (answer, request) => {
  const isMove = request.startsWith("view");
  const isNew = request.startsWith("start") || (answer.line ?? "").trim().startsWith("restart");
  if (isMove) {
    shown.answer.state = { ...shown.answer.state, window: answer.state.window, bytes: answer.state.bytes };
    show();
    return;
  }
  shown.before = isNew ? null : shown.answer?.state ?? null;
  shown.answer = answer;
  shown.log = isNew ? [] : [...shown.log, ...answer.log].slice(-64);
  shown.access = 0;
  shown.step = 0;
  if (isNew) shown.selected = answer.scenario?.marks[0]?.[1] ?? answer.state.window;
  if (request.startsWith("start")) byId("console").replaceChildren();
  if (answer.line !== null) say(answer.line, answer.said, answer.refused);
  show();
};

const say = (line, said, refused) => {
  const log = byId("console");
  // The gap before the characters of a row is for wide lines.
  log.append(make("b", "", `> ${line}\n`), make("span", refused ? "refused" : "", said.replace(/ {4,}/g, "   ")));
  log.scrollTop = log.scrollHeight;
};

/// A step, or the next access, or the next line.
const goOn = () => {
  if (isLast()) {
    if (!byId("go").disabled) ask("next");
    return;
  }
  shown.step += 1;
  if (shown.step === access().steps.length) {
    shown.access += 1;
    shown.step = 0;
  }
  show();
};

const goBack = () => {
  if (!access() || (shown.step === 0 && shown.access === 0)) return;
  shown.step -= 1;
  if (shown.step < 0) {
    shown.access -= 1;
    shown.step = access().steps.length - 1;
  }
  show();
};

const skip = () => {
  const { episodes } = shown.answer;
  if (!episodes.length) return;
  shown.access = episodes.length - 1;
  shown.step = access().steps.length - 1;
  show();
};

const type = (line) => {
  if (!line.trim()) return;
  shown.history.push(line);
  shown.place = shown.history.length;
  ask(`type ${line}`);
};

/// Chooses a byte, and shows it.
const select = (address) => {
  if (address < 0 || address >= 2 ** 47) return;
  shown.selected = address;
  shown.digits = "";
  const { window } = shown.answer.state;
  if (address < window) ask(`view ${hex(address - (address % 16))}`);
  else if (address >= window + 256) ask(`view ${hex(address - (address % 16) - 240)}`);
  else show();
};

/// Shows the page of an address from its first byte on.
const turnTo = (address) => {
  shown.selected = address;
  ask(`view ${hex(address)}`);
};

const startAt = () => {
  const words = new URLSearchParams(location.hash.slice(1) || location.search.slice(1));
  const theme = words.get("theme");
  if (theme) document.documentElement.dataset.theme = theme;
  document.body.classList.toggle("embedded", words.has("embed") || document.body.classList.contains("embedded"));
  const name = words.get("scenario") ?? "objects";
  ask(name === "none" ? "start" : `start ${name}`);
  if (shown.answer.refused) ask("start objects");
  for (let line = Number(words.get("line") ?? 0); line > 0 && !byId("go").disabled; line -= 1) {
    ask("next");
    if (line > 1) skip();
  }
  for (let count = Number(words.get("step") ?? 0); count > 0 && !isLast(); count -= 1) goOn();
};

// --- keys and clicks -------------------------------------------------------------

const typeDigit = (digit) => {
  shown.digits += digit;
  if (shown.digits.length < 2) return;
  const at = shown.selected;
  const digits = shown.digits;
  type(`write ${hex(at)} 0x${digits}`);
  select(at + 1);
};

const keysOfBytes = (event) => {
  const moves = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -16, ArrowDown: 16, PageUp: -256, PageDown: 256 };
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key in moves) select(shown.selected + moves[event.key]);
  else if (event.key === "Enter") type(`read ${hex(shown.selected)}`);
  else if (/^[0-9a-f]$/i.test(event.key)) typeDigit(event.key);
  else return;
  event.preventDefault();
  event.stopPropagation();
};

const keysOfRegions = (event) => {
  const cells = [...byId("regions").querySelectorAll(".cell")];
  const at = cells.indexOf(document.activeElement);
  const to = { ArrowLeft: at - 1, ArrowRight: at + 1 }[event.key];
  if (at < 0 || to === undefined || !cells[to]) return;
  cells[to].focus();
  event.preventDefault();
};

const keysOfPrompt = (event) => {
  const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  if (!step) return;
  shown.place = Math.max(0, Math.min(shown.history.length, shown.place + step));
  byId("line").value = shown.history[shown.place] ?? "";
  event.preventDefault();
};

const keysOfPage = (event) => {
  if (event.target.matches("input, #bytes") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "n") goOn();
  else if (event.key === "p") goBack();
  else if (event.key === "/") byId("line").focus();
  else return;
  event.preventDefault();
};

const listen = () => {
  byId("go").addEventListener("click", goOn);
  byId("skip").addEventListener("click", skip);
  byId("again").addEventListener("click", () => ask(`start ${shown.answer.scenario?.name ?? ""}`.trim()));
  byId("up").addEventListener("click", () => select(Math.max(0, shown.answer.state.window - 256)));
  byId("down").addEventListener("click", () => select(shown.answer.state.window + 511));
  byId("read").addEventListener("click", () => type(`read ${hex(shown.selected)}`));
  byId("write").addEventListener("click", () => type(`write ${hex(shown.selected)} ${byId("value").value}`));
  byId("bytes").addEventListener("click", (event) => {
    const address = event.target.dataset.address;
    if (address) select(Number(address));
  });
  byId("bytes").addEventListener("keydown", keysOfBytes);
  byId("regions").addEventListener("click", (event) => {
    const page = event.target.dataset.page;
    if (page) turnTo(Number(page));
  });
  byId("regions").addEventListener("keydown", keysOfRegions);
  byId("line").addEventListener("keydown", keysOfPrompt);
  byId("entry").addEventListener("submit", (event) => {
    event.preventDefault();
    type(byId("line").value);
    byId("line").value = "";
  });
  addEventListener("keydown", keysOfPage);
  addEventListener("hashchange", startAt);
  addEventListener("resize", show);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
};

machine.load().then(() => {
  byId("page").hidden = false;
  startAt();
  listen();
}, (error) => {
  byId("stopped").textContent = `The machine does not start: ${error.message}.`;
  byId("stopped").hidden = false;
});
