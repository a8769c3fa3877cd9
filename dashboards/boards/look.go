package boards

import "picket/dashboards/grafana"

// The colours are those of the page's dark theme; their contrast is measured
// where the page is.
const (
	ok       = "#3fd68f"
	degraded = "#fccc24"
	down     = "#f0483a"
	grey     = "#8a92a5"
)

// Thresholds that several panels share.

func plain() grafana.Thresholds { return grafana.Steps(grey) }

// anyBad is green at none and red from one on.
func anyBad() grafana.Thresholds { return grafana.Steps(ok, grafana.From(1, down)) }

// anyDoubt is green at none and yellow from one on.
func anyDoubt() grafana.Thresholds { return grafana.Steps(ok, grafana.From(1, degraded)) }

// rising is green, yellow from warn on, red from bad on.
func rising(warn, bad float64) grafana.Thresholds {
	return grafana.Steps(ok, grafana.From(warn, degraded), grafana.From(bad, down))
}

// falling is red, yellow from warn on, green from good on.
func falling(warn, good float64) grafana.Thresholds {
	return grafana.Steps(down, grafana.From(warn, degraded), grafana.From(good, ok))
}

// states maps a verdict to glyph, word and colour; absent is what null means.
func states(absent string) []grafana.Mapping {
	return []grafana.Mapping{
		{Type: "value", Options: grafana.ValueMap{
			"-1": {Text: "○ no data", Color: grey, Index: 0},
			"0":  {Text: "● ok", Color: ok, Index: 1},
			"1":  {Text: "◇ mixed results", Color: degraded, Index: 2},
			"2":  {Text: "▲ degraded", Color: degraded, Index: 3},
			"3":  {Text: "▲ partly down", Color: down, Index: 4},
			"4":  {Text: "■ down", Color: down, Index: 5},
		}},
		nothing(absent, 6),
	}
}

// admitted maps what a provider says of itself. Unknown is never green.
func admitted() []grafana.Mapping {
	return []grafana.Mapping{
		{Type: "value", Options: grafana.ValueMap{
			"0": {Text: "● says it is well", Color: ok, Index: 0},
			"1": {Text: "○ nothing posted", Color: grey, Index: 1},
			"2": {Text: "○ not known", Color: grey, Index: 2},
			"3": {Text: "▨ maintenance", Color: grey, Index: 3},
			"4": {Text: "▲ degraded", Color: degraded, Index: 4},
			"5": {Text: "■ down", Color: down, Index: 5},
		}},
		nothing("○ not known", 6),
	}
}

// outcomes maps what one site saw.
func outcomes() []grafana.Mapping {
	return []grafana.Mapping{
		{Type: "value", Options: grafana.ValueMap{
			"0": {Text: "○ could not tell", Color: grey, Index: 0},
			"1": {Text: "● answers", Color: ok, Index: 1},
			"2": {Text: "▲ answers, not well", Color: degraded, Index: 2},
			"3": {Text: "■ fails", Color: down, Index: 3},
		}},
		nothing("○ not asked", 4),
	}
}

// contact maps whether somebody is in contact with the Picket server.
func contact() []grafana.Mapping {
	return []grafana.Mapping{{Type: "value", Options: grafana.ValueMap{
		"0": {Text: "○ out of contact", Color: grey, Index: 0},
		"1": {Text: "● in contact", Color: ok, Index: 1},
	}}}
}

// votes maps whether answers count.
func votes() []grafana.Mapping {
	return []grafana.Mapping{{Type: "value", Options: grafana.ValueMap{
		"0": {Text: "▲ no", Color: degraded, Index: 0},
		"1": {Text: "● yes", Color: ok, Index: 1},
	}}}
}

func nothing(text string, index int) grafana.Mapping {
	return grafana.Mapping{Type: "special", Options: grafana.SpecialMap{Match: "null", Result: grafana.Shown{Text: text, Color: grey, Index: index}}}
}

// stages maps an incident's state to the words of the page.
func stages() []grafana.Mapping {
	return []grafana.Mapping{{Type: "value", Options: grafana.ValueMap{
		"suspected":  {Text: "Possible", Index: 0},
		"probable":   {Text: "Likely", Index: 1},
		"confirmed":  {Text: "Confirmed", Index: 2},
		"lingering":  {Text: "Lingering", Index: 3},
		"recovering": {Text: "Recovering", Index: 4},
		"resolved":   {Text: "Resolved", Index: 5},
	}}}
}

// certainty maps an incident's confidence to the words of the page.
func certainty() []grafana.Mapping {
	return []grafana.Mapping{{Type: "value", Options: grafana.ValueMap{
		"suspected": {Text: "Possible", Index: 0},
		"probable":  {Text: "Likely", Index: 1},
		"confirmed": {Text: "Confirmed", Index: 2},
	}}}
}

// everybody maps the client of an incident that concerns all.
func everybody() []grafana.Mapping {
	return []grafana.Mapping{{Type: "value", Options: grafana.ValueMap{"*": {Text: "everybody"}}}}
}
