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
const named = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
if (named && named.matches("details.bucket")) named.open = true;
