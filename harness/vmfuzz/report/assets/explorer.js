// Steps through a film. Position 0 is the empty machine; position i shows it after item i - 1.
const MOST_CHANGES = 60;

class Explorer {
  constructor(root, film, { isAlone }) {
    this.root = root;
    this.film = film;
    this.isAlone = isAlone;
    this.states = [new Map()];
    this.page = null;
    this.last = film.steps.length;
    this.build();
    root.addEventListener("keydown", (event) => this.key(event));
    if (isAlone) {
      document.addEventListener("keydown", (event) => {
        if (event.target === document.body) this.key(event);
      });
    }
    const asked = isAlone && /^#step=(\d{1,7})$/.exec(location.hash);
    this.show(asked ? this.positionOf(Number(asked[1])) : this.last);
  }

  positionOf(step) {
    const at = this.film.steps.findIndex((item) => item.n >= step);
    return at < 0 ? this.last : at + 1;
  }

  // The state at a position; earlier ones share their records.
  stateAt(position) {
    while (this.states.length <= position) {
      const item = this.film.steps[this.states.length - 1];
      const next = new Map(this.states[this.states.length - 1]);
      for (const key of item.del || []) next.delete(key);
      for (const [key, record] of Object.entries(item.set || {})) next.set(key, record);
      this.states.push(next);
    }
    return this.states[position];
  }

  build() {
    const button = (text, label, to) => el("button", { type: "button", "aria-label": label,
      title: label, onclick: () => this.show(to()) }, text);
    this.slider = el("input", { type: "range", min: 0, max: this.last, step: 1,
      "aria-label": "step", oninput: () => this.show(Number(this.slider.value)) });
    this.where = el("span", { class: "where" });
    this.live = el("p", { class: "visually-hidden", "aria-live": "polite" });
    this.buttons = [
      button("|\u25C0", "first (Home)", () => 0), button("\u25C0", "previous step (k)",
        () => this.at - 1),
      button("\u25B6", "next step (j)", () => this.at + 1),
      button("\u25B6|", "last (End)", () => this.last)];
    this.list = el("ol", { class: "steps", role: "listbox", "aria-label": "steps of the trace" },
      Array.from({ length: this.last + 1 }, (_, at) => this.option(at)));
    this.list.addEventListener("click", (event) => {
      const chosen = event.target.closest(".opt");
      if (chosen) this.show(Number(chosen.dataset.at));
    });
    this.cards = el("div", { class: "cards" });
    this.root.replaceChildren(
      el("div", { class: "bar", role: "toolbar", "aria-label": "stepping" },
        this.buttons.slice(0, 2), this.slider, this.buttons.slice(2), this.where,
        el("span", { class: "keys dim" }, el("kbd", {}, "\u2190"), " ", el("kbd", {}, "\u2192"),
          " or ", el("kbd", {}, "k"), " ", el("kbd", {}, "j"))),
      this.live, el("div", { class: "stage" }, this.list, this.cards));
  }

  option(at) {
    const item = at ? this.film.steps[at - 1] : { n: "", op: "the empty machine" };
    const isFailing = this.isFailing(item);
    const isOff = Object.values(item.set || {}).some((record) => record.bad) || item.expected;
    const out = item.skip ? "skipped" : isFailing ? `\u2717 ${this.film.finding.clause}`
      : `${isOff ? "\u2260 " : ""}${item.out || ""}`;
    return el("li", { class: `opt${isFailing ? " failing" : ""}${isOff ? " off" : ""}`,
      role: "option", tabindex: -1, "data-at": at, "aria-selected": false },
    el("span", { class: "n" }, String(item.gap ? "\u22EE" : item.n)),
    el("span", { class: "op mono" }, item.gap ? `${plural(item.gap, "step")} not shown` : item.op),
    el("span", { class: "out" }, out));
  }

  isFailing(item) { return Boolean(this.film.finding) && item.n === this.film.finding.step; }

