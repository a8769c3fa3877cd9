package probes

// words is what a cause means, and what to do about it, for people.
type words struct {
	text   string // what happened, as part of a sentence
	advice string // what to look at next; "" if the text says it
}

var causeWords = map[Cause]words{
	None: {"all is well", ""},

	DNSTimeout:     {"the DNS server did not answer", "Ask another DNS server for the same name. If that one answers, the resolver or the way to it is at fault, not the service."},
	DNSServfail:    {"the DNS server could not find out (SERVFAIL or a similar failure)", "Often the zone's own servers are unreachable, or its DNSSEC signatures are broken. Ask another DNS server."},
	DNSNXDomain:    {"the name does not exist", "Check the spelling. If it is right, the record was removed or the domain has lapsed."},
	DNSRefused:     {"the DNS server refused to answer", "It may serve only its own network. Use one that serves this site."},
	DNSEmpty:       {"the name exists, but has no such record", "Check the record type. A name that has lost its addresses is as good as gone."},
	DNSUnreachable: {"the DNS server cannot be reached", "Nothing listens at that address and port, or a firewall rejects the question."},
	DNSMalformed:   {"the DNS answer makes no sense", "A broken server, or something on the way that answers in its place."},

	TCPTimeout:     {"the server did not answer the connection attempt", "The server is gone, or a firewall or a fault on the way swallows the packets. Compare with other sites."},
	TCPRefused:     {"the server refused the connection", "The host is alive, but nothing listens on that port, or a firewall rejects it."},
	TCPReset:       {"the connection was reset while it was being opened", "A firewall or a load balancer without a backend does this."},
	TCPUnreachable: {"a router says that the server cannot be reached", "The route to that network is missing somewhere on the way. Compare with other sites."},

	TLSTimeout:     {"the TLS handshake got stuck", "The port is open, but the service behind it does not answer: overload, or a path that loses large packets."},
	TLSAlert:       {"the server refused the TLS handshake", "Server and client agree on no version or cipher, the name is not served there, or a client certificate is wanted."},
	TLSExpired:     {"the certificate has expired", "It has to be renewed at the server. If every site sees this for every service, check this machine's clock."},
	TLSNotYetValid: {"the certificate is not valid yet", "Check this machine's clock first, then the certificate."},
	TLSName:        {"the certificate is for another name", "The server, or the server that answers in its place, is set up for another name."},
	TLSUntrusted:   {"the certificate's issuer is not trusted", "A missing intermediate, a private authority that this check does not know, or a device that breaks open TLS on the way."},
	TLSReset:       {"the connection was cut during the TLS handshake", "A firewall that reads server names does this, or a load balancer without a backend."},
	TLSProtocol:    {"the server does not speak TLS that we accept", "Wrong port, a plain-text service, or only versions older than TLS 1.2."},
	TLSIntercepted: {"somebody on the way breaks open TLS", "A proxy or a security product of this site answers in the server's place; this says nothing about the service."},

	HTTPTimeout:   {"the server took the request, but did not answer in time", "The service behind the door is slow or stuck."},
	HTTPStatus:    {"the server answered with an error status", "The service itself reports trouble. The code tells which kind."},
	HTTPBody:      {"the page does not contain the expected text", "An error page with a good status, a changed page, or a captive portal."},
	HTTPReset:     {"the server cut the connection instead of answering", "The service crashed on the request, or something before it lost its backend."},
	HTTPMalformed: {"the answer is not HTTP", "Wrong port, or a broken server or proxy."},
	Blocked:       {"a guard turned us away (login, firewall or rate limit)", "This is no outage. Ask a page that is open to strangers, or list the status as expected."},

	PingTimeout:     {"no echo request was answered", "Many networks drop pings on purpose. If this host answered before, it or the way to it is gone."},
	PingLoss:        {"some echo requests were not answered", "A congested or noisy line. Compare with other sites and other targets."},
	PingUnreachable: {"a router says that the host cannot be reached", "The route to that network is missing somewhere on the way."},

	LocalNoRoute:    {"this machine has no route to the server", "Check this machine's network; the service was not asked."},
	LocalResources:  {"this machine ran out of time, files or buffers", "Check this machine's load and limits; the service was not fairly asked."},
	LocalPermission: {"the operating system does not permit this", "Pings need CAP_NET_RAW, root, or net.ipv4.ping_group_range on Linux, and an administrator on Windows. Otherwise look for a local firewall."},
	LocalCancelled:  {"the probe was called off", "The agent is stopping, or the check was removed."},
	LocalPanic:      {"the probe itself failed", "This is a bug in Picket; please report it."},
	LocalResolver:   {"this site's own resolver fails, the name resolves elsewhere", "Check the resolver of this site, or its internet provider's."},

	Policy:      {"this site's policy forbids the target", "The site decides what may be probed from it; see its allow and deny lists."},
	Unsupported: {"this version does not know this kind of check", "Upgrade the agent."},
	BadSpec:     {"the check makes no sense", "Correct it as described."},
	Other:       {"an error that Picket does not know", "The error text has the details; it counts for nothing until somebody understands it."},

	Slow:  {"it answers, but much more slowly than it used to from here", "Compare with other sites: if only this one is slow, look at its line and its provider. If all are, the service is overloaded or has moved further away."},
	Lossy: {"it answers, but fails now and then, much more often than it used to from here", "A lossy line if other targets suffer too, an overloaded or half-broken service if not. Compare with other sites."},
}

// Text says in plain words what happened, for use in a sentence:
// "the server refused the connection".
func (c Cause) Text() string {
	if w, ok := causeWords[c]; ok {
		return w.text
	}
	return "a cause that this version does not know (" + c.String() + ")"
}

// Advice says what to look at next; "" if there is nothing to do.
func (c Cause) Advice() string { return causeWords[c].advice }
