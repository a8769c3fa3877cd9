// Replaces the changing part of the page by what the event stream sends, and
// says when it has gone stale. Without this file the page reloads itself.
"use strict";
(() => {
  const live = document.getElementById("live");
  const body = document.getElementById("body");
  const said = document.getElementById("said");
  let last = Date.now(); // of the newest event, by this browser's clock
  let drawn = "";        // the collector's time of what is shown

  const note = () => {
    const t = document.getElementById("drawn");
    if (t) drawn = t.dateTime.slice(11, 19) + " UTC";
  };

  const show = () => {
    const age = Math.round((Date.now() - last) / 1000);
    const stale = age > 30, lost = age > 120;
    live.classList.toggle("stale", stale);
    document.documentElement.classList.toggle("lost", lost);
    const text = stale ? "No contact with the Picket server, showing " + drawn : "live, drawn " + drawn;
    if (live.textContent !== text) live.textContent = text;
  };

  const replace = (html) => {
    const active = document.activeElement;
    const link = active && body.contains(active) ? active.getAttribute("href") : null;
    body.innerHTML = html; // our own template's output, escaped there; the policy forbids inline script
    if (link) {
      for (const a of body.querySelectorAll("a")) {
        if (a.getAttribute("href") === link) { a.focus({ preventScroll: true }); break; }
      }
    }
    const sentence = body.querySelector("h1").textContent.trim();
    if (sentence !== said.textContent) {
      said.textContent = sentence; // read aloud, and only when it has changed
      document.title = sentence + " Picket";
    }
  };

  note();
  show();
  const listen = () => {
    const stream = new EventSource("/events");
    stream.addEventListener("page", (e) => {
      last = Date.now();
      if (document.getSelection().toString() === "") { // do not pull text from under who copies it
        replace(e.data);
        note();
      }
      show();
    });
    stream.addEventListener("error", () => {
      // The browser reconnects by itself unless it was refused.
      if (stream.readyState === EventSource.CLOSED) setTimeout(listen, 15000);
    });
  };
  listen();
  setInterval(show, 1000);
})();
