package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"syscall"
	"time"

	"picket/internal/uplink"
)

// lineIDs are the findings about the way to the collector behind DNS, in order.
func lineIDs() []string {
	return []string{idIntercept, idProxy, idCollector, idQUIC, idTCP, idPath, idEgress}
}

func (j *judge) names() {
	if j.root != "" {
		j.skip(idDNS, j.root)
		return
	}
	bad := slices.IndexFunc(j.e.Names, func(n Name) bool { return n.Err != nil })
	switch {
	case len(j.e.Names) == 0:
		j.pass(idDNS, "not needed: the Picket server is known by its address")
	case bad < 0:
		n := j.e.Names[0]
		j.pass(idDNS, "%s -> %s (%s%s)", n.Host, firstOf(n.Addrs), millis(n.Took), by(", resolver ", n.Server))
	case len(j.e.Addrs) > 0, j.e.Proxy != "": // another name, or the proxy, may know
		f := unresolved(j.e.Names[bad])
		f.Means = "there are other means: another address, or the proxy, which looks names up by itself"
		j.warn(f)
	default:
		j.fail(true, unresolved(j.e.Names[bad]))
	}
}

func (j *judge) rewrite() {
	switch {
	case j.root != "":
		j.skip(idRewrite, j.root)
	case !j.e.Rewrite.Asked:
	case j.e.Rewrite.Addr.IsValid():
		j.warn(uplink.Finding{ID: idRewrite, Text: fmt.Sprintf("DNS makes up answers: a name that cannot exist leads to %s", j.e.Rewrite.Addr),
			Means: "a check of a name that is gone would see a server; DNS checks from this site are not to be trusted there", Fix: "turn off DNS redirection at the provider or router, or use other DNS servers"})
	default:
		j.pass(idRewrite, "DNS says no to a name that does not exist")
	}
}

// unresolved words a name that the machine's DNS does not resolve. What others
// say of it tells a filter from a name that nobody knows.
func unresolved(n Name) uplink.Finding {
	f := uplink.Finding{ID: idDNS, Code: "E103"}
	own := "this machine's DNS"
	if n.Server != "" {
		own = "resolver " + n.Server
	}
	f.Text = fmt.Sprintf("cannot resolve %s: %s %s", n.Host, own, dnsWords(n.Err))
	switch {
	case len(n.Elsewhere) > 0:
		f.Text += fmt.Sprintf("; %s resolves it", n.ElsewhereServer)
		f.Means = "the DNS of this network blocks the name or does not work"
		f.Fix = fmt.Sprintf("allow %s in the DNS filter, or join with --resolve %s", n.Host, n.Elsewhere[0])
	case n.ElsewhereServer != "" && noSuchName(n.ElsewhereErr):
		f.Text += fmt.Sprintf("; %s does not know it either", n.ElsewhereServer)
		f.Means = "the name does not exist: the token was made with it (public: in the Picket server's configuration)"
		f.Fix = "correct the name there and make a new token, or join with --resolve IP"
	case n.ElsewhereServer != "":
		f.Text += fmt.Sprintf("; %s cannot be asked from here (%s)", n.ElsewhereServer, dnsWords(n.ElsewhereErr))
		f.Means = "this machine's DNS does not work, or the name is only known elsewhere"
		f.Fix = "repair DNS on this machine (can it resolve other names?), or join with --resolve IP and the address of the Picket server"
	default:
		f.Means = "this machine's DNS does not work, blocks the name, or the name is wrong"
		f.Fix = fmt.Sprintf("repair DNS or allow %s in the DNS filter, or join with --resolve IP and the address of the Picket server", n.Host)
	}
	return f
}

// dnsWords is what a server answered, as the end of a sentence.
func dnsWords(err error) string {
	d, ok := errors.AsType[*net.DNSError](err)
	switch {
	case err == nil:
		return "answers"
	case errors.Is(err, syscall.ECONNREFUSED), ok && strings.Contains(d.Err, "connection refused"):
		return "is not there: connection refused"
	case ok && d.IsNotFound:
		return "says that there is no such name"
	case ok && d.IsTimeout, errors.Is(err, context.DeadlineExceeded):
		return "does not answer"
	case ok && strings.Contains(d.Err, "misbehaving"):
		return "refuses to answer (SERVFAIL or REFUSED)"
	case ok:
		return "fails: " + d.Err
	}
	return "fails: " + err.Error()
}

