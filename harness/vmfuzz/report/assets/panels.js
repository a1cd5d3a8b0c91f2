// Panels: each takes (state, changed, view) and returns a card, or null when it has nothing.
const WORDS = { shared: "shared", unique: "exclusive", node: "page table", free: "free" };

function card(title, content, attributes) {
  return el("section", { class: "card", ...attributes }, el("h3", {}, title), content);
}

function row(key, record, changed, label) {
  const bad = record.bad || [];
  const isNew = changed.has(key);
  return el("li", {}, el("div", { class: `line mono${isNew ? " new" : ""}${bad.length ? " bad" : ""}` },
    el("b", {}, label === undefined ? labelOf(key) : label), ` ${textOf(key, record)}`,
    isNew ? el("span", { class: "visually-hidden" }, " (changed)") : "",
    bad.map((text) => el("span", { class: "why" }, `\u2260 ${text}`))));
}

function rowsCard(title, state, changed, kinds) {
  const rows = ofKind(state, ...kinds);
  if (!rows.length) return null;
  return card(title, el("ul", { class: "rows" }, rows.map(([k, r]) => row(k, r, changed))));
}

// -- pages -----------------------------------------------------------------------------------

function pageKind(page) {
  if (!page) return "free";
  return page.level || page.usage === "PageTable" ? "node" : page.U ? "unique" : "shared";
}

function cell(view, at, page, isNew) {
  const kind = pageKind(page), bad = page && page.bad;
  const terms = page ? termsOf(page) : "";
  const sign = bad && page.rc !== page.sum ? ` \u2260 ${page.sum}` : "";
  const label = page ? `page ${at}, ${WORDS[kind]}, ${textOf("page:", page)}`
    + (bad ? `, mismatch: ${bad.join("; ")}` : "") + (isNew ? ", changed" : "")
    : `page ${at}, free${isNew ? ", changed" : ""}`;
  const isChosen = view.page === at;
  return el("button", {
    type: "button", class: `cell ${kind}${bad ? " bad" : ""}${isNew ? " new" : ""}`,
    "data-at": at, "aria-label": label, "aria-pressed": isChosen, tabindex: -1,
    onclick: () => view.choose(at),
  }, el("span", { class: "at" }, at),
    page ? [el("span", { class: "rc" }, `${bad ? "\u2260 " : ""}rc ${page.rc}${sign}`),
      el("span", { class: "terms" }, page.level ? `level ${page.level}` : terms)] : "");
}

function pagesCard(state, changed, view) {
  const live = ofKind(state, "page").map(([key]) => nameOf(key));
  const shown = new Set(live);
  if (view.film.frames <= 32) {
    for (let i = 0; i < view.film.frames; i++) shown.add(`0x${(i * 4096).toString(16)}`);
  }
  for (const key of changed) if (kindOf(key) === "page") shown.add(nameOf(key));
  const cells = [...shown].sort(byHex).map((at) =>
    cell(view, at, state.get(`page:${at}`), changed.has(`page:${at}`)));
  const chosen = cells.find((c) => c.dataset.at === view.page) || cells[0];
  if (chosen) chosen.tabIndex = 0;
  const grid = el("div", { class: "pages", role: "group", "aria-label": "pages",
    onkeydown: (event) => moveInGrid(event) }, cells);
  const more = state.get("more:page");
  return card(`Pages (${live.length} ${view.film.hidden_pages ? "shown" : "in use"})`, [grid,
    more ? el("p", { class: "dim" }, TEXTS.more(more)) : "",
    view.film.hidden_pages ? el("p", { class: "dim" },
      "A large machine: the pages of the last step and the first others are shown.") : "",
    legend()], { class: "card wide" });
}

function legend() {
  const item = (kind) => el("span", {}, el("i", { class: kind }), WORDS[kind]);
  return el("p", { class: "legend" }, ["shared", "unique", "node", "free"].map(item),
    el("span", {}, "\u25CF changed by this step"), el("span", {}, "\u2260 the two sides differ"));
}