  show(position) {
    const hadFocus = this.focused();
    this.at = Math.max(0, Math.min(this.last, position));
    const item = this.at ? this.film.steps[this.at - 1] : null;
    const state = this.stateAt(this.at), before = this.at ? this.stateAt(this.at - 1) : new Map();
    const changed = new Set([...Object.keys((item && item.set) || {}), ...((item && item.del) || [])]);
    const isFailing = Boolean(item) && this.isFailing(item);
    if (isFailing) this.page = this.film.finding.page || this.firstBad(state) || this.page;
    this.chooseList();
    this.slider.value = String(this.at);
    this.slider.setAttribute("aria-valuetext", this.title(item));
    this.where.textContent = this.title(item);
    this.buttons.forEach((b, i) => { b.disabled = i < 2 ? !this.at : this.at === this.last; });
    this.cards.replaceChildren(...[
      isFailing ? this.findingCard(state) : null,
      this.stepCard(item, before, state),
      pagesCard(state, changed, this),
      el("div", { class: "flow" }, panelsOf(state, changed))].filter(Boolean));
    this.pageDetail(state);
    this.revealPage();
    this.focusAgain(hadFocus);
    this.live.textContent = this.spoken(item, isFailing);
    if (this.isAlone) this.keepInAddress(item);
  }

  firstBad(state) {
    const found = ofKind(state, "page").find(([, page]) => page.bad);
    return found ? nameOf(found[0]) : null;
  }

  title(item) {
    if (!item) return "before step 0";
    if (item.gap) return `steps ${item.n} to ${item.n + item.gap - 1}`;
    return `after step ${item.n} of ${this.film.ended - 1}`;
  }

  spoken(item, isFailing) {
    if (!item || item.gap) return this.title(item);
    const end = isFailing ? `, ${this.film.finding.clause} broke` : "";
    return `step ${item.n}: ${item.op}, ${item.skip ? `skipped, ${item.skip}` : item.out}${end}`;
  }

  keepInAddress(item) {
    const hash = item ? `#step=${item.n}` : " ";
    try { history.replaceState(null, "", item ? hash : location.pathname); } catch { /* no */ }
  }

  chooseList() {
    for (const option of this.list.children) {
      const at = Number(option.dataset.at), isChosen = at === this.at;
      option.setAttribute("aria-selected", String(isChosen));
      option.tabIndex = isChosen ? 0 : -1;
      option.classList.toggle("later", at > this.at);
      if (isChosen) this.scrollTo(option);
    }
  }

  // Scrolls the list only: the page stays where the reader has it.
  scrollTo(option) {
    const list = this.list, top = option.offsetTop - list.offsetTop;
    if (top < list.scrollTop + 40) list.scrollTop = Math.max(0, top - 60);
    else if (top + option.offsetHeight > list.scrollTop + list.clientHeight - 40) {
      list.scrollTop = top + option.offsetHeight - list.clientHeight + 60;
    }
  }

  stepCard(item, before, state) {
    if (!item) {
      return card("Before the first step", el("p", { class: "mono" }, this.film.world,
        this.film.faults.map((f) => [el("br", {}), `fault ${f}`])), { class: "card wide" });
    }
    if (item.gap) {
      return card(this.title(item), [el("p", {}, `${plural(item.gap, "step")} are left out of this `
        + "page; what they changed together is below."), this.changeTable(item, before, state)],
      { class: "card wide" });
    }
    const kind = /^ok/.test(item.out || "") ? "good" : /^(panic|abort|div)/.test(item.out || "")
      ? "bad" : "warn";
    const isRefused = this.isFailing(item) && this.film.finding.clause.startsWith("OUT.");
    const halfDone = kind === "bad" ? el("p", { class: "dim" }, "The call did not return: what it "
      + "left half done below is shown, and is no finding by itself.") : "";
    return card(`Step ${item.n}`, [
      el("p", { class: "op-line mono" }, item.op),
      item.skip ? el("p", { class: "dim" }, `skipped: ${item.skip}`)
        : item.out ? el("p", {}, "outcome ", el("span", { class: `chip mono ${kind}` }, item.out)) : "",
      halfDone, isRefused ? el("p", { class: "dim" }, "The view did not accept this outcome and did "
        + "not take it over: differences below follow from that.") : "", this.events(item), this.changeTable(item, before, state)], { class: "card wide" });
  }

