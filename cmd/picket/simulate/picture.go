package simulate

import (
	"bytes"
	"fmt"
	"html"
	"strings"
	"time"
)

// The measures of the picture, in pixels of its view box.
const (
	pictureWidth = 960.0
	pictureLeft  = 128.0 // where time begins; the names of sites stand before
	pictureRight = 24.0
	pictureTop   = 96.0 // of the first row; what was decided stands above
	pictureRow   = 22.0
	pictureFoot  = 64.0 // axis and key
)

// The picture shows some time before the fault and after the last letter that
// tells of the first decision, and never more than pictureMost: what matters
// takes seconds.
const (
	pictureLead = 2 * time.Second
	pictureTail = 2 * time.Second
	pictureMost = 2 * time.Minute
)

// pictureStyle holds for light and dark. Marks differ in shape too.
const pictureStyle = `text{font:12px system-ui,sans-serif;fill:#1c2430}.s{fill:#5b6675}.b{font-weight:600}
.g{stroke:#d8dee6}.ok{stroke:#9aa7b5}.ko{stroke:#c62828;fill:#c62828}.q{fill:#b26a00}.no{fill:#c62828}.yes{fill:#2e7d32}.dk{fill:#8793a0}
.f{fill:#c62828;opacity:.08}.d{stroke:#1456b8;stroke-width:2}.p{stroke:#6a1b9a;stroke-width:2;stroke-dasharray:5 3}.td{fill:#1456b8}.tp{fill:#6a1b9a}
@media(prefers-color-scheme:dark){text{fill:#e6eaf0}.s{fill:#a2adba}.g{stroke:#333c47}.ok{stroke:#667382}.ko{stroke:#ff7b72;fill:#ff7b72}.q{fill:#f0a04b}
.no{fill:#ff7b72}.yes{fill:#56d364}.dk{fill:#8793a0}.f{fill:#ff7b72;opacity:.12}.d{stroke:#79b8ff}.p{stroke:#d2a8ff}.td{fill:#79b8ff}.tp{fill:#d2a8ff}}`

// picture is an SVG while it is drawn.
type picture struct {
	r        *Recording
	b        bytes.Buffer
	from, to time.Duration
	bottom   float64 // of the rows
	rows     map[string]float64
}

