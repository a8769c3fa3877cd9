// Waits for the agent that a join token was made for, and copies the command.
// Without this file a link leads to a page that reloads itself.
"use strict";
(() => {
  const wait = document.getElementById("wait"), after = document.getElementById("after");
  const command = document.getElementById("command"), copy = document.getElementById("copy"), copied = document.getElementById("copied");
  if (command) history.replaceState(null, "", wait.dataset.here); // reloading must not make another token
  if (command && copy && navigator.clipboard) {
    copy.hidden = false;
    copy.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(command.textContent);
        copied.textContent = "copied";
      } catch {
        copied.textContent = "the browser did not allow it: select the line and copy it";
      }
    });
  }
  const line = (state, glyph, strong, text) => {
    const p = document.createElement("p"), g = document.createElement("span"), s = document.createElement("strong");
    p.className = "s-" + state;
    g.className = "glyph";
    g.setAttribute("aria-hidden", "true");
    g.textContent = glyph + " ";
    s.textContent = strong;
    p.append(g, s, text);
    return p;
  };
  const draw = (t) => {
    const lines = t.agents.map((a) => line(a.connected ? "ok" : "no-data", a.connected ? "●" : "○", a.connected ? "connected!" : "joined, not connected yet",
      " " + a.site + (a.network ? " on " + a.network : "") + (a.hostname ? " (" + a.hostname + ")" : "")));
    if (lines.length === 0) lines.push(t.over ? line("no-data", "○", "This token can no longer be used.", "") : line("no-data", "○", "Waiting", " for the agent of " + t.site + "…"));
    const text = lines.map((p) => p.textContent).join("");
    if (wait.dataset.said === text) return; // read aloud only when it has changed
    wait.dataset.said = text;
    wait.replaceChildren(...lines);
    const done = t.agents.some((a) => a.connected);
    wait.classList.toggle("s-ok", done);
    wait.classList.toggle("s-no-data", !done);
    after.hidden = !done;
  };
  let misses = 0;
  const poll = async () => {
    let next = 2000;
    try {
      const answer = await fetch(wait.dataset.token, { headers: { Accept: "application/json" }, cache: "no-store" });
      if (answer.status === 401 || answer.status === 403 || answer.status === 404) return; // it will not get better by asking
      const t = (await answer.json()).data;
      draw(t);
      misses = 0;
      if (t.uses > 0 && t.agents.filter((a) => a.connected).length >= t.uses) return;
      if (t.over && t.agents.length === 0) return;
    } catch {
      misses++;
      next = Math.min(30000, 2000 * 2 ** misses);
      if (misses === 3) wait.replaceChildren(line("no-data", "○", "No contact with the Picket server", ", trying again."));
    }
    setTimeout(poll, next);
  };
  poll();
})();
