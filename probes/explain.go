package probes

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Explain tells a person what r, the result of asking s, means: what was asked
// and concluded, how far it came phase by phase, and, if not all is well, what
// the cause means and what to do next. It is plain text of several lines and
// ends with a newline.
func Explain(s Spec, r Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", s.Title(), strings.ToUpper(r.Outcome.String()))
	if r.Cause != None {
		fmt.Fprintf(&b, ", %s (%s)", r.Cause.Text(), r.Cause)
	}
	b.WriteString("\n\n")
	for _, step := range steps(s, r) {
		fmt.Fprintf(&b, "  %-12s %s\n", step.name, step.text)
	}
	fmt.Fprintf(&b, "  %-12s %s\n", "total", short(r.Total))
	if r.HasCert {
		fmt.Fprintf(&b, "  %-12s %s\n", "certificate", certText(r.CertDays))
	}
	if r.Err != "" {
		fmt.Fprintf(&b, "\nThe error: %s\n", r.Err)
	}
	if a := r.Cause.Advice(); a != "" {
		fmt.Fprintf(&b, "What to do: %s\n", a)
	}
	if r.Outcome == Unknown {
		b.WriteString("This result says nothing about the service and never counts against it.\n")
	}
	return b.String()
}

// Title names the question as a person would: "https://example.com/",
// "ping example.com over IPv6", "dns MX example.com".
func (s Spec) Title() string {
	if s.Family != 0 && s.Kind != DNS { // a dns probe's shows in the record it asks for
		return s.title() + " over IPv" + s.Family.String()
	}
	return s.title()
}

func (s Spec) title() string {
	host := line(s.Host)
	switch s.Kind {
	case HTTP:
		if u, err := s.url(); err == nil {
			return u.Scheme + "://" + u.Host + cmp.Or(s.Path, "/")
		}
	case DNS:
		q := "dns " + strings.ToUpper(cmp.Or(line(s.Query), s.address())) + " " + host
		if s.Resolver != "" {
			q += " at " + line(s.Resolver)
		}
		return q
	case TCP, TLS:
		if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
		return fmt.Sprintf("%v %s:%d", s.Kind, host, s.port())
	}
	return fmt.Sprintf("%v %s", s.Kind, host)
}

type step struct{ name, text string }

// steps tells the phases in their order. A phase with a time was passed; the
// layer of the cause is where it broke; what comes later was not reached.
func steps(s Spec, r Result) []step {
	if r.Kind == DNS {
		return []step{{"question", "asked " + peer(r, "nobody")}, {"answer", dnsText(r)}}
	}
	list := []step{{"name", nameText(r)}}
	if r.Kind == Ping {
		return append(list, step{"echo", echoText(r)})
	}
	type part struct {
		name string
		at   Layer
		took time.Duration
		ok   string
	}
	parts := []part{{"connect", LayerTCP, r.Connect, "connected to " + peer(r, "it")}}
	if r.Kind == TLS || r.Kind == HTTP && !s.Plain {
		parts = append(parts, part{"tls", LayerTLS, r.TLS, "handshake done"})
	}
	if r.Kind == HTTP {
		text := "first byte"
		if r.Code > 0 {
			text = fmt.Sprintf("status %d, %d bytes", r.Code, r.Bytes)
		}
		parts = append(parts, part{"answer", LayerHTTP, r.TTFB, text})
	}
	broken := r.Cause.Layer() == LayerDNS
	for _, p := range parts {
		text := "not reached"
		switch {
		case p.at == r.Cause.Layer() && p.took > 0:
			text = fmt.Sprintf("%s after %s, but: %s", p.ok, short(p.took), r.Cause.Text())
		case p.took > 0:
			text = fmt.Sprintf("%s in %s", p.ok, short(p.took))
		case !broken && r.Cause != None:
			text = "broke here: " + r.Cause.Text()
		}
		broken = broken || p.took == 0
		list = append(list, step{p.name, text})
	}
	return list
}

func nameText(r Result) string {
	switch {
	case r.Addr.IsValid() && r.DNS > 0:
		return fmt.Sprintf("resolved to %v in %s", r.Addr, short(r.DNS))
	case r.Addr.IsValid():
		return "an address already: " + r.Addr.String()
	case r.DNS > 0:
		return fmt.Sprintf("broke here after %s: %s", short(r.DNS), r.Cause.Text())
	default:
		return "not reached"
	}
}

func dnsText(r Result) string {
	switch {
	case r.Code >= 0:
		return fmt.Sprintf("%s in %s", cmp.Or(dns.RcodeToString[r.Code], fmt.Sprintf("rcode %d", r.Code)), short(r.DNS))
	case r.Cause == None:
		return "found in " + short(r.DNS)
	default:
		return "none: " + r.Cause.Text()
	}
}

func echoText(r Result) string {
	if r.Sent == 0 {
		return "not reached"
	}
	text := fmt.Sprintf("%d sent, %d answered", r.Sent, r.Received)
	if r.Received > 0 {
		text += fmt.Sprintf(", round trip %s, jitter %s", short(r.RTT), short(r.Jitter))
	}
	return text
}

func peer(r Result, nobody string) string {
	if r.Addr.IsValid() {
		return r.Addr.String()
	}
	if r.Kind == DNS {
		return "the operating system"
	}
	return nobody
}

func certText(days int) string {
	switch {
	case days < 0:
		return fmt.Sprintf("expired, %d days ago", -days)
	case days == 1:
		return "valid for 1 more day"
	default:
		return fmt.Sprintf("valid for %d more days", days)
	}
}

// short writes d with three digits: 1.23ms, 45.6ms, 1.23s.
func short(d time.Duration) string {
	for _, unit := range []time.Duration{time.Second, time.Millisecond, time.Microsecond} {
		if d >= unit {
			for _, digits := range []time.Duration{100, 10} {
				if d < 1000/digits*unit {
					return d.Round(unit / digits).String()
				}
			}
			return d.Round(unit).String()
		}
	}
	return d.String()
}
