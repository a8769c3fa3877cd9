package web

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// policy lets the page load our own style sheet and script, fetch from us, and
// nothing else.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// guard refuses requests for hosts that are not ours and sets the headers that
// keep browsers strict.
func guard(hosts []string, next http.Handler) http.Handler {
	own := make([]string, 0, len(hosts))
	for _, h := range hosts {
		own = append(own, bareHost(h))
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		h.Set("Cache-Control", "no-store")
		if host := bareHost(r.Host); !loopback(host) && !slices.Contains(own, host) {
			fail(w, &Error{Status: http.StatusMisdirectedRequest, Code: "host", What: "this page was asked for under a name that is not its own",
				Why: "a web site may be trying to reach it through your browser", Fix: "use http://127.0.0.1, or name the host in the collector's configuration"})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// bareHost is a host without port, brackets and final dot, in lower case.
func bareHost(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// loopback says whether host can only be this machine. Browsers resolve
// localhost and its subdomains to loopback themselves.
func loopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
