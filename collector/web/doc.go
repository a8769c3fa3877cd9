// Package web shows what the collector knows: a page for people, a JSON API and
// metrics for machines, and the operators' verbs behind a unix socket.
//
// # Two handlers
//
// [Server] is read-only and has no login. It belongs on loopback, and behind a
// proxy with a login when others are to see it. Nothing it offers changes
// anything: every route is GET. [NewAdmin] is another handler with the verbs that
// do change things (tokens, revocation); it belongs on the unix socket in the
// data folder, whose file mode 0600 is its login, and on nothing else.
//
// # A browser is a stranger on loopback
//
// Any page in any browser on this machine can make requests to 127.0.0.1. So the
// host of every request is checked: it must be a loopback name or address, or
// one that was configured, else a name of the attacker's that he points to
// 127.0.0.1 (DNS rebinding) would make us his same origin. No CORS header is
// ever sent, the page cannot be framed, and its content security policy allows
// our own two files and nothing else: an error text of a probed server that
// slipped through the escaping would still not run.
//
// # The page
//
// A sentence first, then evidence. Unknown is a state with a glyph of its own:
// missing data is never green and never red. Counts are sites and ISPs, never
// agents. Every state is glyph and word and colour; the colours are measured
// (contrast against the ground at least 3:1, apart for the three common kinds of
// colour blindness, light and dark). No asset comes from elsewhere: the page has
// to work on the day the clouds do not. Without JavaScript it reloads itself;
// with it, 60 lines of our own replace the changed part by what the event
// stream sends, which is the same template's output.
//
// # API
//
// Every answer is {"schema": "picket.<name>/v1", "generated_at": ..., "data": ...}.
// Within v1 fields are only added. Errors are {"schema": "picket.error/v1",
// "error": {"code", "what", "why", "fix"}} with a fitting status.
package web