function moveInGrid(event) {
  const cells = [...event.currentTarget.children], at = cells.indexOf(document.activeElement);
  const wide = cells.filter((c) => c.offsetTop === cells[0].offsetTop).length;
  const to = { ArrowLeft: at - 1, ArrowRight: at + 1, ArrowUp: at - wide, ArrowDown: at + wide,
    Home: 0, End: cells.length - 1 }[event.key];
  if (at < 0 || to === undefined) return;
  event.preventDefault();
  event.stopPropagation();
  if (!cells[to]) return;
  cells[at].tabIndex = -1;
  cells[to].tabIndex = 0;
  cells[to].focus();
}

// The accounting equation of one page, with who holds each reference.
function equation(state, at) {
  const page = state.get(`page:${at}`);
  if (!page) return el("p", { class: "dim" }, `page ${at} is free`);
  const holders = holdersOf(state, at), isOff = page.rc !== page.sum;
  const parts = TERMS.filter(([name], i) => i < 4 || page[name]);
  const term = (name, value, note, kind) => el("div", { class: `term ${kind}` },
    el("small", {}, name), el("b", {}, value), el("small", { class: "holders mono" }, note));
  const right = parts.flatMap(([name, words], i) => [
    i ? el("span", { class: "sign" }, "+") : "",
    term(`${name}, ${words}`, String(page[name] || 0), holders[name].slice(0, 6).join(", ")
      + (holders[name].length > 6 ? ", ..." : ""), page[name] ? "" : "zero")]);
  return el("div", {}, el("div", { class: `equation${isOff ? " off" : ""}` },
    term("rc, counted", page.rc, "by the machine", "count"),
    el("span", { class: "sign rel" }, isOff ? "\u2260" : "="), right,
    el("span", { class: "sign" }, "="), term("owned", page.sum, "by the store", "sum")),
  el("p", { class: "dim" }, `page ${at}: ${[page.meta || "no metadata", page.val].filter(Boolean).join(" ")}`,
    page.usage ? `, usage ${page.usage}` : "", page.list ? `, list tag ${page.list}` : ""),
  (page.bad || []).map((text) => el("p", { class: "warnline" }, `\u2260 ${text}`)));
}

// -- handles and segments over the pages -----------------------------------------------------

function spansCard(state, changed) {
  const handles = ofKind(state, "frame", "raw", "unique", "raw_unique");
  const segments = ofKind(state, "segment", "raw_segment");
  if (!handles.length && !segments.length) return null;
  const points = new Set();
  for (const [, r] of handles) if (r.at !== "nothing") points.add(Number(r.at)).add(Number(r.at) + 4096);
  for (const [, r] of segments) points.add(Number(r.start || 0)).add(Number(r.end || 0));
  const first = Math.min(...points), last = Math.max(...points, first + 4096);
  const isScaled = (last - first) / 4096 <= 64;
  const marks = isScaled ? Array.from({ length: (last - first) / 4096 + 1 }, (_, i) =>
    first + i * 4096) : [...points].sort((a, b) => a - b);
  const column = (address) => marks.indexOf(address) + 1;
  const track = (...spans) => el("div", { class: "track", style: {
    gridTemplateColumns: `repeat(${Math.max(1, marks.length - 1)}, minmax(0, 1fr))` } }, spans);
  const span = (key, from, to, text) => el("div", { class: `span mono ${kindOf(key)}${from === to ? " empty" : ""}`,
    title: `${labelOf(key)} ${text}`,
    style: { gridColumn: `${column(from)} / ${Math.max(column(to), column(from) + 1)}` } }, text);
  const line = (key, r, content) => {
    const bad = r.bad || [];
    return [el("span", { class: `label mono${changed.has(key) ? " moved" : ""}` },
      `${nameOf(key)} ${kindOf(key).startsWith("raw") ? "(raw)" : ""}${changed.has(key) ? " \u25CF" : ""}`,
      bad.map((text) => el("span", { class: "warnline" }, ` \u2260 ${text}`))), content];
  };
  const rows = [
    ...segments.map(([key, r]) => {
      const from = Number(r.start || 0), to = Number(r.end || 0), n = (to - from) / 4096;
      return line(key, r, track(span(key, from, to, n ? `${r.start || "0x0"}, ${plural(n, "page")}`
        : `empty at ${r.start || "0x0"}`)));
    }),
    ...handles.map(([key, r]) => line(key, r, r.at === "nothing" ? track()
      : track(span(key, Number(r.at), Number(r.at) + 4096, r.at)))),
  ];
  const hex = (n) => `0x${n.toString(16)}`;
  const axis = [el("span", { class: "label" }, ""), el("div", { class: "axis" },
    `${hex(first)} \u2026 ${hex(last)}${isScaled ? "" : ", not to scale"}`)];
  return card("Handles and segments over the pages",
    el("div", { class: "spans", style: { gridTemplateColumns: "max-content minmax(0, 1fr)" } },
      rows, axis));
}

