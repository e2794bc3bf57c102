"use strict";
// Keys press controls: each names its own in data-key. Nothing here knows a class or a frame, and the pages work without it.
(() => {
  const writes = node => node.closest("input:not([type=checkbox]), textarea") !== null;
  const classes = [...document.querySelectorAll(".classes button")];
  let first = 0; // keys 1 to 9 belong to the nine classes from here on

  function nextNine() {
    first = first + 9 < classes.length ? first + 9 : 0;
    classes.forEach((button, number) => {
      const key = number >= first && number < first + 9 ? String(number - first + 1) : "";
      button.dataset.key = key;
      button.querySelector("kbd").textContent = key;
    });
    classes[first].scrollIntoView({ block: "nearest" });
  }

  addEventListener("keydown", event => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (writes(event.target)) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (key === "Enter" && event.target.closest("button, a, summary")) return; // it presses itself
    if (key === "0" && classes.length > 9) return nextNine();
    const control = [...document.querySelectorAll("[data-key]")].find(one => one.dataset.key.split(" ").includes(key));
    if (!control) return;
    event.preventDefault();
    control.click();
  });

  for (const form of document.forms) {
    form.addEventListener("submit", event => {
      if (form.dataset.sent) event.preventDefault(); // a second press of an impatient hand
      form.dataset.sent = "yes";
    });
  }
  addEventListener("pageshow", () => { for (const form of document.forms) delete form.dataset.sent; });

  const every = Number(document.body.dataset.refresh);
  const busy = () => document.hidden || document.querySelector("details[open]") || writes(document.activeElement || document.body);
  if (every) setInterval(() => { if (!busy()) location.reload(); }, every * 1000);
})();