// Picture draws the run around its first decision: sites against time, the
// looks that failed, who doubted, who voted what, when it was decided, as what,
// and when somebody was told. It is a static SVG of one colour scheme each for
// light and dark, without scripts, and the same for the same run.
func (r *Recording) Picture() []byte {
	p := &picture{r: r, rows: map[string]float64{}}
	p.window()
	for k, s := range r.Scenario.Fleet.Sites {
		p.rows[s.ID] = pictureTop + (float64(k)+0.5)*pictureRow
	}
	p.bottom = pictureTop + float64(len(r.Scenario.Fleet.Sites))*pictureRow
	height := p.bottom + pictureFoot
	p.add(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" role="img" aria-labelledby="t d">`, pictureWidth, height)
	p.add(`<title id="t">%s</title><desc id="d">%s</desc><style>%s</style>`, esc(r.Scenario.Title), esc(p.describe()), pictureStyle)
	p.faults()
	p.axis()
	p.sites()
	p.looks()
	p.votes()
	p.decided()
	p.key(height - 14)
	p.add(`</svg>`)
	return p.b.Bytes()
}

func (p *picture) add(format string, args ...any) {
	fmt.Fprintf(&p.b, format+"\n", args...)
}

func esc(s string) string { return html.EscapeString(s) }

// window chooses what is shown.
func (p *picture) window() {
	s := p.r.Scenario
	if len(s.Faults) > 0 {
		p.from = s.Faults[0].At
	}
	p.to = p.from + 20*time.Second
	if d := p.r.decision(); d != nil {
		p.to = d.At
		if page := p.page(d.Incident.ID); page != nil {
			p.to = page.At
		}
		p.to += pictureTail
	}
	p.from -= pictureLead
	p.to = min(p.to, p.from+pictureMost, s.Duration)
	p.to = max(p.to, p.from+5*time.Second)
}

// page is the first letter about an incident; nil if there was none.
func (p *picture) page(id string) *Page {
	for k := range p.r.Run.Pages {
		if p.r.Run.Pages[k].Incident.ID == id {
			return &p.r.Run.Pages[k]
		}
	}
	return nil
}

// x is where a moment stands; ok is false outside of the window.
func (p *picture) x(at time.Duration) (x float64, ok bool) {
	if at < p.from || at > p.to {
		return 0, false
	}
	return p.clip(at), true
}

func (p *picture) clip(at time.Duration) float64 {
	at = min(max(at, p.from), p.to)
	share := float64(at-p.from) / float64(p.to-p.from)
	return float64(int(10*(pictureLeft+share*(pictureWidth-pictureLeft-pictureRight)))) / 10
}

// describe is the picture in one sentence, for those who cannot see it.
func (p *picture) describe() string {
	d := p.r.decision()
	if d == nil {
		return "Nothing was declared."
	}
	text := fmt.Sprintf("%s was declared %s, %s after the fault began.", d.Incident.Title, d.Incident.Confidence, p.after(d.At))
	if page := p.page(d.Incident.ID); page != nil {
		text += fmt.Sprintf(" Somebody was told after %s.", p.after(page.At))
	}
	return text
}

// after is the time since the first fault.
func (p *picture) after(at time.Duration) string {
	if f := p.r.Scenario.Faults; len(f) > 0 {
		at -= f[0].At
	}
	return fmt.Sprintf("%.1f s", at.Seconds())
}

// faults shades when something is broken.
func (p *picture) faults() {
	for _, f := range p.r.Scenario.Faults {
		end := p.to
		if f.For > 0 {
			end = min(end, f.At+f.For)
		}
		if end <= p.from || f.At >= p.to {
			continue
		}
		x := p.clip(f.At)
		p.add(`<rect class="f" x="%g" y="%g" width="%g" height="%g"/>`, x, pictureTop-12, p.clip(end)-x, p.bottom-pictureTop+12)
		p.add(`<text class="s" x="%g" y="%g">broken: %s</text>`, x, pictureTop-18, esc(f.How.Name))
	}
}

// axis draws seconds since the first fault.
func (p *picture) axis() {
	step := time.Second
	for (p.to-p.from)/step > 20 {
		step *= 5
	}
	zero := time.Duration(0)
	if f := p.r.Scenario.Faults; len(f) > 0 {
		zero = f[0].At
	}
	for at := zero - (zero-p.from)/step*step; at <= p.to; at += step {
		x := p.clip(at)
		p.add(`<path class="g" d="M%g %gV%g"/><text class="s" x="%g" y="%g" text-anchor="middle">%+d s</text>`,
			x, pictureTop, p.bottom, x, p.bottom+16, int((at-zero)/time.Second))
	}
}

// sites names the rows.
func (p *picture) sites() {
	for _, s := range p.r.Scenario.Fleet.Sites {
		y := p.rows[s.ID]
		p.add(`<text x="8" y="%g">%s <tspan class="s">%s</tspan></text><path class="g" d="M%g %gH%g"/>`, y+4, esc(s.ID), esc(s.Network), pictureLeft, y, pictureWidth-pictureRight)
	}
}

// looks draws the scheduled looks at the targets that failed for anybody: a
// tick where one was answered well, a line from asking to giving up and a cross
// where one failed.
func (p *picture) looks() {
	failed := map[int]bool{}
	for _, l := range p.r.looked {
		if _, ok := p.x(l.to); ok && l.down {
			failed[l.check] = true
		}
	}
	for _, l := range p.r.looked {
		x, ok := p.x(l.to)
		if !ok || !failed[l.check] || l.site >= len(p.r.Scenario.Fleet.Sites) {
			continue
		}
		y := p.rows[p.r.Scenario.Fleet.Sites[l.site].ID]
		if !l.down {
			p.add(`<path class="ok" d="M%g %gv6"/>`, x, y-3)
			continue
		}
		p.add(`<path class="ko" d="M%g %gH%g"/><path class="ko" d="M%g %gl6 6m0 -6l-6 6"/>`, p.clip(l.from), y, x, x-3, y-3)
	}
}

// votes draws who doubted and who answered what when asked, from the trace,
// whose notes begin with the agent's name.
func (p *picture) votes() {
	for _, n := range p.r.notes {
		x, ok := p.x(n.at)
		agent, rest, _ := strings.Cut(n.text, " ")
		y, known := p.rows[siteOf(strings.TrimSuffix(agent, ":"))]
		if !ok || !known {
			continue
		}
		switch n.kind {
		case "suspicion":
			p.add(`<path class="q" d="M%g %gl5 5l-5 5l-5 -5z"/>`, x, y-5)
		case "vote":
			p.add(`<circle class="%s" cx="%g" cy="%g" r="4"/>`, answer(rest), x, y)
		}
	}
}

// siteOf is the site of an agent: they are named "<site>-1", "<site>-2", ...
func siteOf(agent string) string {
	if k := strings.LastIndexByte(agent, '-'); k >= 0 {
		return agent[:k]
	}
	return agent
}

// answer is the class of a vote, from the words of its note: the answer first.
func answer(text string) string {
	switch word, _, _ := strings.Cut(text, " "); word {
	case "down", "degraded":
		return "no"
	case "up":
		return "yes"
	}
	return "dk"
}

// decided draws the decision with its label, and the first letter about it.
func (p *picture) decided() {
	d := p.r.decision()
	if d == nil {
		return
	}
	p.add(`<text class="b td" x="8" y="22">%s after %s: %s (%s)</text>`, esc(d.Incident.Confidence.Word()), p.after(d.At), esc(d.Incident.Title), esc(label(&d.Incident)))
	if text := d.Incident.Reason.Text; text != "" {
		p.add(`<text x="8" y="41">%s</text>`, esc(cut(text, 140)))
	}
	p.mark("d", d.At)
	if page := p.page(d.Incident.ID); page != nil {
		p.add(`<text class="tp" x="8" y="60">Somebody is told after %s</text>`, p.after(page.At))
		p.mark("p", page.At)
	}
}

// mark draws a moment across all rows, if it is in the window.
func (p *picture) mark(class string, at time.Duration) {
	if x, ok := p.x(at); ok {
		p.add(`<path class="%s" d="M%g %gV%g"/>`, class, x, pictureTop-12, p.bottom)
	}
}

// cut shortens text to n runes.
func cut(text string, n int) string {
	if runes := []rune(text); len(runes) > n {
		return string(runes[:n-1]) + "…"
	}
	return text
}

// key says what the marks mean.
func (p *picture) key(y float64) {
	p.add(`<path class="ok" d="M12 %gv6"/><text class="s" x="20" y="%g">good look</text>`, y-7, y)
	p.add(`<path class="ko" d="M92 %gl6 6m0 -6l-6 6"/><text class="s" x="104" y="%g">failed look</text>`, y-7, y)
	p.add(`<path class="q" d="M186 %gl5 5l-5 5l-5 -5z"/><text class="s" x="196" y="%g">doubt</text>`, y-9, y)
	p.add(`<circle class="no" cx="250" cy="%g" r="4"/><text class="s" x="260" y="%g">asked: it fails</text>`, y-4, y)
	p.add(`<circle class="yes" cx="358" cy="%g" r="4"/><text class="s" x="368" y="%g">asked: it works</text>`, y-4, y)
	p.add(`<circle class="dk" cx="474" cy="%g" r="4"/><text class="s" x="484" y="%g">asked: cannot tell</text>`, y-4, y)
	p.add(`<path class="d" d="M606 %gv12"/><text class="s" x="614" y="%g">decided</text>`, y-10, y)
	p.add(`<path class="p" d="M676 %gv12"/><text class="s" x="684" y="%g">told</text>`, y-10, y)
	p.add(`<text class="s" x="%g" y="%g" text-anchor="end">%s, seed %d</text>`, pictureWidth-pictureRight, y, esc(p.r.Scenario.ID), p.r.Run.Seed)
}
