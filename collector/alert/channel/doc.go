// Package channel brings messages to their receivers: one message, one receiver,
// one attempt.
//
// What is told, when, in which words and how often it is tried is decided in
// picket/collector/alert, which knows nothing of this room. Every route has one
// [Way]; the collector builds it from the configuration and hands
// [Deliverer.Deliver] to the sender. An error says what became of the attempt:
// one that wraps [alert.ErrRefused] or [alert.ErrGone] is a definite no, one with
// [alert.ErrPartly] says that some receivers have it, and anything else is tried
// again.
//
// # By webhook
//
// 2xx is delivered. Redirects are not followed, because a signed message about a
// customer goes where its owner said and nowhere else; they and any other 4xx
// are a definite no, and 410 Gone is given up at once.
//
//	X-Picket-Signature: t=<unix seconds>,v1=<hex HMAC-SHA256 of "<t>.<body>">
//
// [Verify] is the receiver's side, for whoever writes one in Go.
//
// # By mail
//
// One mail goes to all recipients of a route, as text and HTML, one connection
// each: alerts are few, and a connection that was kept is often dead when it
// matters. The subject begins with a tag for eyes and mail rules ([DOWN],
// [WATCH], [SITE], [ISP], [PATH], [BLIND], [UPDATE], [OK], [MERGED], [CLOSED],
// [TEST]; of a drill [DRILL] before it) and ends with the incident's id for ticket systems. Message-ID,
// In-Reply-To and References follow from incident, route and sequence, so all
// letters of an incident are one thread and every try is the same mail.
//
// The library writes the mail and speaks the protocol; the conversation is
// ours, because three things matter here that it does otherwise: one recipient
// who has left the company must not silence the others (the rest get the mail,
// and who is asked to wait is tried again alone), the end of a context must
// end a conversation that hangs, and a server's chatter is bounded.
//
// A definite no is 5yz to the sender, to all recipients or to the mail. What
// the server says before that concerns our way in and not the letter (a wrong
// password, no STARTTLS, a certificate that is not trusted): somebody will mend
// it, so the letter waits for a day. STARTTLS is mandatory unless the route to
// the server is said to be plain, certificates are always verified, and a
// password goes unencrypted only to this machine itself, judged by the address
// that was really connected to.
//
// # Secrets
//
// Neither secrets, passwords nor webhook URLs (which often are secrets) are put
// into an error or a log, nor is what a mail server says about a log-in.
package channel