// line judges the transports. Both must fail before it is a failure.
func (j *judge) line() {
	if j.root != "" {
		for _, id := range lineIDs() {
			j.skip(id, j.root)
		}
		return
	}
	udp, tcp := j.e.UDP, j.e.TCP
	reached := j.reached()
	if issuer, ok := firstIntercepted(udp.Err, tcp.Err); ok && !udp.ok() && !tcp.ok() {
		j.fail(true, interceptedBy(issuer, j.target()))
	} else if ok {
		f := interceptedBy(issuer, j.target())
		f.Means = "the agent uses the other transport; if that one is blocked too, it is cut off"
		j.warn(f)
	} else if reached {
		j.pass(idIntercept, "the Picket server proves its own certificate")
	}
	j.proxy()
	switch {
	case j.root != "":
		j.skip(idCollector, j.root)
	case reached:
		j.pass(idCollector, "%s answers", j.target())
	default:
		j.fail(true, j.unreachable())
	}
	if _, judged := (Report{Findings: j.found}).Find(idIntercept); !judged {
		j.skip(idIntercept, j.root) // nobody answered at all
	}
	j.transport(idQUIC, udp, reached)
	j.transport(idTCP, tcp, reached)
	j.path()
	j.egress()
}

func (j *judge) proxy() {
	authn := errors.Is(j.e.TCP.Err, uplink.ErrProxyAuth)
	switch {
	case j.root != "":
		j.skip(idProxy, j.root)
	case j.e.ProxyErr != nil:
		j.fail(!j.e.UDP.ok() && !j.connected(), uplink.Finding{ID: idProxy, Text: "the proxy setting cannot be used: " + oneLine(Redact(j.e.ProxyErr.Error())),
			Means: "nothing can be sent through a proxy", Fix: "write it as http://host:port (--proxy, PICKET_PROXY or HTTPS_PROXY)"})
	case authn && !j.e.UDP.ok() && !j.connected():
		j.fail(true, proxyAuth(j.e.Proxy))
	case authn:
		f := proxyAuth(j.e.Proxy)
		f.Means = "the agent works over UDP; without it, it would be cut off"
		j.warn(f)
	case j.e.Proxy != "":
		j.pass(idProxy, "through %s where QUIC does not get through", j.e.Proxy)
	default:
		j.pass(idProxy, "none is set")
	}
}

func proxyAuth(proxy string) uplink.Finding {
	return uplink.Finding{ID: idProxy, Code: "E108", Text: strings.TrimSpace("the proxy " + proxy + " wants a user name and password (407)"),
		Means: "the way through the proxy is closed, and QUIC gets no answer either",
		Fix:   "name the user with --proxy http://USER@HOST:PORT and put the password into the file proxy.secret of the state directory (mode 0600); or have the proxy let this machine through to the Picket server without"}
}

func interceptedBy(issuer, target string) uplink.Finding {
	return uplink.Finding{ID: idIntercept, Code: "E106", Text: "what answers at " + target + " is not the Picket server of this token: " + issuer,
		Means: "a firewall or antivirus program inspects TLS, or the server was set up anew. Nothing was sent: an agent never speaks through an inspected connection",
		Fix:   "exempt " + target + " from TLS inspection; if the Picket server was set up anew, make a new token"}
}

// unreachable is E105, with a request that can be handed to whoever runs the
// firewall. A refused TCP connection says something else: nobody listens.
func (j *judge) unreachable() uplink.Finding {
	f := uplink.Finding{ID: idCollector, Code: "E105"}
	f.Text = fmt.Sprintf("neither UDP nor TCP to %s works (%s)", j.target(), j.knockWords())
	if errors.Is(j.e.TCP.Err, syscall.ECONNREFUSED) {
		f.Means = "a machine answers there, but no Picket server listens; or a firewall refuses"
		f.Fix = "check that the Picket server runs and that its public address is right; else: " + j.request()
		return f
	}
	f.Means = "a firewall between this machine and the Picket server drops it, or the server is down"
	f.Fix = j.request()
	return f
}

func (j *judge) knockWords() string {
	var words []string
	for _, k := range []struct {
		name string
		Knock
	}{{"UDP", j.e.UDP}, {"TCP", j.e.TCP}} {
		if k.Tried {
			words = append(words, k.name+": "+knockWords(k.Knock))
		}
	}
	if len(words) == 0 {
		return "it has no address"
	}
	return strings.Join(words, "; ")
}

