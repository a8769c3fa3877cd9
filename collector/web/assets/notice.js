// Copies a draft. Without this file the text is selected by hand.
"use strict";
(() => {
  if (!navigator.clipboard) return;
  for (const button of document.querySelectorAll("button[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const said = button.parentElement.querySelector("[role=status]");
      try {
        await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
        said.textContent = "copied";
      } catch {
        said.textContent = "the browser did not allow it: select the text and copy it";
      }
    });
  }
})();
