package simulate

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"picket/collector/config/strict"
	"picket/probes"
)

// Write returns s as YAML. [Load] reads it back to the same scenario, but for
// File and the lines. What has no value is left out, defaults are written.
func Write(s *Scenario) []byte {
	var b bytes.Buffer
	if s.ID != "" {
		fmt.Fprintf(&b, "id: %s\n", word(s.ID))
	}
	if s.Title != "" {
		fmt.Fprintf(&b, "title: %s\n", word(s.Title))
	}
	fmt.Fprintf(&b, "seeds: %d\nduration: %s\n", s.Seeds, strict.Short(s.Duration))
	if s.Cold {
		b.WriteString("cold: true\n")
	}
	fmt.Fprintf(&b, "interval: %s\nfleet:\n  relay_delay: %s\n  sites:\n", strict.Short(s.Interval), strict.Short(s.Fleet.RelayDelay))
	for i := range s.Fleet.Sites {
		fmt.Fprintf(&b, "    - %s\n", siteBlock(&s.Fleet.Sites[i]))
	}
	b.WriteString("targets:\n")
	for i := range s.Targets {
		fmt.Fprintf(&b, "  - %s\n", targetBlock(&s.Targets[i]))
	}
	b.WriteString("references:")
	if len(s.References) == 0 {
		b.WriteString(" []")
	}
	b.WriteByte('\n')
	for _, r := range s.References {
		fmt.Fprintf(&b, "  - %s\n", block("id", word(r.ID), "network", word(r.Network), "kinds", kindList(r.Kinds)))
	}
	if s.Noise != (Noise{}) {
		fmt.Fprintf(&b, "noise: %s\n", noiseBlock(&s.Noise))
	}
	section(&b, "faults", s.Faults, faultBlock)
	section(&b, "expect", s.Expect, expectBlock)
	section(&b, "forbid", s.Forbid, forbidBlock)
	return b.Bytes()
}

func section[T any](b *bytes.Buffer, key string, all []T, one func(*T) string) {
	if len(all) == 0 {
		return
	}
	fmt.Fprintf(b, "%s:\n", key)
	for i := range all {
		fmt.Fprintf(b, "  - %s\n", one(&all[i]))
	}
}

// block writes key, value pairs on one line and leaves out empty values.
func block(pairs ...string) string {
	var fields []string
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			fields = append(fields, pairs[i]+": "+pairs[i+1])
		}
	}
	return "{" + strings.Join(fields, ", ") + "}"
}

// word writes a text so that YAML takes it for one: plain where it is plain.
func word(s string) string {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	switch strings.ToLower(s) {
	case "":
		return ""
	case "true", "false", "yes", "no", "on", "off", "null", "none", "nan", "inf", "y", "n":
		return strconv.Quote(s)
	}
	if strings.Contains(letters, s[:1]) && strings.Trim(s, letters+"0123456789-_./") == "" {
		return s
	}
	return strconv.Quote(s)
}

func list[T any](all []T, one func(T) string) string {
	if len(all) == 0 {
		return ""
	}
	texts := make([]string, len(all))
	for i, v := range all {
		texts[i] = one(v)
	}
	return "[" + strings.Join(texts, ", ") + "]"
}

func words(all []string) string { return list(all, word) }

func kindList(all []probes.Kind) string { return list(all, probes.Kind.String) }

func familyWord(f probes.Family) string { return "v" + f.String() }

func families(all []probes.Family) string { return list(all, familyWord) }

// span, number, count and truth write a value, or nothing if it has none.

func span(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return strict.Short(d)
}

