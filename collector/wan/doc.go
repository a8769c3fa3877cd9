// Package wan asks the public addresses of sites whether they still answer, for
// one purpose: when a site falls silent, to tell a line that is down from a
// machine that is off.
//
// # What is asked
//
// The address at which a site's session comes in, and only if its agent says
// that the address is not its own: then a router answers there, and goes on
// answering when the machine restarts. One echo request, or where that is not
// answered or not permitted one TCP connection to port 443, which may as well be
// refused. Whichever answers first is what is asked from then on. A site whose
// address answers nothing, which is what many routers do, is asked rarely and
// never counts.
//
// # When it is evidence
//
// An address counts as reliable after [reliable] answers in a row. In a silence it
// is asked again at once: after [enough] misses in a row it is called dark, if the
// address of another site, asked at the same time, answers, because otherwise the
// trouble may be the collector's own line. With a single site there is nobody to
// compare with, and nothing is said.
//
// # Whose address it really is
//
// A machine in a cloud, or one that a router forwards everything to, sits behind
// an address that is not its own and still goes with it. Such an address gives
// itself away: when the agent says goodbye and the address stops answering, it
// was the machine. It never counts again ([site.host]). Until a first goodbye
// nobody knows; that is why the words are "line or power".
//
// # What it costs
//
// In calm times one question per site in [calmEvery], at most [rate] questions a
// second in all; `wan_check: false` in the configuration asks none. Sites that
// share an address (a carrier's translation, an office with two sites) are asked
// each for itself.
package wan
