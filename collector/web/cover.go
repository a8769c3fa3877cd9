package web

import (
	"fmt"
	"slices"
	"strings"

	"picket/collector/detect"
)

// serviceCover is what could be confirmed of the services, if they went down now.
type serviceCover struct {
	Text string        // "24 of 26 services could be confirmed down."
	Thin []serviceLine // those that could not, or only just
	Well []serviceLine
}

// serviceLine is one service in one cloud region.
type serviceLine struct{ Name, State, Glyph, Word, Seen, Text, Help string }

// coverServices words the coverage, what is worst covered first.
func coverServices(all []detect.Coverage, provider func(string) string) serviceCover {
	var out serviceCover
	sure := 0
	for _, c := range all {
		l := serviceLineOf(c, provider)
		if c.Confidence == detect.ConfidenceConfirmed {
			sure++
		}
		if l.State == "ok" {
			out.Well = append(out.Well, l)
		} else {
			out.Thin = append(out.Thin, l)
		}
	}
	order := []string{"no-data", "down", "disputed", "degraded"}
	slices.SortStableFunc(out.Thin, func(a, b serviceLine) int { return slices.Index(order, a.State) - slices.Index(order, b.State) })
	if len(all) > 0 {
		out.Text = fmt.Sprintf("If they went down now, %d of %s could be confirmed.", sure, plural(len(all), "service"))
	}
	return out
}

func serviceLineOf(c detect.Coverage, provider func(string) string) serviceLine {
	name := strings.Join(strings.Fields(provider(c.Provider)+" "+c.Service+" "+c.Region), " ")
	if c.Client != "" {
		name += " of " + c.Client
	}
	l := serviceLine{Name: name, State: "ok", Word: "can be confirmed", Seen: plural(c.Sites, "site") + ", " + plural(c.Networks, "ISP"), Text: c.Text}
	switch {
	case c.Sites == 0:
		l.State, l.Word = "no-data", "not seen"
	case c.Confidence == detect.ConfidenceConfirmed && c.Spare == 0:
		l.State, l.Word = "degraded", "only just"
	case c.Confidence == detect.ConfidenceProbable:
		l.State, l.Word = "disputed", "at most likely"
	case c.Confidence == detect.ConfidenceSuspected:
		l.State, l.Word = "down", "at most possible"
	case c.Confidence == detect.ConfidenceNone:
		l.State, l.Word = "down", "cannot be called"
	}
	l.Glyph = glyph(l.State)
	for _, g := range c.Gains {
		l.Help += upper(g.Text) + ". "
	}
	for _, m := range c.Missing {
		l.Help += fmt.Sprintf("%s cannot testify now: %s. ", plural(m.Sites, "site"), m.Why)
	}
	return l
}

// upper begins a sentence.
func upper(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
