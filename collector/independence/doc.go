// Package independence says which providers something of ours relies on: a way
// of telling people, or the address under which they open the page. A message
// about an outage of Microsoft 365 that goes by Teams alone tells nobody.
//
// # What it looks at
//
// A name that gives its owner away. The host of a webhook is one by itself
// ("*.logic.azure.com" is where Teams Workflows are called). For mail it is the
// mail server we hand it to, and where the recipients' domain has its mail
// exchangers; for an address of our own it is where its name leads by CNAME.
// signs.go is the table, each row with where it was learnt. What the fleet file
// watches under a provider counts as well: a webhook on the very host that is
// watched relies on that provider, whoever it is.
//
// # What it concludes
//
// [Judge] is a pure function of a [Way] and of answers that were looked up
// before. A way by mail reaches people while one of its recipients can read mail,
// so it relies only on a provider that all of them need. What could not be
// looked up is said in [Verdict.Unknown] and never taken for independence.
//
// It cannot see everything: a proxy in front hides what is behind it, a rented
// server has no telling name, and a telephone has none at all. So it warns of what
// it knows, and is silent about the rest; it never says "independent".
//
// # Looking up
//
// [Book] keeps the answers of DNS, which it asks through [Asker] with a bound in
// time, at most a few at once. An answer is used until there is a newer one: a
// resolver that fails in an outage must not make us forget what we knew. The
// table alone needs no DNS, so a webhook of Teams is known on a machine without.
package independence