// request is one paragraph for whoever runs the firewall.
func (j *judge) request() string {
	host := ""
	if j.e.Host != "" {
		host = " from " + j.e.Host
	}
	return fmt.Sprintf("ask whoever runs the firewall: \"Please allow outgoing UDP and TCP%s to %s. It is Picket's monitoring line: always opened from inside, "+
		"TLS 1.3 with certificates on both ends. Nothing has to be opened from outside; exempt the address from TLS inspection.\"", host, j.target())
}

// target names the collector with its address and port.
func (j *judge) target() string {
	var names []string
	for _, a := range j.e.Addrs[:min(len(j.e.Addrs), 2)] {
		names = append(names, a.String())
	}
	s := strings.Join(names, ", ")
	if len(j.e.Names) > 0 {
		s = strings.TrimSpace(strings.TrimSuffix(j.e.Names[0].Host+" ("+s+")", "()"))
	}
	return s
}

func (j *judge) port() uint16 {
	if len(j.e.Addrs) == 0 {
		return 0
	}
	return j.e.Addrs[0].Port()
}

func (j *judge) transport(id string, k Knock, reached bool) {
	what, other := "UDP", "TCP"
	if id == idTCP {
		what, other = "TCP", "UDP"
	}
	switch {
	case !k.Tried:
	case k.Err == nil:
		j.pass(id, "%s %d: answered in %s", what, j.port(), millis(k.Saw.RTT))
	case !reached && j.e.Joining && j.root == idCollector: // the table of a join shows each
		j.fail(false, uplink.Finding{ID: id, Text: fmt.Sprintf("%s %d: %s", what, j.port(), knockWords(k))})
	case !reached:
		j.skip(id, j.root)
	case id == idQUIC && j.tooShort():
		j.skip(id, idPath)
	case id == idQUIC:
		j.warn(uplink.Finding{ID: id, Code: "E104", Text: fmt.Sprintf("UDP %d: %s", j.port(), knockWords(k)),
			Means: "outgoing UDP looks blocked; the agent uses TCP, which works but reacts more slowly on lossy lines", Fix: "allow outgoing UDP to " + j.target()})
	default:
		fix := "allow outgoing TCP to " + j.target()
		if j.e.Proxy != "" {
			fix = "have the proxy " + j.e.Proxy + " connect to " + j.target() + ", or name another one (--proxy, PICKET_PROXY)"
		}
		j.warn(uplink.Finding{ID: id, Text: fmt.Sprintf("TCP %d: %s", j.port(), knockWords(k)),
			Means: "the agent works over " + other + ", but has nothing to fall back on", Fix: fix})
	}
}

func (j *judge) egress() {
	from := j.e.UDP.Saw.SeenFrom
	if !from.IsValid() {
		from = j.e.TCP.Saw.SeenFrom
	}
	network := ""
	if j.e.Running != nil {
		network = j.e.Running.Network
	}
	switch {
	case j.root != "":
		j.skip(idEgress, j.root)
	case from.IsValid():
		j.pass(idEgress, "%s", strings.TrimSuffix(fmt.Sprintf("seen from %s, %s", from.Addr(), oneLine(network)), ", "))
	case network != "":
		j.pass(idEgress, "seen from %s", oneLine(network))
	}
}

// When a clock is worth a word. Agents correct their results by the collector's
// clock, so a warning is for the logs and for the other programs of the machine;
// the failure is where a certificate's dates begin to matter. [E]
const (
	clockWarn = 2 * time.Second
	clockFail = 10 * time.Minute
)

func (j *judge) clock() {
	offset, known := time.Duration(0), true
	switch {
	case j.connected():
		offset = j.e.Running.Offset
	case j.e.UDP.Saw.Timed:
		offset = j.e.UDP.Saw.Offset
	case j.e.TCP.Saw.Timed:
		offset = j.e.TCP.Saw.Offset
	default:
		known = false
	}
	f := uplink.Finding{ID: idClock, Text: "the clock of this machine is " + clockWords(offset), Fix: "set the time: w32tm /resync (Windows), timedatectl set-ntp true (Linux), sntp -sS time.apple.com (macOS)"}
	switch {
	case !known && j.root != "":
		j.skip(idClock, j.root)
	case !known:
	case offset.Abs() > clockFail:
		f.Code = "E107"
		f.Means = "certificates would be refused, and what is logged here could not be held against anything"
		j.fail(false, f)
	case offset.Abs() >= clockWarn:
		f.Means = "results are corrected by the Picket server's clock; logs and other programs of this machine are not"
		j.warn(f)
	default:
		j.pass(idClock, "%s", clockWords(offset))
	}
}
