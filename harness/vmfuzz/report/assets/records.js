// Records of a state as text. A subject is `kind:name`; see the page's data for the fields.
const kindOf = (key) => key.slice(0, key.indexOf(":"));
const nameOf = (key) => key.slice(key.indexOf(":") + 1);
const natural = new Intl.Collator("en", { numeric: true });
const byHex = (a, b) => a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);
const plural = (n, word) => `${n.toLocaleString("en")} ${word}${n === 1 ? "" : "s"}`;

const TERMS = [
  ["H", "handles"], ["P", "mappings"], ["C", "covers"], ["D", "deferred"],
  ["U", "exclusive"], ["links", "table links"], ["lost", "known leaks"],
];

function termsOf(page) {
  const parts = TERMS.filter(([name]) => page[name]).map(([name]) => `${name} ${page[name]}`);
  return parts.join(" + ") || "nobody";
}

function sizeText(bytes) {
  return bytes >= 1 << 30 ? `${bytes / (1 << 30)} GiB`
    : bytes >= 1 << 20 ? `${bytes / (1 << 20)} MiB` : `${bytes / 1024} KiB`;
}

function entryText(r) {
  if (r.kind === "nothing") return "nothing";
  if (r.kind === "table") return `table ${r.to}`;
  const size = r.size ? ` of ${sizeText(r.size)}` : "";
  const run = r.n ? ` (${r.n} in a row)` : "";
  return `${r.kind} ${r.to}${size} ${r.prop}${run}`;
}

function dataText(r) {
  return r.data ? `${r.data.join(", ")} (crc ${r.crc})` : "all zero";
}

const TEXTS = {
  page: (r) => {
    const sign = r.rc === r.sum ? "=" : "\u2260";
    const meta = [r.meta || "no metadata", r.val].filter(Boolean).join(" ");
    return `rc ${r.rc} ${sign} ${termsOf(r)}, ${meta}`
      + (r.level ? `, table of level ${r.level}` : "") + (r.list ? `, list ${r.list}` : "");
  },
  frame: (r) => `page ${r.at}`,
  raw: (r) => `page ${r.at}`,
  unique: (r) => `page ${r.at}`,
  raw_unique: (r) => `page ${r.at}`,
  segment: (r) => `[${r.start || "0x0"}, ${r.end || "0x0"})`,
  raw_segment: (r) => `[${r.start || "0x0"}, ${r.end || "0x0"})`,
  list: (r) => `id ${r.id || "none"}: ${(r.pages || []).join(" ") || "empty"}`,
  lcursor: (r) => `on ${r.at} of ${r.of}`,
  space: (r) => (r.config ? `${r.config} table` : r.cpus ? `active on CPU ${r.cpus.join(", ")}`
    : "active nowhere") + `, root ${r.root}`
    + (r.devices ? `, device memory ${r.devices.join(" ")}` : ""),
  table: (r) => `level ${r.level}, ${plural(r.entries || 0, "entr").replace(/entrs?$/,
    (r.entries || 0) === 1 ? "entry" : "entries")}` + (r.lock ? `, locked by ${r.lock}` : ""),
  entry: (r) => `${r.va} \u2192 ${entryText(r)}`,
  cursor: (r) => `at ${r.va}, level ${r.level}, range [${r.start}, ${r.end}) of ${r.of}`
    + (r.flushes ? `, flushes wait: ${r.flushes}` : "")
    + (r.kept ? `, keeps ${r.kept.join(" ")}` : ""),
  cpu: (r) => (r.runs ? "running, " : "") + (r.active ? `${r.active} active` : "kernel table")
    + `, root ${r.root}`,
  tlb: (r) => `${r.va} \u2192 ${r.to} ${r.prop}`,
  rcu: (r) => `waits for the grace period: ${(r.pages || []).join(" ") || "nothing"}`,
  bytes: (r) => dataText(r),
  buf: (r) => `${plural(r.bytes || 0, "byte")}, ${dataText(r)}`,
  vio: (r) => `bytes [${r.start}, ${r.end}) of ${r.of}, ${r.kind}`,
  more: (r) => `${plural(r.n, "more")} not shown`,
};

const LABELS = {
  page: (n) => `page ${n}`, table: (n) => `table ${n}`, cpu: (n) => `CPU ${n}`,
  entry: (n) => `entry ${n.slice(n.indexOf("/") + 1)} of ${n.slice(0, n.indexOf("/"))}`,
  tlb: (n) => `CPU ${n.slice(0, n.indexOf("/"))} TLB`, rcu: (n) => `RCU batch ${n}`,
  bytes: (n) => `bytes of ${n}`, more: (n) => `${n} left out`,
};

function textOf(key, record) { return (TEXTS[kindOf(key)] || JSON.stringify)(record); }
function labelOf(key) { return (LABELS[kindOf(key)] || ((n) => n))(nameOf(key)); }

function ofKind(state, ...kinds) {
  return [...state].filter(([key]) => kinds.includes(kindOf(key)))
    .sort((a, b) => kinds.indexOf(kindOf(a[0])) - kinds.indexOf(kindOf(b[0]))
      || natural.compare(nameOf(a[0]), nameOf(b[0])));
}

// Who holds a page, by the kind of reference that it counts as.
function holdersOf(state, at) {
  const found = { H: [], P: [], C: [], D: [], U: [], links: [], lost: [] };
  for (const [key, r] of state) {
    const kind = kindOf(key), name = nameOf(key);
    if ((kind === "frame" || kind === "raw") && r.at === at) found.H.push(name);
    else if ((kind === "unique" || kind === "raw_unique") && r.at === at) found.U.push(name);
    else if (kind === "segment" || kind === "raw_segment") {
      if (byHex(r.start, at) <= 0 && byHex(at, r.end) < 0) found.C.push(name);
    } else if (kind === "entry" && r.kind === "page" && covers(r, at)) {
      found.P.push(`${treeOf(state, key)} ${r.va}`);
    } else if (kind === "entry" && r.kind === "table" && r.to === at) {
      found.links.push(`entry ${name.slice(name.indexOf("/") + 1)} of ${name.split("/")[0]}`);
    } else if (kind === "list" && (r.pages || []).includes(at)) found.U.push(name);
    else if (kind === "space" && r.root === at) found.links.push(`${name} (root)`);
    else if (kind === "cpu" && r.root === at) found.links.push(`CPU ${name} (root)`);
    else if (kind === "cursor" && (r.kept || []).includes(at)) found.D.push(`${name} (flush)`);
    else if (kind === "rcu" && (r.pages || []).includes(at)) found.D.push("RCU");
  }
  return found;
}

function covers(r, at) {
  if (!r.n) return r.to === at;
  const first = Number(r.to), step = r.size || 4096, page = Number(at);
  return page >= first && page < first + r.n * step && (page - first) % step === 0;
}

function treeOf(state, entryKey) {
  const table = state.get(`table:${nameOf(entryKey).split("/")[0]}`);
  return table ? table.of : "";
}
