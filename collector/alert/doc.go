// Package alert tells people about incidents: it decides who is told what and
// when, writes it in words, and delivers it until it has arrived.
//
// # Three parts
//
// [Decide] is a pure function of what a route was last told, the incident as it
// is, what is known beside it ([Beside]), the route and the time. It returns a
// typed [Reason] also when nothing is sent, so that "why was I not called?" has an
// answer: [Planner.Explain] gives it, and picket notify explain shows it.
//
// [Planner] holds for every incident and route what was told last. It turns an
// incident's change, or the passing of time, into [Letter]s. It does no I/O and
// has no clock: the collector asks it, saves the letters in the same transaction
// as the incident, and tells it so with [Planner.Enqueued]. A crash between
// the two loses nothing: what every route was told follows from the letters in
// the store, and [Planner.Restore] and [Planner.Recall] read it back.
//
// [Sender] works the outbox: one goroutine per route, so that a receiver that
// hangs holds up nobody else, and per incident and route strictly in order, so
// that nobody hears "resolved" before "opened".
//
// # What is told, and what is not
//
// A route's delay counts from the decision (when the incident reached the
// confidence that the route wants), and only if the condition still holds: an
// incident that is gone by then is never told. Nor is one told while fresh
// answers say that it works again (easing) and scheduled results have yet to
// bear that out: it is looked at every second until one of the two is clear. One
// that comes and goes (intermittent) holds as a whole, well or not, and is told
// once. What was found in late results (retrospective) is told to nobody.
//
// A route's [Class] says what it is for: a page goes at once, chat after 30 s, a
// ticket after 3 min, a client after 10 min. So a blip reaches nobody but who is
// paged, and asked for the first second: a page cannot wait to see what is
// transient, so it hears of that too, and of its end when health has lasted for
// the resolve delay. A webhook or a mail that names neither class nor delay waits
// for twelve seconds instead. Trouble that is gone within ten is transient and
// nobody's business; two more are the time in which the next asking after it is
// answered. So what was transient is never told there, whichever second it ended
// in. delay: 0s tells at once, transient or not.
//
// "Resolved" waits until health has lasted for the route's resolve delay, counted
// from the recovery; until then a relapse needs no message, because for the
// receiver it never ended. It keeps its id when it comes back later, too.
//
// After "opened" only what changes the reader's mind is told: a higher
// confidence, another label, layer or severity, evidence that a line is down, that
// the provider admits it. Counts move all the time and are no news. What can
// happen only once is told at once, the rest at least five minutes apart (a
// ticket, a client: fifteen). While nothing changes a page and a chat hear after
// half an hour, then hourly, that it goes on; a client after one hour, then every
// two; a ticket not at all; and no page whose incident somebody has taken on. See
// [Cadence]. A route that was told of an incident also hears its end, whatever
// became of its kind.
//
// # What holds it back
//
// In this order, and none of it ever holds back the end of what was told: who
// heard that it broke must hear that it works. A test plays random lives of
// incidents against that promise.
//
// A wider incident that the route knows of, or is about to be told of, explains
// what lies inside it: a target of a region that is out, a site of an ISP that is
// out. What outlasts it is told then. It must be open, no less harmful, and of
// nobody else's client; a drill explains nothing real (inhibit.go). An ISP whose
// lines only lose much does not hide a site that is cut off.
//
// In its quiet times ([Quiet]) a route hears of nothing new, but of what is urgent
// enough ([Level], [LevelOf]). What is over by their end is never told.
//
// More than ten letters on a route in five minutes are a storm (storm.go): one
// letter, an alert of its own, stands for all that follow, names them and says
// until when; it is renewed while there are too many, and ended when not. It is
// updated early to name what is urgent and began after it. Letters about an end
// do not count, and drills neither count nor wait.
//
// # Shadow
//
// A route in shadow has its letters written down and never delivered, so that
// people see for a week what they would get. Who goes live in the middle of an
// incident is told of it from its beginning, since nobody was told before; and who
// turns to shadow in the middle still really hears the end of what was really told.
//
// # Silences and escalation
//
// A silence holds back what is new until it ends, and never the end of what was
// told: who heard that it broke must hear that it works. It mutes what it names
// and no more ([Silence.Mutes]), has a comment, and ends by itself within 30 days.
//
// A route may hand on what nobody acknowledges ([Escalation], escalate.go). The
// time counts from when the route was told, so a restart does not begin it anew;
// an acknowledgement stops it, and so does the end. The letter of a storm counts
// as told. A route that is a last resort is told nothing else.
//
// # Ways that need what is out
//
// A message about Microsoft 365 that goes by Teams tells nobody. A route says
// which providers its way relies on ([Reliance]; the collector finds out from host
// names and DNS). When an incident blames one of them, or a shared component under
// it, the route is not counted on ([Detours], detour.go): it is tried all the same,
// and its fallback, or the best other route that does not need what is out, is told
// by the rules of the route that it stands in for: as soon, and of as much. When
// it hears of the end is its own affair. The message says why it came that way
// (THIS WAY), and Message.InsteadOf names the routes. Routes that are read by
// customers stand in for nobody. Twice told is better than not at all, so no
// attempt is made to guess which region or service of a provider a way needs.
//
// # Routes that fail
//
// A route with a message that has waited for five minutes after a failed try, or
// that was given up since its last delivery, is in trouble ([Troubles]). Another
// route is told, once, and of the end ([Trouble.Letter], [Trouble.Over]; the subject
// begins with [ROUTE]). Once a week every route that customers do not read gets a
// test ([WeeklyLetter]), so that trouble is found on a calm day. Both are letters
// like any other: their ids follow from when it began and from the week, so that a
// restart neither forgets nor repeats them.
//
// # The words
//
// One account serves all: a headline, the finding, and labelled lines ([Line])
// that answer in the order in which people ask: what is new (to who was told
// before), who is it (us, our ISP, them), how sure and how urgent, what, where,
// what still works, since when, on what evidence, what the provider itself says,
// whose clients, why we are so sure, what to do now, when they hear again; then
// links to the evidence, to take it on, to silence it, to the notice for clients
// and to the runbook. [Words] writes it once, when the letter is written; the
// plain text, the HTML of a mail and the lines of the JSON body are three dresses
// of it, so that they cannot disagree and a retry says the same. Text that came
// from elsewhere is kept on one line: nobody can forge a line.
//
// Times are those of the route's readers, with UTC beside them. Of the provider's
// own word ([Official]) what is not known is said to be unknown, never to be fine,
// and beside it stands by how many minutes we are ahead of it. A subject has at
// most 110 characters with its tag and id: the counts give way first, then the
// title.
//
// Customers (routes of [ClassClient]) are told in plain language, by the words of
// [picket/collector/alert/notice], and of nobody but themselves. What was merged
// or is no longer watched is never told to them as over (client.go).
//
// [Examples] are stories that show all of this without anything having happened;
// picket notify preview prints them, and testdata keeps them as they read. Their
// incidents are written out and not played: the same words on every machine are
// worth more here than the newest finding of the detector.
//
// # Delivery
//
// At least once: a crash after the delivery and before the note of it delivers
// again. The key is the same each time, "incident.route.sequence": a receiver of
// webhooks that keeps the keys of a day (Idempotency-Key) sees every letter
// exactly once, and so does a mailbox that knows the Message-ID.
//
// What fails without a definite no (no connection, timeout, 408, 425, 429, 5xx;
// of mail 4yz) backs off from 5 s to 15 min with jitter, honours Retry-After up
// to an hour, and is given up 24 hours after the letter was written. A definite
// no is tried 6 times over about 3 minutes and then given up, since the same
// bytes will meet the same no and the letters behind it should not wait for a
// day. What was given up stays in the store, marked dead.
//
// [Sender.SetRoutes] replaces the routes while it works. [Sender.Test] delivers
// a message that says it is a test, now and beside the outbox.
//
// # How it goes
//
// By which way a letter reaches its receiver is the business of
// picket/collector/alert/channel. This room hands it a letter and reads four
// things from the error: [ErrRefused], [ErrGone], [ErrPartly] and [RetryAfter].
package alert
