package detect

import "picket/probes"

// causeText is a cause in words, after "cannot reach X: ", of n things.
func causeText(cause string, n int) string {
	for c, s := range causeTexts() {
		if c.String() == cause {
			return s.of(n)
		}
	}
	return wording{"it does not answer as it should", "they do not answer as they should"}.of(n)
}

// wording is a clause about one thing and about several.
type wording struct{ one, many string }

func (w wording) of(n int) string {
	if n == 1 || w.many == "" {
		return w.one
	}
	return w.many
}

func causeTexts() map[probes.Cause]wording {
	return map[probes.Cause]wording{
		probes.DNSTimeout:     {"its name servers do not answer", "their name servers do not answer"},
		probes.DNSServfail:    {"its name cannot be resolved (server failure)", "their names cannot be resolved (server failure)"},
		probes.DNSNXDomain:    {"its name does not exist", "their names do not exist"},
		probes.DNSRefused:     {"its name servers refuse to answer", "their name servers refuse to answer"},
		probes.DNSEmpty:       {"its name has no address", "their names have no address"},
		probes.DNSUnreachable: {"its name servers are unreachable", "their name servers are unreachable"},
		probes.DNSMalformed:   {"its name servers give unreadable answers", "their name servers give unreadable answers"},
		probes.TCPTimeout:     {"connections time out", ""},
		probes.TCPRefused:     {"connections are refused", ""},
		probes.TCPReset:       {"connections are reset", ""},
		probes.TCPUnreachable: {"the network says it is unreachable", "the network says they are unreachable"},
		probes.TLSTimeout:     {"the TLS handshake times out", "TLS handshakes time out"},
		probes.TLSAlert:       {"the TLS handshake is rejected", "TLS handshakes are rejected"},
		probes.TLSExpired:     {"its certificate has expired", "their certificates have expired"},
		probes.TLSNotYetValid: {"its certificate is not yet valid", "their certificates are not yet valid"},
		probes.TLSName:        {"its certificate is for another name", "their certificates are for other names"},
		probes.TLSUntrusted:   {"its certificate is not trusted", "their certificates are not trusted"},
		probes.TLSReset:       {"the TLS handshake is cut off", "TLS handshakes are cut off"},
		probes.TLSProtocol:    {"it does not speak TLS", "they do not speak TLS"},
		probes.HTTPTimeout:    {"it accepts connections but does not answer", "they accept connections but do not answer"},
		probes.HTTPStatus:     {"it answers with errors", "they answer with errors"},
		probes.HTTPBody:       {"it answers with the wrong content", "they answer with the wrong content"},
		probes.HTTPReset:      {"it cuts requests off", "they cut requests off"},
		probes.Slow:           {"it answers late", "they answer late"},
		probes.Lossy:          {"some requests fail", ""},
		probes.HTTPMalformed:  {"its answers are unreadable", "their answers are unreadable"},
	}
}

// WhyWords says why a site or an agent does not vote or could not tell. The
// agents' reasons travel as tags (package vantage); what is not known is
// returned as it is.
func WhyWords(why string) string {
	words := map[string]string{
		"no_references":     "no references are configured: its line cannot be told from the clouds",
		"few_references":    "few references are configured",
		"probation":         "new: votes after two good rounds of its references",
		"uplink":            "its own line: too many references fail",
		"references_stale":  "its references were not asked lately",
		"references_failed": "its own line: references failed beside the vote",
		"never_worked_here": "this check has never worked from here",
		"bad_here":          "this check fails too often from here to be a witness",
		"stale":             "no fresh result",
		"no_such_check":     "it does not know this check yet",
		"could_not_tell":    "its attempts could not tell",
		"blocked":           "it was turned away (blocked) before the service",
		"split":             "one attempt failed, the other could not tell",
	}
	if w, ok := words[why]; ok {
		return w
	}
	return why
}