func number(v float64) string {
	if v == 0 {
		return ""
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

func count(v *int) string {
	if v == nil {
		return ""
	}
	return strconv.Itoa(*v)
}

func truth(v *bool) string {
	if v == nil {
		return ""
	}
	return strconv.FormatBool(*v)
}

func yes(v bool) string {
	if !v {
		return ""
	}
	return "true"
}

func siteBlock(s *Site) string {
	agents := ""
	if s.Agents != 1 {
		agents = strconv.Itoa(s.Agents)
	}
	return block("id", word(s.ID), "client", word(s.Client), "network", word(s.Network), "region", word(s.Region),
		"upstream", word(s.Upstream), "os", word(s.OS), "agents", agents, "clock", span(s.Clock), "families", families(s.Families))
}

func targetBlock(t *Target) string {
	var edges, rtts []string
	for _, region := range slices.Sorted(maps.Keys(t.Edge)) {
		edges = append(edges, word(region), word(t.Edge[region]))
	}
	for _, region := range slices.Sorted(maps.Keys(t.RTT)) {
		rtts = append(rtts, word(region), strict.Short(t.RTT[region]))
	}
	edge := ""
	if len(edges) > 0 {
		edge = block(edges...)
	}
	return block("id", word(t.ID), "provider", word(t.Provider), "service", word(t.Service), "region", word(t.Region), "client", word(t.Client),
		"depends", words(t.Depends), "edge", edge, "kinds", kindList(t.Kinds), "rtt", block(rtts...), "interval", span(t.Interval), "families", families(t.Families))
}

func noiseBlock(n *Noise) string {
	clears := ""
	if n.Fail > 0 {
		clears = strconv.FormatFloat(n.ClearsOnRetry, 'f', -1, 64)
	}
	episodes := func(e Episodes) string {
		if e == (Episodes{}) {
			return ""
		}
		return block("per_year", strconv.FormatFloat(e.PerYear, 'f', -1, 64), "lasts", span(e.Lasts))
	}
	latency := ""
	if n.Latency != (Latency{}) {
		latency = block("sigma", number(n.Latency.Sigma), "spikes", number(n.Latency.Spikes), "ar1", number(n.Latency.AR1))
	}
	return block("fail", number(n.Fail), "clears_on_retry", clears, "uplink", episodes(n.Uplink), "isp", episodes(n.ISP),
		"path", episodes(n.Path), "site_path", episodes(n.SitePath), "latency", latency)
}

func faultBlock(f *Fault) string {
	rate := ""
	if f.Rate != 1 {
		rate = number(f.Rate)
	}
	w := &f.Who
	who := block("site", words(w.Sites), "client", words(w.Clients), "network", words(w.Networks), "region", words(w.Regions),
		"agent", words(w.Agents), "os", words(w.OS), "family", families(w.Families), "share", number(w.Share))
	x := &f.What
	reference := yes(x.Reference)
	if len(x.References) > 0 {
		reference = words(x.References)
	}
	what := block("all", yes(x.All), "provider", words(x.Providers), "service", words(x.Services), "region", words(x.Regions),
		"target", words(x.Targets), "depends", words(x.Depends), "edge", words(x.Edges), "kind", kindList(x.Kinds), "reference", reference)
	return block("at", strict.Short(f.At), "for", span(f.For), "ramp", span(f.Ramp), "every", span(f.Every), "spread", span(f.Spread),
		"who", unless(who, "{}"), "what", unless(what, "{}"), "uplink", yes(f.Uplink), "how", how(&f.How), "rate", rate)
}

// unless is s, or nothing if s is what.
func unless(s, what string) string {
	if s == what {
		return ""
	}
	return s
}

func how(h *How) string {
	switch h.Name {
	case Slow:
		if h.Factor > 0 {
			return block(Slow, "x"+number(h.Factor))
		}
		return block(Slow, "+"+strict.Short(h.Add))
	case Loss:
		return block(Loss, number(h.Share))
	case Backfill, Clock:
		return block(h.Name, strict.Short(h.D))
	case LineSwitch:
		return block(h.Name, word(h.Network))
	}
	return h.Name
}

func matchPairs(m *Match) []string {
	family := ""
	if m.Family != "" {
		family = "v" + m.Family
	}
	vregion := word(m.VRegion)
	if m.VRegionNone {
		vregion = "none"
	}
	return []string{
		"kind", m.Kind, "provider", word(m.Provider), "service", word(m.Service), "region", word(m.Region), "target", word(m.Target),
		"depends", word(m.Depends), "edge", word(m.Edge), "network", word(m.Network), "site", word(m.Site), "vregion", vregion,
		"client", word(m.Client), "layer", m.Layer, "severity", m.Severity, "confidence", m.Confidence, "family", family, "cause", m.Cause,
		"note", m.Note, "count", count(m.Count), "start_within", span(m.StartWithin), "closed_within", span(m.ClosedWithin),
		"open_at", span(m.OpenAt), "closed_after", span(m.ClosedAfter), "intermittent", truth(m.Intermittent), "lingering", truth(m.Lingering),
		"transient", truth(m.Transient), "retrospective", truth(m.Retrospective), "line_down", truth(m.LineDown),
	}
}

func expectBlock(e *Expect) string {
	var pairs []string
	switch len(e.Any) {
	case 0:
	case 1:
		pairs = matchPairs(&e.Any[0])
	default:
		pairs = []string{"any", list(e.Any, func(m Match) string { return block(matchPairs(&m)...) })}
	}
	within := ""
	switch {
	case e.Within == 0:
	case e.WithinP95 == e.Within && e.WithinMax == 2*e.Within:
		within = span(e.Within)
	default:
		within = block("p95", span(e.WithinP95), "max", span(e.WithinMax))
	}
	of, flagged, most := "", words(e.Flagged), ""
	if e.Of != 0 {
		of = strconv.Itoa(e.Of)
	}
	if e.Flagged != nil && flagged == "" {
		flagged = "[]"
	}
	if e.MaxProbes != nil {
		most = block("per", span(e.MaxProbes.Per), "agent", strconv.Itoa(e.MaxProbes.Agent))
	}
	return block(append(pairs, "within", within, "of", of, "flagged", flagged, "max_probes", most, "ineligible", count(e.Ineligible))...)
}

func forbidBlock(f *Forbid) string {
	return block(append(matchPairs(&f.Match), "page", f.Page, "after", span(f.After), "before", span(f.Before))...)
}
