package web

import (
	"fmt"
	"strings"
	"time"
)

// Widths of the drawn bar, in the units of its view box.
const (
	barWidth = 120.0
	barLeast = 1.0 // what took any time at all is seen
)

// bar is where the time of one result went, as a drawing and in words.
type bar struct {
	Parts []part
	Words string // "DNS 12 ms, connect 20 ms, TLS 30 ms, first byte 80 ms"; "" if nothing was measured
	Total string // "142 ms"
}

// part is one phase; X and W are in the units of the view box.
type part struct {
	Phase string // dns, connect, tls, ttfb, rest: a class of the style sheet
	X, W  float64
}

// phases is what a result says of its time.
type phases struct{ DNS, Connect, TLS, TTFB, RTT, Total time.Duration }

// longest is what fills the whole bar.
func (p phases) longest() time.Duration {
	return max(p.Total, p.RTT, p.DNS+p.Connect+p.TLS+p.TTFB)
}

// bar draws p. scale is the longest time among the bars that are compared.
func (p phases) bar(scale time.Duration) bar {
	var b bar
	var words []string
	x := 0.0
	for _, f := range []struct {
		phase, word string
		took        time.Duration
	}{
		{"dns", "DNS", p.DNS}, {"connect", "connect", p.Connect}, {"tls", "TLS", p.TLS}, {"ttfb", "first byte", p.TTFB}, {"rtt", "round trip", p.RTT},
		{"rest", "", p.Total - p.DNS - p.Connect - p.TLS - p.TTFB - p.RTT},
	} {
		if f.took <= 0 || scale <= 0 {
			continue
		}
		if f.word != "" {
			words = append(words, f.word+" "+ms(f.took))
		}
		w := max(barLeast, barWidth*float64(f.took)/float64(scale))
		w = min(w, barWidth-x)
		if w <= 0 {
			continue
		}
		b.Parts = append(b.Parts, part{f.phase, round1(x), round1(w)})
		x += w
	}
	b.Words = strings.Join(words, ", ")
	b.Total = ms(p.Total)
	if b.Total == "" {
		b.Total = ms(p.RTT)
	}
	return b
}

func round1(v float64) float64 { return float64(int(v*10+0.5)) / 10 }

// outcomeState is the state that colours an outcome of a probe.
func outcomeState(outcome string) string {
	switch outcome {
	case "up":
		return "ok"
	case "degraded", "down":
		return outcome
	}
	return "no-data"
}

// outcomeWord is an outcome for people.
func outcomeWord(outcome string) string {
	switch outcome {
	case "up":
		return "works"
	case "degraded":
		return "slow or partly failing"
	case "down":
		return "fails"
	}
	return "could not tell"
}

// certificate is how long a certificate lasts, and whether that is a worry.
func certificate(days int) (text, state string) {
	switch {
	case days < 0:
		return "expired", "down"
	case days < certSoon:
		return fmt.Sprintf("ends in %d d", days), "degraded"
	}
	return fmt.Sprintf("%d d", days), ""
}

// certSoon is when the end of a certificate becomes a warning. Automatic renewals
// happen a month before; two weeks before, somebody must look.
const certSoon = 14
