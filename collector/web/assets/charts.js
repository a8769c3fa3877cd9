// Draws every .chart[data-history]: availability and mean latency by vantage
// region, with the vendored uPlot. data-from and data-to, if given, shade a
// stretch of time. The server renders the same numbers as a table, so this file
// and a chart that cannot be drawn are no loss of facts.
"use strict";
(() => {
  const most = 8; // lines that can be told apart
  const dashes = [[], [6, 3], [2, 3], [10, 3, 2, 3], [], [6, 3], [2, 3], [10, 3, 2, 3]];
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const number = (v, unit, digits) => v == null ? "–" : v.toFixed(digits) + unit;

  // series makes columns on one grid of time from the API's points. A step
  // without results is a gap, never a zero.
  const series = (points, from, to) => {
    const step = points.reduce((least, p) => Math.min(least, p.step_ns / 1e9), Infinity);
    const start = Math.floor(from / step) * step, n = Math.ceil((to - start) / step);
    const seen = new Map();
    for (const p of points) seen.set(p.region, (seen.get(p.region) || 0) + p.good + p.degraded + p.bad);
    const regions = [...seen.keys()].sort((a, b) => seen.get(b) - seen.get(a)).slice(0, most).sort();
    const at = Array.from({ length: n }, (_, i) => start + i * step);
    const blank = () => new Array(n).fill(null);
    const share = new Map(regions.map((r) => [r, blank()])), took = new Map(regions.map((r) => [r, blank()]));
    for (const p of points) {
      const i = Math.round((Date.parse(p.at) / 1000 - start) / step), told = p.good + p.degraded + p.bad;
      if (i < 0 || i >= n || told === 0 || !share.has(p.region)) continue;
      share.get(p.region)[i] = 100 * (p.good + p.degraded) / told;
      took.get(p.region)[i] = p.mean_ns > 0 ? p.mean_ns / 1e6 : null;
    }
    return { at, regions, share, took, left: seen.size - regions.length };
  };

  // window shades data-from to data-to behind the lines.
  const window_ = (box) => (u) => {
    const from = Date.parse(box.dataset.from || "") / 1000, to = Date.parse(box.dataset.to || "") / 1000;
    if (!from) return;
    const x0 = Math.max(u.valToPos(from, "x", true), u.bbox.left);
    const x1 = Math.min(u.valToPos(to || u.scales.x.max, "x", true), u.bbox.left + u.bbox.width);
    if (x1 <= x0) return;
    u.ctx.save();
    u.ctx.globalAlpha = 0.16;
    u.ctx.fillStyle = css("--down");
    u.ctx.fillRect(x0, u.bbox.top, x1 - x0, u.bbox.height);
    u.ctx.restore();
  };

  const options = (box, title, d, unit, digits, range) => {
    const axis = { stroke: css("--soft"), grid: { stroke: css("--line"), width: 1 }, ticks: { stroke: css("--line"), width: 1 }, font: "12px system-ui, sans-serif" };
    return {
      title, width: Math.max(280, box.clientWidth), height: 200,
      tzDate: (ts) => uPlot.tzDate(new Date(ts * 1000), "Etc/UTC"),
      fmtDate: (tpl) => uPlot.fmtDate(tpl),
      cursor: { sync: { key: box.dataset.history }, points: { size: 6 } },
      scales: { x: { time: true }, y: { range } },
      axes: [{ ...axis, space: 70, values: stamps }, { ...axis, size: 64, values: (_, all) => all.map((v) => v + unit) }],
      series: [{ label: "UTC", value: (_, v) => v == null ? "–" : new Date(v * 1000).toISOString().slice(5, 16).replace("T", " ") },
        ...d.regions.map((r, i) => ({ label: r || "region not told", stroke: css("--line" + (i + 1)), dash: dashes[i], width: 2, spanGaps: false,
          points: { show: lonely }, value: (_, v) => number(v, unit, digits) }))],
      hooks: { drawClear: [window_(box)] },
    };
  };

  // lonely shows points only where a line would not be seen: single values.
  const lonely = (u, i, i0, i1) => {
    const y = u.data[i];
    for (let k = Math.max(i0, 0); k <= i1; k++) {
      if (y[k] != null && y[k - 1] == null && y[k + 1] == null) return true;
    }
    return false;
  };

  // stamps writes the times under the axis: hours within two days, else days.
  const stamps = (u, ticks) => {
    const short = u.scales.x.max - u.scales.x.min <= 2 * 86400;
    return ticks.map((t) => {
      const iso = new Date(t * 1000).toISOString();
      return short ? iso.slice(11, 16) : new Date(t * 1000).toLocaleDateString("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
    });
  };

  const available = (_, least) => {
    const low = least == null ? 99 : least;
    return [low >= 99 ? 98.9 : low >= 90 ? Math.floor(low) - 1 : Math.max(0, Math.floor(low / 10) * 10 - 1), 100.02];
  };
  const upward = (_, __, most) => [0, most > 0 ? most * 1.1 : 1];

  const draw = (box, data) => {
    box.replaceChildren();
    const d = series(data.points, Date.parse(data.from) / 1000, Date.parse(data.to) / 1000);
    const plots = [["Available, %", d.share, "%", 2, available], ["Mean time of an answer, ms", d.took, " ms", 0, upward]].map(([title, by, unit, digits, range]) =>
      new uPlot(options(box, title, d, unit, digits, range), [d.at, ...d.regions.map((r) => by.get(r))], box));
    if (d.left > 0) {
      const p = document.createElement("p");
      p.className = "hint";
      p.textContent = "Drawn are the " + most + " regions with most results; the table has all.";
      box.append(p);
    }
    return plots;
  };

  const tell = (box, text) => {
    const p = document.createElement("p");
    p.className = "hint";
    p.textContent = text;
    box.replaceChildren(p);
  };

  for (const box of document.querySelectorAll(".chart[data-history]")) {
    let data = null, plots = [];
    const redraw = () => {
      for (const p of plots) p.destroy();
      plots = draw(box, data);
    };
    fetch(box.dataset.history, { headers: { Accept: "application/json" }, cache: "no-store" })
      .then((answer) => answer.ok ? answer.json() : Promise.reject(new Error(String(answer.status))))
      .then((body) => {
        data = body.data;
        if (data.points.length === 0) return tell(box, "Nothing was recorded in this time.");
        redraw();
        box.setAttribute("role", "img");
        box.setAttribute("aria-label", "Chart of availability and latency. The table shows the same.");
        matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
        let wide = box.clientWidth;
        new ResizeObserver(() => {
          if (box.clientWidth === wide) return;
          wide = box.clientWidth;
          for (const p of plots) p.setSize({ width: Math.max(280, wide), height: 200 });
        }).observe(box);
      })
      .catch(() => tell(box, "The chart could not be drawn; the table shows what is known."));
  }
})();
