// Keeps a page fresh and says when it is not. Without this file pages are read
// as they are drawn; Now and open incidents then reload themselves.
//
// #body[data-stream] is replaced by what the event stream sends. Elements with id
// and data-refresh="SECONDS" are fetched anew. After 25 seconds without a sign of
// the Picket server every state on the page becomes unknown.
"use strict";
(() => {
  const LOST = 25000, ANNOUNCE = 15000;
  const main = document.getElementById("main"), body = document.getElementById("body");
  const live = document.getElementById("live"), said = document.getElementById("said");
  const one = (selector) => main.querySelector(selector);
  const clock = (iso) => iso.slice(11, 19) + " UTC";
  let contact = performance.now(), drawn = live.dataset.drawn, paused = false, lost = false;

  // Announcements: only of what has changed, at most one in 15 seconds.
  let sentence = one("h1") ? one("h1").textContent.trim() : "", announced = -ANNOUNCE, waiting = 0;
  const announce = (text) => {
    clearTimeout(waiting);
    waiting = setTimeout(() => { announced = performance.now(); said.textContent = text; }, Math.max(0, announced + ANNOUNCE - performance.now()));
  };
  const readSentence = () => {
    const h1 = one("h1"), text = h1 ? h1.textContent.trim() : "";
    if (text === sentence || text === "") return;
    sentence = text;
    announce(text);
    document.title = text.replace(/^[●◇▲■○]\s*/, "") + " - Picket";
  };

  // The matrix: one stop for the Tab key, arrows inside.
  const cells = () => [...document.querySelectorAll(".matrix .field")];
  const rove = (current) => {
    const all = cells();
    if (!all.includes(current)) current = all[0];
    for (const c of all) c.tabIndex = c === current ? 0 : -1;
  };
  const beyond = (from, down) => { // the nearest cell of the next line
    const at = from.getBoundingClientRect();
    let best = null, score = Infinity;
    for (const c of cells()) {
      const r = c.getBoundingClientRect(), gap = down ? r.top - at.bottom : at.top - r.bottom;
      const s = gap * 1000 + Math.abs(r.left - at.left);
      if (gap > -2 && s < score) { best = c; score = s; }
    }
    return best;
  };
  document.addEventListener("keydown", (e) => {
    const from = e.target.closest ? e.target.closest(".matrix .field") : null;
    if (!from || e.altKey || e.ctrlKey || e.metaKey || e.shiftKey) return;
    const all = cells(), k = all.indexOf(from);
    const to = { ArrowRight: all[k + 1], ArrowLeft: all[k - 1], Home: all[0], End: all[all.length - 1],
      ArrowDown: e.key === "ArrowDown" && beyond(from, true), ArrowUp: e.key === "ArrowUp" && beyond(from, false) }[e.key];
    if (to === undefined && !e.key.startsWith("Arrow")) return;
    e.preventDefault();
    if (to) { rove(to); to.focus(); }
  });
  document.addEventListener("focusin", (e) => { if (e.target.matches(".matrix .field")) rove(e.target); });

  // Replacing keeps the focus, what is unfolded, and what somebody is copying.
  const busy = (element) => {
    const s = document.getSelection(), a = document.activeElement;
    return s.toString() !== "" && element.contains(s.anchorNode) || element.contains(a) && a.matches("input, select, textarea");
  };
  const replace = (element, html) => {
    const a = document.activeElement, within = element.contains(a);
    const href = within ? a.getAttribute("href") : null, roving = one('.matrix .field[tabindex="0"]');
    const place = roving ? roving.getAttribute("aria-label").split(":")[0] : "";
    const unfolded = [...element.querySelectorAll("details")].map((d) => d.open);
    element.innerHTML = html; // our own template's output, escaped there; the policy forbids inline script
    element.querySelectorAll("details").forEach((d, k) => { if (unfolded[k]) d.open = true; });
    const same = cells().find((c) => c.getAttribute("aria-label").split(":")[0] === place);
    rove(same);
    if (!within) return;
    const back = same && a === roving ? same : [...element.querySelectorAll("a[href]")].find((l) => l.getAttribute("href") === href);
    if (back) back.focus({ preventScroll: true });
  };

  // Contact and its loss.
  const sign = (iso) => {
    contact = performance.now();
    if (iso) drawn = iso;
    if (lost) found();
    show();
  };
  const lose = () => {
    lost = true;
    document.documentElement.classList.add("lost");
    const p = document.createElement("p");
    p.className = "notice";
    p.id = "away";
    p.textContent = "No contact with the Picket server since " + clock(drawn) + ". What is below was true then; nothing is known of now.";
    main.prepend(p);
    for (const g of main.querySelectorAll(".glyph")) {
      if (g.closest(".legend")) continue;
      g.dataset.was = g.textContent;
      g.textContent = "○";
    }
    for (const c of main.querySelectorAll(".field[aria-label]")) c.setAttribute("aria-label", c.getAttribute("aria-label").replace(": ", ": unknown now, was "));
    const h1 = one(".verdict h1");
    if (h1) h1.append(" (" + clock(drawn) + ")");
    announce("No contact with the Picket server.");
  };
  const found = () => {
    lost = false;
    document.documentElement.classList.remove("lost");
    document.getElementById("away")?.remove();
    if (!body) return location.reload();
    announce("The Picket server is back.");
  };
  const show = () => {
    if (!lost && performance.now() - contact > LOST) lose();
    const text = lost ? "no contact since " + clock(drawn) : paused ? "held at " + clock(drawn) + " while you use it" : (keeping ? "live, " : "") + "as of " + clock(drawn);
    live.classList.toggle("stale", lost);
    live.classList.toggle("on", !lost && !paused && keeping);
    if (live.textContent !== text) live.textContent = text;
  };

  // Where fresh contents come from.
  const page = async () => {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store", signal: AbortSignal.timeout(8000) });
    if (answer.redirected || answer.status === 401) return location.reload(); // the session has ended
    if (answer.status >= 500) throw new Error("no answer");
    return new DOMParser().parseFromString(await answer.text(), "text/html");
  };
  const refresh = async () => {
    const fresh = await page();
    if (!fresh) return;
    if (lost) return sign();
    paused = false;
    for (const old of document.querySelectorAll("[data-refresh][id], #body")) {
      const now = fresh.getElementById(old.id);
      if (!now) continue;
      if (busy(old)) { paused = true; continue; }
      replace(old, now.innerHTML);
      if (old.dataset.refresh && !now.dataset.refresh) old.removeAttribute("data-refresh");
    }
    readSentence();
    sign(paused ? null : fresh.getElementById("live")?.dataset.drawn);
  };
  const alive = async () => {
    const answer = await fetch("/healthz", { cache: "no-store", signal: AbortSignal.timeout(8000) });
    if (answer.ok) sign();
  };
  const listen = () => {
    const stream = new EventSource(body.dataset.stream);
    stream.addEventListener("page", (e) => {
      paused = busy(body) && !lost;
      if (!paused) {
        if (lost) found();
        replace(body, e.data);
        readSentence();
      }
      sign(paused ? null : document.getElementById("drawn").dateTime);
    });
    stream.addEventListener("beat", (e) => { sign(lost || paused ? null : e.data); });
    stream.addEventListener("error", () => { // the browser asks again by itself unless it was refused
      if (stream.readyState === EventSource.CLOSED) {
        refresh().catch(() => {});
        setTimeout(listen, 15000);
      }
    });
  };

  const keeping = Boolean(body || document.querySelector("[data-refresh][id]"));
  rove();
  show();
  setInterval(show, 1000);
  if (body) return listen();
  if (!keeping && !one(".glyph")) return;
  const next = () => {
    const e = document.querySelector("[data-refresh][id]");
    setTimeout(() => (e ? refresh() : alive()).catch(() => {}).finally(next), e ? Math.max(5, Number(e.dataset.refresh)) * 1000 : 10000);
  };
  next();
})();