  events(item) {
    const list = (texts) => el("ul", { class: "events mono" }, texts.map((t) => el("li", {}, t)));
    return [item.events ? list(item.events) : "",
      item.expected ? [el("p", { class: "warnline" }, "\u2260 by the ops, these were expected:"),
        list(item.expected)] : ""];
  }

  changeTable(item, before, state) {
    const isBad = (key) => Boolean(state.get(key) && state.get(key).bad);
    const every = [...Object.keys(item.set || {}), ...(item.del || [])];
    const keys = [...every.filter(isBad), ...every.filter((key) => !isBad(key))];
    if (!keys.length) return el("p", { class: "dim" }, "nothing changed");
    const line = (key) => {
      const old = before.get(key), now = state.get(key);
      const [sign, kind, word] = !old ? ["+", "add", "added"] : !now ? ["\u2212", "gone", "gone"]
        : ["\u0394", "moved", "changed"];
      const bad = (now && now.bad) || [];
      return el("tr", {},
        el("td", { class: kind, title: word }, sign, el("span", { class: "visually-hidden" }, word)),
        el("td", { class: "what mono" }, labelOf(key)),
        el("td", { class: "mono" }, old ? el("del", {}, textOf(key, old)) : "",
          old && now ? " \u2192 " : "", now ? el("ins", {}, textOf(key, now)) : "",
          bad.map((text) => el("div", { class: "warnline" }, `\u2260 ${text}`))));
    };
    const more = keys.length - MOST_CHANGES;
    return el("table", { class: "changes" }, el("caption", { class: "visually-hidden" },
      "what this step changed"), el("tbody", {}, keys.slice(0, MOST_CHANGES).map(line),
      more > 0 ? el("tr", {}, el("td", {}), el("td", { colspan: 2, class: "dim" },
        `and ${plural(more, "more change")}`)) : ""));
  }

  findingCard(state) {
    const f = this.film.finding;
    const names = [...new Set(f.others.map((o) => o.clause))];
    return el("section", { class: "card wide broken" },
      el("h3", {}, `\u2717 ${f.clause} broke: ${f.text}`),
      f.page ? equation(state, f.page) : "",
      el("p", { class: "mono" }, f.witness), el("p", { class: "dim" }, `source: ${f.source}`),
      names.length ? el("details", {}, el("summary", {}, `also broken: ${names.slice(0, 6).join(", ")}`
        + (f.more || names.length > 6 ? ", ..." : "")),
      el("ul", {}, f.others.map((o) => el("li", { class: "mono" }, `${o.clause}: ${o.text}: ${o.witness}`))))
        : "");
  }

  choose(at) {
    this.page = this.page === at ? null : at;
    this.show(this.at);
  }

  pageDetail(state) {
    const isShown = this.film.finding && this.page === this.film.finding.page
      && this.cards.querySelector(".broken");
    if (!this.page || isShown) return;
    const grid = this.cards.querySelector(".pages");
    grid.after(el("div", { class: "detail", "aria-live": "polite" }, equation(state, this.page)));
  }

  // Scrolls the grid of pages only, to the chosen page or the first that differs.
  revealPage() {
    const grid = this.cards.querySelector(".pages");
    const shown = grid.querySelector('[aria-pressed="true"], .bad, .new');
    if (shown) grid.scrollTop = shown.offsetTop - grid.offsetTop - 60;
  }

  focused() {
    const on = document.activeElement;
    if (!on || !this.root.contains(on)) return null;
    if (on.classList.contains("cell")) return () => this.cards.querySelector(
      `.cell[data-at="${on.dataset.at}"]`);
    return on.classList.contains("opt") ? () => this.list.children[this.at] : null;
  }

  focusAgain(find) {
    const found = find && find();
    if (found) found.focus({ preventScroll: true });
  }

  key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return;
    const isSlider = event.target === this.slider;
    const isInList = this.list.contains(event.target);
    const steps = { j: 1, k: -1, ...(isSlider ? {} : { ArrowRight: 1, ArrowLeft: -1 }),
      ...(isInList ? { ArrowDown: 1, ArrowUp: -1 } : {}) };
    const to = event.key in steps ? this.at + steps[event.key]
      : isSlider ? undefined : { Home: 0, End: this.last }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.show(to);
  }
}
