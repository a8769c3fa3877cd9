package alert

import (
	"fmt"
	"strings"
	"time"
)

// CauseWords says a probe's cause (the tag, as in detect.Incident.Cause) as
// people do; an unknown cause is returned as it is.
func CauseWords(cause string) string {
	words := map[string]string{
		"dns_timeout": "DNS does not answer", "dns_servfail": "DNS answers with a server failure", "dns_nxdomain": "DNS says that the name does not exist",
		"dns_refused": "DNS refuses the question", "dns_empty": "DNS answers without an address", "dns_unreachable": "the DNS server cannot be reached",
		"dns_malformed": "the answer of DNS makes no sense",
		"tcp_timeout":   "no answer to a connection", "tcp_refused": "connections are refused", "tcp_reset": "connections are reset",
		"tcp_unreachable": "the network says that the host is unreachable",
		"tls_timeout":     "the TLS handshake gets no answer", "tls_alert": "the TLS handshake is refused", "tls_expired": "the certificate has expired",
		"tls_not_yet_valid": "the certificate is not valid yet", "tls_name": "the certificate is for another name", "tls_untrusted": "the certificate is not trusted",
		"tls_reset": "the connection ends inside the TLS handshake", "tls_protocol": "the server does not speak TLS", "tls_intercepted": "something on the way intercepts TLS",
		"http_timeout": "no answer to the request", "http_status": "the service answers with an error", "http_body": "the answer is not the expected one",
		"http_reset": "the connection ends before the answer", "http_malformed": "the answer is not HTTP", "blocked": "the service refuses a stranger",
		"ping_timeout": "no answer to ping", "ping_loss": "packets are lost", "ping_unreachable": "ping: unreachable",
		"local_noroute": "this site has no route", "local_resources": "Picket's machine there is out of resources", "local_permission": "Picket may not do this there",
		"local_cancelled": "Picket was stopping there", "local_resolver": "the site's own DNS resolver fails", "policy": "forbidden by the site's policy",
	}
	if w, ok := words[cause]; ok {
		return w
	}
	return oneLine(cause)
}

// Span writes a duration as people say it: 45 s, 14 min, 1 h 47 min, 3 d 2 h.
func Span(d time.Duration) string {
	d = max(0, d).Round(time.Second)
	h, m := int(d.Hours()), int(d.Minutes())%60
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", m)
	case h < 48:
		return strings.TrimSuffix(fmt.Sprintf("%d h %d min", h, m), " 0 min")
	default:
		return strings.TrimSuffix(fmt.Sprintf("%d d %d h", h/24, h%24), " 0 h")
	}
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// oneLine keeps text that came from elsewhere from breaking the layout: an
// error text of a server must not be able to forge a line of an alert.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0x2028 || r == 0x2029 }), " ")
}

// OneLine is text from elsewhere as it may stand in a message.
func OneLine(s string) string { return oneLine(s) }

func clip(s string, limit int) string {
	if r := []rune(s); len(r) > limit {
		return string(r[:limit-3]) + "..."
	}
	return s
}

// wrap breaks s at spaces into lines of at most width characters; lines after
// the first begin with indent.
func wrap(s string, width int, indent string) string {
	var b strings.Builder
	used := 0
	for word := range strings.FieldsSeq(s) {
		n := len([]rune(word))
		if used > 0 && used+1+n > width {
			b.WriteString("\n" + indent)
			used = 0
		}
		if used > 0 {
			b.WriteByte(' ')
			used++
		}
		b.WriteString(word)
		used += n
	}
	return b.String()
}
