// Package doctor finds out why an agent does not work, or that it does, and says
// what to do.
//
// # Looking and judging
//
// [Look] asks the machine, its DNS and its line, all at once and within ten
// seconds, and changes nothing; what it saw is an [Evidence]. [Evidence.Judge]
// turns that into findings and is a pure function, so that every sentence has a
// test that stages no trouble. The same two are behind `picket-agent join`
// (before the token is used), `picket-agent doctor`, and the report that a running
// agent sends to its collector every six hours.
//
// # One cause, one line
//
// A finding that follows from another one is SKIP and names it: where DNS does
// not know the collector, nothing is said about ports. The order of causes is
// identity, DNS, interception, proxy, reachability; what an agent tells of itself
// hangs on whether one runs. A log-in page (captive portal) comes right after DNS,
// because it explains all the rest. One blocked transport of two is a warning, because
// the agent works; only when both are blocked is it a failure.
//
// # What it asks of whom
//
// The collector is asked by an enrolment that brings no token ([uplink.Knock]):
// it proves its pin, tells its clock and from where it sees us, and learns
// nothing. When this machine's DNS does not resolve the collector's name, public
// resolvers are asked for that one name, to tell a DNS filter from a name that
// does not exist; Options.Compare names them, and none is fine. Whether DNS makes
// up answers is tested with a random name under the domain "invalid", which must
// never exist.
//
// Three checks see what a network does on the quiet. The collector's port 80 is
// asked for a page; only if that leads elsewhere are services that are watched
// asked, too, because web servers lead elsewhere, and only the same place for
// strangers of each other is a proof (or a status made for it, or a private
// address). A TLS handshake with the collector is begun whose first message needs
// packets of full size, and offers no protocol that it speaks: its refusal is the
// answer, silence is tried again in smaller packets. And some services that are
// watched (Options.Watched, at most four, of different owners) are asked for their
// certificate: one authority for services of different owners, unknown to the
// public logs that browsers demand, is a box that opens HTTPS. Where a proxy leads
// to the collector the first two are left out. What proves nothing is SKIP and
// says "cannot tell", never a warning; an inspecting box that lets all but one
// service alone goes unseen for that. No other party is asked, and nothing else
// leaves the machine.
//
// # Secrets
//
// A report holds addresses and names, no key, token or password. [Redact] takes
// them out of texts that others wrote (logs, stored configurations) before
// [WriteBundle] puts them into a file for support.
package doctor
