// Elements are made with text nodes only: nothing from outside is ever read as markup.
function el(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "style") Object.assign(made.style, value);
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== ""));
  return made;
}

const THEMES = ["auto", "light", "dark"];

// The choice is kept where the browser lets a page from disk keep anything.
function themeButton() {
  const root = document.documentElement;
  const kept = () => { try { return localStorage.getItem("vmfuzz-theme"); } catch { return null; } };
  const keep = (name) => { try { localStorage.setItem("vmfuzz-theme", name); } catch { /* no */ } };
  let theme = THEMES.includes(kept()) ? kept() : "auto";
  const button = el("button", { type: "button", class: "theme" });
  const apply = () => {
    if (theme === "auto") delete root.dataset.theme; else root.dataset.theme = theme;
    button.textContent = `Theme: ${theme}`;
  };
  button.addEventListener("click", () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    keep(theme);
    apply();
  });
  apply();
  return button;
}

function copied(button, text) {
  const area = el("textarea", { readonly: true, class: "visually-hidden" }, text);
  document.body.append(area);
  area.select();
  const isDone = document.execCommand("copy");
  area.remove();
  button.focus();
  button.textContent = isDone ? "Copied" : "Press Ctrl+C";
  setTimeout(() => { button.textContent = "Copy"; }, 1600);
}

function dataOf(id) { return JSON.parse(document.getElementById(id).textContent); }
