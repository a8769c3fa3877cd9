// Package web shows what the collector knows: a page for people, a JSON API and
// metrics for machines, and the operators' verbs behind a unix socket.
//
// # Two handlers
//
// [Server] is for people and programs. Whoever asks is a principal (package
// access) that decides what is seen and may be done; with one open to everybody
// it belongs on loopback. GET changes nothing; the forms that do change something
// need a log-in session and its token. [NewAdmin] is another handler with the
// operators' verbs; it belongs on the unix socket in the data folder, whose file
// mode 0600 is its login, and on nothing else.
//
// # A browser is a stranger on loopback
//
// Any page in any browser on this machine can make requests to 127.0.0.1. So the
// host of every request is checked: it must be a loopback name or address, or
// one that was configured, else a name of the attacker's that he points to
// 127.0.0.1 (DNS rebinding) would make us his same origin. No CORS header is
// ever sent, the page cannot be framed, and its content security policy allows
// our own files and nothing else: an error text of a probed server that
// slipped through the escaping would still not run.
//
// # The page
//
// A sentence first, then evidence. Unknown is a state with a glyph of its own:
// missing data is never green and never red. Counts are sites and ISPs, never
// agents. Every state is glyph and word and colour; the colours are measured by
// tests (text at least 4.5:1 and glyphs at least 3:1 on every ground they stand
// on, apart for the three common kinds of colour blindness, light and dark). No
// asset comes from elsewhere: the page has to work on the day the clouds do not.
//
// Every page is made from [Server.source], which shows its principal what it may
// see and nothing else, and stands in the frame of layout.html, whose comment
// lists the style sheet's classes and the templates' functions.
//
// Now is a matrix of provider by cloud region. With up to six regions they are
// shared columns; the regions of several clouds rarely have names in common, and
// then every cell names its own. Providers in trouble come first. Services
// without a region stand under "worldwide"; from where they are seen is said
// below. A cell leads to its incident, else to its targets, so that the matrix
// is links with or without JavaScript; with it, it is one stop for the Tab key
// with arrows inside.
//
// # What people do
//
// An incident is taken on, and alerts are silenced, by a form behind the log-in
// and by nothing else: the link in an alert opens a page, because mail filters
// and chat clients follow links. An API token does neither, since response times
// are made of what people did. What somebody may not see is not there (404), what
// they may not do is refused (403). A viewer sees that somebody is on it and when
// its own people were told; who that was, what was noted and what is silenced
// are the operators' business.
//
// # Fresh and stale
//
// Without JavaScript Now and open incidents reload themselves. With it (page.js,
// our own) the stream of events replaces the changing part of Now by the output
// of the same template, drawn at most once a second per scope: all readers of
// one role and client share a fragment, and no fragment contains anything of a
// session. Ages are no news: they are sent every 15 seconds, a sign of life every
// 5. A stream asks every second whether its reader still is who it was. Other
// pages name elements that are fetched anew. After 25 seconds without contact
// every glyph becomes "unknown", loses its colour, and the page says since when
// it knows nothing. What is announced to screen readers is a changed sentence, at
// most one in 15 seconds. While somebody copies text or fills in a field nothing
// is pulled from under the hands, and the page says that it is held.
//
// # Weight
//
// Assets are compressed once, named by their content and kept by browsers for
// ever. Of the pages only Now is compressed: it shows nothing that the request
// brought, so that the length tells nothing about the token in its form.
//
// # API
//
// Every answer is {"schema": "picket.<name>/v1", "generated_at": ..., "data": ...}.
// Within v1 fields are only added. Errors are {"schema": "picket.error/v1",
// "error": {"code", "what", "why", "fix"}} with a fitting status.
package web
