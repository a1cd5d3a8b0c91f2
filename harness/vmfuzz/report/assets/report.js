// Explorers are made when their bucket is opened: a report with many opens at once.
document.querySelector(".top").append(themeButton());
for (const button of document.querySelectorAll("button[data-copy]")) {
  button.addEventListener("click", () => copied(button, button.dataset.copy));
}
for (const button of document.querySelectorAll("button[data-copy-trace]")) {
  button.addEventListener("click", () => copied(button, button.previousElementSibling.textContent));
}
for (const bucket of document.querySelectorAll("details.bucket")) {
  const place = bucket.querySelector(".explorer");
  const open = () => {
    if (!bucket.open || !place || place.dataset.isMade) return;
    place.dataset.isMade = "yes";
    new Explorer(place, dataOf(place.dataset.film), { isAlone: false });
  };
  bucket.addEventListener("toggle", open);
  open();
}
// An address may name a bucket by its number on this page or, for good, by its folder.
function openNamed() {
  let name = "";
  try { name = decodeURIComponent(location.hash.slice(1)); } catch { return; }
  const found = name && document.getElementById(name);
  const bucket = found && found.closest("details.bucket");
  if (!bucket) return;
  bucket.open = true;
  bucket.scrollIntoView();
}
window.addEventListener("hashchange", openNamed);
openNamed();
