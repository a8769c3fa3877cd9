package web

import (
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// policy lets the page load our own style sheet and script, fetch from us, send
// forms to us, and nothing else.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; " +
	"base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// strictTransport has browsers come by TLS for a month once they did. Without
// subdomains, since they are not ours.
const strictTransport = "max-age=2592000"

// guard refuses requests for hosts that are not ours, sets the headers that keep
// browsers strict, bounds bodies, and refuses what another web site had a
// browser send: forms (by Sec-Fetch-Site, else Origin; programs send neither) and
// reads of the API.
func guard(hosts []string, next http.Handler) http.Handler {
	own := make([]string, 0, len(hosts))
	for _, h := range hosts {
		own = append(own, bareHost(h))
	}
	origin := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		strict(w.Header(), r.TLS != nil)
		if host := bareHost(r.Host); !loopback(host) && !slices.Contains(own, host) {
			fail(w, &Error{Status: http.StatusMisdirectedRequest, Code: "host", What: "this page was asked for under a name that is not its own",
				Why: "a web site may be trying to reach it through your browser", Fix: "use 127.0.0.1 on the collector's machine, or add the host to names: in the collector's configuration"})
			return
		}
		if r.ContentLength > maxBody {
			fail(w, &Error{Status: http.StatusRequestEntityTooLarge, Code: "body", What: "the request was not read", Why: "it is longer than 64 KiB"})
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		if origin.Check(r) != nil || programs(r.URL.Path) && r.Header.Get("Sec-Fetch-Site") == "cross-site" {
			fail(w, &Error{Status: http.StatusForbidden, Code: "cross_site", What: "the request was refused", Why: "another web site made your browser send it",
				Fix: "open the page itself and try again there"})
			return
		}
		next.ServeHTTP(w, r)
	})
}

func strict(h http.Header, tls bool) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	h.Set("Cache-Control", "no-store")
	if tls {
		h.Set("Strict-Transport-Security", strictTransport)
	}
}

// programs says whether path answers programs and scripts, not the address bar.
func programs(path string) bool {
	return strings.HasPrefix(path, "/api/") || path == "/events" || path == "/metrics"
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

// remote is the address that a request came from. What a proxy of ours says in
// X-Forwarded-For is believed: read from the right, where each proxy adds whom it
// heard, the first address that is none of ours. What stands further left is that
// one's own word, as is all of the header from anybody else.
func (s *Server) remote(r *http.Request) netip.Addr {
	from := peer(r)
	if s.o.Access == nil {
		return from
	}
	heard := strings.Join(r.Header.Values("X-Forwarded-For"), ",")
	for heard != "" && s.o.Access.Proxy(from) {
		at := strings.LastIndexByte(heard, ',')
		next, ok := address(heard[at+1:])
		if !ok {
			break
		}
		from, heard = next, heard[:max(at, 0)]
	}
	return from
}

// peer is the other end of a request's connection.
func peer(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap()
}

// address reads one of X-Forwarded-For; some proxies add a port.
func address(text string) (netip.Addr, bool) {
	text = strings.TrimSpace(text)
	a, err := netip.ParseAddr(text)
	if err != nil {
		ap, err := netip.ParseAddrPort(text)
		return ap.Addr().Unmap(), err == nil
	}
	return a.Unmap(), true
}

// forwarded says how a request shows that it did not come straight from a program
// on this machine; "" if it does not. Many proxies run beside the collector, and
// what they pass on comes from loopback too, so their headers count. One that adds
// none cannot be told from a browser.
func forwarded(r *http.Request) string {
	if !peer(r).IsLoopback() {
		return "it came from another machine"
	}
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		if name == "Forwarded" || name == "Via" || name == "X-Real-Ip" || strings.HasPrefix(name, "X-Forwarded-") {
			return "it came through a proxy, which has added the header " + name
		}
	}
	return ""
}
