package doctor

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"picket/internal/uplink"
)

// Schema names the form of a [Report] in JSON. Fields may be added.
const Schema = "picket.doctor/v1"

// Report is what the doctor found.
type Report struct {
	Schema   string           `json:"schema"`
	RunID    string           `json:"run_id"`
	At       time.Time        `json:"generated_at"`
	Verdict  uplink.Level     `json:"verdict"`
	Summary  string           `json:"summary"`
	Agent    string           `json:"agent,omitempty"`
	Site     string           `json:"site,omitempty"`
	Host     string           `json:"host,omitempty"`
	Version  string           `json:"version"`
	OS       string           `json:"os"`
	Findings []uplink.Finding `json:"findings"`
}

// runID tells reports apart in tickets.
func runID() string { return strings.ToLower(rand.Text()[:10]) }

// sum fills verdict and summary from the findings.
func (r *Report) sum() {
	count := map[uplink.Level]int{}
	var worst []string
	for _, f := range r.Findings {
		count[f.Level]++
		r.Verdict = max(r.Verdict, f.Level)
	}
	if r.Verdict <= uplink.LevelSkip {
		r.Verdict = uplink.LevelPass
		r.Summary = "all is well"
		return
	}
	for _, f := range r.Findings {
		if f.Level == r.Verdict {
			worst = append(worst, f.Text)
		}
	}
	var parts []string
	for _, l := range []struct {
		level      uplink.Level
		one, other string
	}{{uplink.LevelFail, "failure", "failures"}, {uplink.LevelWarn, "warning", "warnings"}} {
		switch n := count[l.level]; n {
		case 0:
		case 1:
			parts = append(parts, "1 "+l.one)
		default:
			parts = append(parts, fmt.Sprintf("%d %s", n, l.other))
		}
	}
	r.Summary = strings.Join(parts, ", ") + ": " + worst[0]
}

// Wire is the report as a collector takes it.
func (r Report) Wire() uplink.Doctor { return uplink.Doctor{At: r.At, Findings: r.Findings} }

// First is the failure to tell of if only one may be told: that of the cause that
// comes first. false: nothing failed.
func (r Report) First() (uplink.Finding, bool) {
	i := slices.IndexFunc(r.Findings, func(f uplink.Finding) bool { return f.Level == uplink.LevelFail })
	if i < 0 {
		return uplink.Finding{}, false
	}
	return r.Findings[i], true
}

// Find is the finding of an id.
func (r Report) Find(id string) (uplink.Finding, bool) {
	i := slices.IndexFunc(r.Findings, func(f uplink.Finding) bool { return f.ID == id })
	if i < 0 {
		return uplink.Finding{}, false
	}
	return r.Findings[i], true
}

// skipped groups the ids that were not judged by what is said of them, which is
// the cause: in order, so that one cause has one line.
func (r Report) skipped() (groups [][2]string) {
	for _, f := range r.Findings {
		if f.Level != uplink.LevelSkip {
			continue
		}
		i := slices.IndexFunc(groups, func(g [2]string) bool { return g[1] == f.Text })
		if i < 0 {
			groups = append(groups, [2]string{f.ID, f.Text})
		} else {
			groups[i][0] += ", " + f.ID
		}
	}
	return groups
}

// WriteText writes the report for people.
func (r Report) WriteText(w io.Writer) {
	for _, f := range r.Findings {
		if f.Level == uplink.LevelSkip {
			continue
		}
		fmt.Fprintf(w, "%-4s  %-13s  %s\n", f.Level, f.ID, f.Text)
		for _, l := range [][2]string{{"means", f.Means}, {"fix", f.Fix}, {"help", help(f.Code)}} {
			if l[1] != "" {
				fmt.Fprintf(w, "%21s%s: %s\n", "", l[0], l[1])
			}
		}
	}
	for _, g := range r.skipped() {
		fmt.Fprintf(w, "SKIP  %s: %s\n", g[0], g[1])
	}
	fmt.Fprintf(w, "SUMMARY: %s\n", r.Summary)
}

func help(code string) string {
	if code == "" {
		return ""
	}
	return "picket-agent help " + code
}

// Bounds of what remote monitoring tools show of a script: 40 lines, 8 kB.
const (
	rmmLines = 40
	rmmLine  = 200 // bytes
)

// WriteRMM writes the report for a remote monitoring tool: the verdict first, then
// what is not well, then the rest; plain, at most 40 lines.
func (r Report) WriteRMM(w io.Writer) {
	lines := []string{fmt.Sprintf("%s %s: %s", r.Verdict, cmp.Or(r.Site, r.Host, "picket-agent"), r.Summary)}
	for _, level := range []uplink.Level{uplink.LevelFail, uplink.LevelWarn, uplink.LevelPass} {
		for _, f := range r.Findings {
			if f.Level != level {
				continue
			}
			lines = append(lines, fmt.Sprintf("%s %s: %s", f.Level, strings.TrimSpace(f.ID+" "+f.Code), f.Text))
			if f.Fix != "" {
				lines = append(lines, "  fix: "+f.Fix)
			}
		}
	}
	for _, g := range r.skipped() {
		lines = append(lines, "SKIP "+g[0]+": "+g[1])
	}
	WriteLines(w, lines)
}

// WriteLines writes lines within the bounds of remote monitoring tools.
func WriteLines(w io.Writer, lines []string) {
	for i, l := range lines {
		if i == rmmLines-1 && len(lines) > rmmLines {
			fmt.Fprintf(w, "... %d more lines\n", len(lines)-i)
			return
		}
		if l = plain(l); len(l) > rmmLine {
			l = l[:rmmLine-3] + "..."
		}
		fmt.Fprintln(w, l)
	}
}

// plain is printable ASCII: RMM agents take output in whatever code page is set.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r > 0x7e {
			return '?'
		}
		return r
	}, s)
}