// -- address spaces --------------------------------------------------------------------------

function spacesCard(state, changed) {
  const spaces = ofKind(state, "space");
  if (!spaces.length) return null;
  const tables = ofKind(state, "table"), entries = ofKind(state, "entry");
  const cursors = ofKind(state, "cursor");
  const branch = (at, from) => {
    const key = `table:${at}`, table = state.get(key);
    if (!table) return [];
    const below = entries.filter(([k]) => nameOf(k).startsWith(`${at}/`)).flatMap(([k, r]) => {
      const index = `[${nameOf(k).split("/")[1]}]`, isTable = r.kind === "table";
      const isPlain = isTable && !r.bad && !changed.has(k);
      return [isPlain ? [] : row(k, r, changed, index),
        isTable ? branch(r.to, isPlain ? `${index} ${r.va} \u2192 ` : "") : []].flat();
    });
    const made = row(key, table, changed, `${from}table ${at}`);
    made.append(el("ul", {}, below));
    return [made];
  };
  const reached = new Set();
  const space = ([key, r]) => {
    reached.add(nameOf(key));
    const made = row(key, r, changed);
    const own = cursors.filter(([, c]) => c.of === nameOf(key));
    made.append(el("ul", {}, own.map(([k, c]) => row(k, c, changed)), branch(r.root, "")));
    return made;
  };
  const list = spaces.map(space);
  const others = cursors.filter(([, c]) => !reached.has(c.of)).map(([k, c]) => row(k, c, changed));
  const more = [state.get("more:space"), state.get("more:cursor")].filter(Boolean);
  return card(`Page tables (${plural(tables.length, "table")})`, [
    el("ul", { class: "rows" }, list, others),
    more.map((r) => el("p", { class: "dim" }, TEXTS.more(r)))]);
}

function cpusCard(state, changed) {
  const cpus = ofKind(state, "cpu"), cached = ofKind(state, "tlb");
  const batches = ofKind(state, "rcu").map(([k, r]) => row(k, r, changed));
  const rows = cpus.map(([key, r]) => {
    const made = row(key, r, changed);
    made.append(el("ul", {}, cached.filter(([k]) => nameOf(k).startsWith(`${nameOf(key)}/`))
      .map(([k, t]) => row(k, t, changed, "cached"))));
    return made;
  });
  if (!rows.length && !batches.length) return null;
  return card("CPUs, cached translations, RCU", el("ul", { class: "rows" }, rows, batches));
}

function panelsOf(state, changed) {
  return [
    spacesCard(state, changed),
    spansCard(state, changed),
    cpusCard(state, changed),
    rowsCard("Lists", state, changed, ["list", "lcursor"]),
    rowsCard("Contents, readers, writers", state, changed, ["bytes", "buf", "vio"]),
  ].filter(Boolean);
}
