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
// # Rendering
//
// [Render] writes a message as each kind of receiver shows it, by pure functions
// that keep to what the receivers document, whatever stands in the message:
// texts are shortened until the whole fits, text from elsewhere stays text (no
// link, no call of everybody), and buttons only lead to web pages. A drill says
// so in every payload and has the lowest priority.
//
// # To chat: Slack and Teams
//
// Both are webhooks whose URL is the secret. Slack gets blocks (a header of at
// most 150 characters, at most 10 fields, 12,000 bytes in all, since longer
// messages fail whatever the limits of single blocks are). An incoming webhook can
// neither edit nor answer, so each message is a new one; a bot token, which could,
// would need every message's id to be kept and is not supported.
//
// Teams gets an Adaptive Card 1.4, the newest version that all of its programs
// show, in the envelope of a workflow and below 28 kB. The old connectors are
// gone. A workflow answers 202 before it posts: delivered means that the workflow
// has it.
//
// # To PagerDuty
//
// dedup_key is "picket:" and the incident, so nothing that PagerDuty answers has
// to be remembered. "Updated" triggers the same key again, which adds to the
// alert and wakes nobody; only "resolved" resolves, because a trigger after it is
// a new incident to PagerDuty. A test triggers and resolves.
//
// # To Alertmanager
//
// An alert is said every minute with an end five minutes ahead, and once over it is
// said for five minutes with the end it really had. What is said follows from the
// outbox, so neither our restart nor theirs loses or doubles an alert; if Picket
// dies, what it said ends by itself. The labels are those of the first message of
// the incident, for as long as it lives: they are the identity of an alert. What
// changes (how sure, how bad, whose clients) is in annotations.
//
// # To a service desk
//
// alert_name, which says what is out in at most 40 characters, and alert_id, the
// incident, are together the key of a ticket: open, update, close, reopen. With
// a ticket per client alert_id ends in the client, a client that is hit later gets
// its ticket then, and the end closes the tickets of all that ever had one. By mail
// only the opening and the end are told: a desk that reads mail makes a new ticket
// of whatever it cannot match.
//
// # To everything else
//
// The library shoutrrr knows some twenty more services by URL. It gets a text of
// at most 1,000 characters. It takes no context: an attempt that hangs cannot be
// ended, so it is left behind after ten seconds, and its route waits until it has
// ended by itself. One goroutine per such route is therefore the most that can hang,
// also beyond the end of the sender. Its errors are not repeated, since they quote
// the URL with its passwords: only what cannot be secret is told.
//
// # Secrets
//
// Neither secrets, passwords nor webhook URLs (which often are secrets) are put
// into an error or a log, nor is what a mail server says about a log-in.
package channel
