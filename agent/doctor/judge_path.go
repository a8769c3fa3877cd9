package doctor

import (
	"fmt"
	"net/http"
	"strings"

	"picket/internal/uplink"
)

// reached says that the collector has shown its key by any way.
func (j *judge) reached() bool { return j.e.UDP.ok() || j.e.TCP.ok() || j.connected() }

// captive judges whether this network answers in the place of others before
// somebody has logged in. That one redirect leads elsewhere is no proof: web
// servers do that. It is one if the answer is the status made for it, if it leads
// to a private address, or if others are led to the same place.
func (j *judge) captive() {
	if j.root != "" {
		j.skip(idCaptive, j.root)
		return
	}
	if len(j.e.Pages) == 0 {
		return
	}
	first := j.e.Pages[0]
	to := "http://" + first.Leads
	if first.Leads == "" {
		to = "any http:// page"
	}
	f := uplink.Finding{ID: idCaptive, Fix: "open " + oneLine(to) + " in a browser on this machine and log in or accept the terms; better, have this machine let through without (by its MAC address)"}
	proof := j.captiveProof()
	switch {
	case proof != "" && !j.reached():
		f.Code, f.Text = "E105", proof
		f.Means = "a log-in page (captive portal) or a block page stands between this machine and the internet; nothing gets through before somebody has logged in"
		j.fail(true, f)
	case proof != "":
		f.Text, f.Means = proof, "the Picket server is reached, but checks of web services see a log-in or block page in their place"
		j.warn(f)
	case first.away() && !j.reached():
		f.Text = fmt.Sprintf("port 80 of %s leads to %s", oneLine(first.Host), oneLine(first.Leads))
		f.Means = "if that is a log-in page of this network (captive portal), nothing gets through before somebody has logged in; if the Picket server's own web server leads there, it means nothing"
		j.warn(f)
	case j.reached():
		j.pass(idCaptive, "no log-in page is in the way")
	default:
		j.add(uplink.Finding{ID: idCaptive, Level: uplink.LevelSkip, Text: "cannot tell: nothing answers in the Picket server's place"})
	}
}

// captiveProof says by what the network has given itself away, "" if it has not.
func (j *judge) captiveProof() string {
	first := j.e.Pages[0]
	switch {
	case first.Status == http.StatusNetworkAuthenticationRequired:
		return "this network wants somebody to log in first: in the place of " + oneLine(first.Host) + " it answers 511 Network Authentication Required"
	case !first.away():
		return ""
	case first.Home:
		return fmt.Sprintf("this network answers in the place of %s: plain HTTP leads to %s, a private address", oneLine(first.Host), oneLine(first.Leads))
	}
	for _, p := range j.e.Pages[1:] {
		if p.away() && p.Leads == first.Leads && !Related(p.Host, first.Host) {
			return fmt.Sprintf("this network answers in the place of others: plain HTTP to %s and plain HTTP to %s lead to the same place, %s", oneLine(first.Host), oneLine(p.Host), oneLine(p.Leads))
		}
	}
	return ""
}

// quicFirst is the packet, in bytes of IP, that QUIC begins with: nothing smaller
// will do.
const quicFirst = 1308

// tooShort says that packets as QUIC needs them are too long for the line.
func (j *judge) tooShort() bool {
	p := j.e.Path
	return p.Asked && !p.Long && p.Fits > 0 && p.Fits < quicFirst
}

func (j *judge) path() {
	f := uplink.Finding{ID: idPath, Means: "something on the way carries shorter packets only and does not say so; connections hang when they have much to send, HTTPS checks among them",
		Fix: "have the router or firewall let ICMP through (\"fragmentation needed\", \"packet too big\"), or limit TCP's segments there (MSS clamping); else lower this machine's MTU"}
	switch p := j.e.Path; {
	case j.root != "":
		j.skip(idPath, j.root)
	case j.e.Proxy != "":
	case p.Asked && p.Long:
		j.pass(idPath, "packets of full size reach the Picket server")
	case p.Asked && p.Fits > 0:
		f.Text = fmt.Sprintf("packets of full size get lost on the way to %s without a word; packets of %d bytes get through", j.target(), p.Fits)
		if j.tooShort() {
			f.Means += "; UDP (QUIC) does not work at all"
		}
		j.warn(f)
	case p.Asked && p.Short:
		f.Text = fmt.Sprintf("%s answers a short TLS handshake and no long one", j.target())
		f.Means = "a firewall drops long handshakes, in packets of whatever size; HTTPS checks may fail here for the same reason"
		f.Fix = "look for a firewall that inspects TLS and is not up to date: today's browsers send such handshakes too"
		j.warn(f)
	default:
		j.add(uplink.Finding{ID: idPath, Level: uplink.LevelSkip, Text: "cannot tell: the Picket server does not answer over TCP"})
	}
}

// inspected judges whether somebody on the way opens the HTTPS of what is watched.
// One odd certificate may be the service's own affair; the same authority for
// services that have nothing to do with each other is not.
func (j *judge) inspected() {
	if len(j.e.Shown) == 0 {
		return
	}
	if j.root != "" {
		j.skip(idInspect, j.root)
		return
	}
	var told, odd []Shown
	for _, s := range j.e.Shown {
		switch {
		case s.Err != nil, s.Logged && !s.Trusted: // a public authority that this machine is too old to know
		case s.Logged:
			told = append(told, s)
		default:
			odd = append(odd, s)
		}
	}
	for i, a := range odd {
		for _, b := range odd[i+1:] {
			if a.By == b.By && a.Trusted == b.Trusted && !Related(a.Host, b.Host) {
				j.warn(inspectedBy(a, b))
				return
			}
		}
	}
	switch {
	case len(odd) > 0:
		j.add(uplink.Finding{ID: idInspect, Level: uplink.LevelSkip, Text: fmt.Sprintf("cannot tell: the certificate of %s is by %q, which is no public authority; no other service shows the same", odd[0].Host, oneLine(odd[0].By))})
	case len(told) > 0:
		var hosts []string
		for _, s := range told {
			hosts = append(hosts, s.Host)
		}
		j.pass(idInspect, "public authorities vouch for %s", strings.Join(hosts, ", "))
	default:
		j.add(uplink.Finding{ID: idInspect, Level: uplink.LevelSkip, Text: "cannot tell: none of the services asked showed a certificate that can be judged"})
	}
}

func inspectedBy(a, b Shown) uplink.Finding {
	whose := "no public authority, though this machine trusts it"
	switch {
	case a.Added != "":
		whose = "a root that was added to this machine (" + oneLine(a.Added) + ")"
	case !a.Trusted:
		whose = "which this machine does not trust"
	}
	return uplink.Finding{ID: idInspect, Text: fmt.Sprintf("HTTPS is opened on the way: the certificates of %s and of %s are both by %q, %s", a.Host, b.Host, oneLine(a.By), whose),
		Means: "a firewall or antivirus program answers in the services' place; HTTPS checks from here measure it too, and may miss an outage or see one that is none",
		Fix:   "exempt this machine, or what Picket watches, from HTTPS inspection"}
}
