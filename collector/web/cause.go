package web

import (
	"strings"

	"picket/probes"
)

// causeWords makes the tag of a cause, or of a layer, readable where there is
// little room: "tls_timeout" is "TLS timeout". [causeClause] says more.
func causeWords(tag string) string {
	first, rest, _ := strings.Cut(tag, "_")
	switch first {
	case "dns", "tcp", "tls", "http":
		first = strings.ToUpper(first)
	case "local":
		first = "its own machine:"
	}
	return strings.TrimSpace(first + " " + strings.ReplaceAll(rest, "_", " "))
}

// causeClause says a cause in a clause: "the TLS handshake got stuck"; what this
// version does not know is said by its tag.
func causeClause(tag string) string {
	for c := range probes.Cause(255) {
		if c != probes.None && c.Known() && c.String() == tag {
			return c.Text()
		}
	}
	return causeWords(tag)
}
