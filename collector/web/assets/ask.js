// Says that sites are being asked while the answer takes its seconds, and keeps
// people from asking twice. Without this file the browser's own spinner does.
"use strict";
for (const form of document.querySelectorAll("form[data-busy]")) {
  const button = form.querySelector("button[type=submit]"), busy = form.querySelector(".busy");
  form.addEventListener("submit", () => {
    busy.textContent = form.dataset.busy;
    button.disabled = true;
  });
  // Coming back by the browser's history must find the form usable.
  addEventListener("pageshow", () => { busy.textContent = ""; button.disabled = false; });
}
// The answer to a form stands under an address that can be asked for again.
for (const e of document.querySelectorAll("[data-here]")) history.replaceState(null, "", e.dataset.here);
