// Draws a moment of the machine: pure functions of what src/state/ tells, into the elements of index.html.
"use strict";

const PAGE = 4096;
const FRAMES = 4096;
const LENS = 64;

const hex = (number) => "0x" + number.toString(16);
const byId = (id) => document.getElementById(id);

/// An element with a class, text or children, and attributes.
const make = (tag, name, content, attributes = {}) => {
  const element = document.createElement(tag);
  if (name) element.className = name;
  if (Array.isArray(content)) element.append(...content);
  else if (content !== undefined && content !== null) element.textContent = content;
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
};

const fill = (id, children) => byId(id).replaceChildren(...children);

const draw = (() => {
  // --- regions ----------------------------------------------------------------

  const NAMES = {
    absent: "nothing", private: "a frame of its own", shared: "a shared frame", zero: "the frame of zeroes",
    swapped: "in a slot of the disk", reserved: "a frame is kept back",
  };
  const MOST_CELLS = 64;

  const regions = (state, { address, lit }) => {
    const rows = state.regions.map((region) => {
      const isHere = address !== null && region.base <= address && address < region.end;
      const what = region.backing === "guard" ? "guard" : `${region.backing} ${region.rights}`;
      const name = make("div", "region-name", [
        make("code", "", `${hex(region.base)}..${hex(region.end)}`), ` ${what}`,
      ]);
      const pages = (region.end - region.base) / PAGE;
      const bar = make("div", "bar");
      let start = region.base;
      for (const [kind, count] of region.pages) {
        const shown = region.backing === "guard" ? "guard" : kind;
        const cells = pages <= MOST_CELLS && shown !== "guard" ? count : 1;
        for (let index = 0; index < cells; index += 1) {
          const page = start + index * PAGE;
          const size = cells === 1 ? count : 1;
          const title = shown === "guard" ? "every access is refused" : NAMES[shown];
          const label = size === 1 ? `page ${hex(page)}: ${title}` : `${size} pages from ${hex(page)} on: ${title}`;
          const cell = make("button", `cell ${shown}`, null, { title: label, "aria-label": label, tabindex: "-1" });
          cell.style.flexGrow = size;
          cell.dataset.page = page;
          if (isHere && page <= address && address < page + size * PAGE) cell.classList.add("here");
          if (state.hand !== null && page <= state.hand && state.hand < page + size * PAGE) cell.classList.add("hand");
          bar.append(cell);
        }
        start += count * PAGE;
      }
      bar.querySelector(".here, .cell")?.setAttribute("tabindex", "0");
      const row = make("div", "region", [name, bar]);
      if (isHere && lit === "decision") row.classList.add("lit");
      return row;
    });
    fill("regions", rows.length ? rows : [make("p", "none", "No region yet: nothing may be accessed.")]);
    const current = state.spaces.find((space) => space.current);
    byId("space").textContent = state.spaces.length > 1
      ? `space ${current.number} of ${state.spaces.map((space) => space.number).join(", ")}` : "";
  };

  // --- bytes ------------------------------------------------------------------

  const bytes = (state, { selected, marks, address }) => {
    const rows = [];
    for (let row = 0; row < 16; row += 1) {
      const start = state.window + 16 * row;
      const cells = [make("span", "place", hex(start), { role: "rowheader" })];
      for (let index = 0; index < 16; index += 1) {
        const at = start + index;
        const text = state.bytes.slice(2 * (at - state.window), 2 * (at - state.window) + 2);
        const mark = marks.findIndex(([, first, size]) => first <= at && at < first + size);
        const cell = make("span", "byte", text === ".." ? "·" : text, { role: "gridcell" });
        if (text === "..") cell.classList.add("absent");
        if (mark >= 0) cell.classList.add(`mark${mark}`);
        if (at === selected) cell.classList.add("selected");
        if (at === address) cell.classList.add("here");
        cell.dataset.address = at;
        cells.push(cell);
      }
      const line = make("div", "row", cells, { role: "row" });
      if (start % PAGE === 0 && row > 0) line.classList.add("boundary");
      rows.push(line);
    }
    fill("bytes", rows);
    const mark = marks.find(([, first, size]) => first <= selected && selected < first + size);
    byId("byte-what").textContent = hex(selected) + (mark ? ` in ${mark[0]}` : "");
  };

  // --- tables -----------------------------------------------------------------

  const indexAt = (address, level) => Math.floor(address / 2 ** (12 + 9 * (level - 1))) % 512;

  /// The entries on the way to an address: by frame of their table, the index.
  const wayTo = (state, address) => {
    const way = new Map();
    if (address === null) return way;
    let table = state.tables[0];
    while (table) {
      const index = indexAt(address, table.level);
      way.set(table.frame, index);
      const row = table.entries.find((row) => row.index <= index && index < row.index + row.count);
      if (!row || row.kind !== "table") break;
      table = state.tables.find((below) => below.frame === row.target && below.level === table.level - 1);
    }
    return way;
  };

  const flagsOf = (row) => ["P", "W", "A", "D"].filter((_, index) =>
    [row.present, row.writable, row.accessed, row.dirty][index]).join(" ");

  const entry = (row, isLit) => {
    const indices = row.count === 1 ? `${row.index}` : `${row.index}–${row.index + row.count - 1}`;
    const target = row.kind === "swapped" ? `slot ${row.target}` : row.kind === "unused" ? "unused" : hex(row.target);
    const item = make("li", `entry ${row.kind}`, [
      make("span", "index", indices), make("span", "swatch"), make("span", "target", target),
      make("span", "flags", row.kind === "unused" || row.kind === "swapped" ? "" : flagsOf(row)),
    ]);
    if (isLit) item.classList.add("lit");
    return item;
  };

  const tables = (state, { address, lit }) => {
    const way = wayTo(state, address);
    const columns = [4, 3, 2, 1].map((level) => {
      const cards = state.tables.filter((table) => table.level === level).map((table) => {
        const index = way.get(table.frame);
        const isAt = (row) => index !== undefined && row.index <= index && index < row.index + row.count;
        const rows = [];
        for (const row of table.entries) {
          // The entry on the way stands alone.
          if (!isAt(row) || row.count === 1) {
            rows.push(entry(row, isAt(row)));
            continue;
          }
          const step = row.kind === "swapped" ? 1 : row.kind === "zero" ? 0 : row.page;
          const part = (from, end) => ({
            ...row, index: from, count: end - from, target: row.target + (from - row.index) * step,
          });
          if (index > row.index) rows.push(entry(part(row.index, index), false));
          rows.push(entry(part(index, index + 1), true));
          if (index + 1 < row.index + row.count) rows.push(entry(part(index + 1, row.index + row.count), false));
        }
        const hidden = table.used - table.entries.reduce((sum, row) => sum + row.count, 0);
        if (index !== undefined && !table.entries.some(isAt) && hidden === 0) {
          const place = table.entries.filter((row) => row.index < index).length;
          rows.splice(place, 0, entry({ kind: "unused", index, count: 1 }, true));
        }
        if (hidden > 0) rows.push(make("li", "more", `and ${hidden} more`));
        const card = make("div", "card", [
          make("div", "card-name", [make("code", "", hex(table.frame)), make("div", "", `${table.used} of 512`)]),
          make("ul", "", rows),
        ]);
        if (index !== undefined) card.classList.add("on-the-way");
        return card;
      });
      return make("div", "level", [make("div", "level-name", `level ${level}`), ...cards]);
    });
    fill("tables", columns);
    byId("tables").classList.toggle("walking", lit === "walk" || lit === "again");
    byId("tables").classList.toggle("writing", lit === "entry");
    byId("tables-what").textContent = address === null ? "" : `the way to ${hex(address)}`;
  };

  // --- cache ------------------------------------------------------------------

  const cache = (state, { address, lit }) => {
    const rows = state.cache.map((cached) => {
      const size = 2 ** (12 + 9 * (cached.level - 1));
      const isHere = address !== null && cached.start <= address && address < cached.start + size;
      const name = cached.is_leaf ? `page ${hex(cached.start)}` : `level ${cached.level} way to ${hex(cached.start)}`;
      const row = make("li", cached.is_leaf ? "leaf" : "way", [
        make("span", "name", name), make("span", "arrow", "→"), make("span", "target", hex(cached.physical)),
        make("span", "rights", cached.is_leaf ? `${cached.rights}${cached.dirty ? " D" : ""}` : "table"),
      ]);
      if (cached.stale) {
        row.classList.add("stale");
        row.append(make("span", "stale-why", `stale; the tables say: ${cached.stale}`));
      }
      if (isHere && cached.is_leaf && (lit === "lookup" || lit === "again" || lit === "done")) row.classList.add("lit");
      return row;
    });
    const hidden = state.cached - state.cache.length;
    if (hidden > 0) rows.push(make("li", "more", `and ${hidden} more`));
    fill("cache", rows.length ? [make("ul", "", rows)] : [make("p", "none", "The processor remembers nothing.")]);
    byId("cache-what").textContent = state.counts.obeys ? "" : "flushes are ignored";
    byId("cache-what").classList.toggle("warning", !state.counts.obeys);
  };

  // --- frames -----------------------------------------------------------------

  const USES = {
    free: ["free", ""], private: ["private page", "p"], shared: ["shared page", "s"], zero: ["frame of zeroes", "z"],
    table: ["page table", "t"], records: ["region records", "r"], reserved: ["bitmap and log", ""],
    unmanaged: ["not managed", ""],
  };

  const expand = (state) => state.frames.flatMap(([use, count]) => Array(count).fill(use));

  /// What leads to a frame, as far as the tables shown tell.
  const whoHas = (state, frame) => {
    const table = state.tables.find((table) => table.frame === frame * PAGE);
    if (table) return `: level ${table.level}`;
    const pages = [];
    for (const table of state.tables) {
      for (const row of table.entries) {
        if (!["private", "shared", "zero"].includes(row.kind)) continue;
        for (let index = 0; index < row.count && pages.length < 4; index += 1) {
          const start = row.target + (row.kind === "zero" ? 0 : index * row.page);
          if (start <= frame * PAGE && frame * PAGE < start + row.page) {
            pages.push(hex(table.start + (row.index + index) * 2 ** (12 + 9 * (table.level - 1))));
          }
        }
      }
    }
    return pages.length ? `: page ${pages.join(", ")}` : "";
  };

  /// Where the lens begins: around the first frame that has changed, or at the first in use.
  const lensFrom = (uses, before) => {
    const changed = before ? uses.findIndex((use, frame) => use !== before[frame]) : -1;
    const first = changed >= 0 ? changed : uses.indexOf("zero");
    return Math.min(Math.floor(first / LENS) * LENS, FRAMES - LENS);
  };

  const frames = (state, before, { address }) => {
    const uses = expand(state);
    const old = before ? expand(before) : null;
    const from = lensFrom(uses, old);
    const row = address === null ? null : leafFrame(state, address);
    const cells = uses.slice(from, from + LENS).map((use, index) => {
      const frame = from + index;
      const label = `frame ${hex(frame * PAGE)}: ${USES[use][0]}${whoHas(state, frame)}`;
      const cell = make("span", `square ${use}`, USES[use][1], { title: label });
      if (old && old[frame] !== use) cell.classList.add("changed");
      if (row === frame) cell.classList.add("here");
      return cell;
    });
    fill("lens", cells);
    byId("frames-what").textContent = `frames ${hex(from * PAGE)} to ${hex((from + LENS) * PAGE)}, and all`;
    map(uses, from);
    fill("legend", Object.entries(USES).map(([use, [name]]) =>
      make("li", "", [make("span", `square ${use}`, USES[use][1]), ` ${name}`])));
  };

  /// The number of the frame that an address is translated to.
  const leafFrame = (state, address) => {
    for (const [frame, index] of wayTo(state, address)) {
      const table = state.tables.find((table) => table.frame === frame);
      const row = table.entries.find((row) => row.index <= index && index < row.index + row.count);
      if (row && ["private", "shared", "zero"].includes(row.kind)) {
        const start = row.target + (row.kind === "zero" ? 0 : (index - row.index) * row.page);
        return Math.floor((start + address % row.page) / PAGE);
      }
    }
    return null;
  };

  const map = (uses, from) => {
    const canvas = byId("map");
    const columns = 128;
    const size = Math.max(2, Math.floor(canvas.parentElement.clientWidth / columns));
    const gap = size > 2 ? 1 : 0;
    const scale = window.devicePixelRatio || 1;
    canvas.width = columns * size * scale;
    canvas.height = (FRAMES / columns) * size * scale;
    canvas.style.width = `${columns * size}px`;
    const pen = canvas.getContext("2d");
    pen.scale(scale, scale);
    const style = getComputedStyle(document.documentElement);
    const colours = Object.fromEntries(Object.keys(USES).map((use) =>
      [use, style.getPropertyValue(`--${use}`).trim()]));
    uses.forEach((use, frame) => {
      pen.fillStyle = colours[use];
      pen.fillRect((frame % columns) * size, Math.floor(frame / columns) * size, size - gap, size - gap);
    });
    pen.strokeStyle = style.getPropertyValue("--ink");
    pen.strokeRect((from % columns) * size - 0.5, Math.floor(from / columns) * size - 0.5, LENS * size, size);
  };

  // --- numbers ----------------------------------------------------------------

  const counts = (state) => {
    const { counts } = state;
    const numbers = [
      ["faults", counts.faults], ["private frames", counts.private], ["shared frames", counts.shared],
      ["tables", counts.tables], ["free frames", counts.free], ["cache hits", counts.hits],
      ["walks", counts.walks], ["flushes", counts.flushes],
    ];
    if (counts.slots > 0) {
      numbers.push(["slots used", `${counts.slots_used} of ${counts.slots}`], ["pages written", counts.written],
        ["pages read", counts.read]);
    }
    fill("counts", numbers.map(([name, number]) =>
      make("div", "", [make("dd", "", number, { "data-name": name }), make("dt", "", name)])));
  };

  const faults = (log) => {
    const rows = log.slice(-8).reverse().map((fault) => make("tr", "", [
      make("td", "number", fault.number), make("td", "", hex(fault.address)),
      make("td", "", fault.access), make("td", "", fault.cause.replace("_", " ")),
      make("td", fault.outcome.startsWith("refused") ? "refused" : "", fault.outcome.replaceAll("_", " ")),
      make("td", "", fault.frame ? hex(fault.frame) : "–"),
    ]));
    if (!rows.length) {
      fill("faults", [make("p", "none", "No fault yet.")]);
      return;
    }
    const head = ["", "address", "access", "cause", "outcome", "frame"].map((name) => make("th", "", name));
    fill("faults", [make("table", "", [make("thead", "", [make("tr", "", head)]), make("tbody", "", rows)])]);
  };

  return { regions, bytes, tables, cache, frames, counts, faults };
})();
