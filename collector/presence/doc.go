// Package presence knows where a site is: on which of its lines, who of its
// machines has been carried away, and who said goodbye and why. It is pure
// bookkeeping: every moment is an argument, nothing is asked or stored here; the
// collector tells it of sessions and keeps what it says on disk.
//
// # Lines
//
// A [Line] is where an agent is seen from: the ISP that the table of networks
// names, else the public prefix of its address (IPv4 /24, IPv6 /48), each IP
// version for itself, because a dual-stack machine uses now the one, now the
// other. The line on which a site was seen first is its usual one. If all of its
// machines that are there are seen elsewhere, the site is "on another line
// since" then; when one is back, it is over. A line that lasts [Options.Settle]
// becomes the usual one: people change their ISP.
//
// Two prefixes are no proof of two lines: many ISPs give another address now and
// then. Only the table of networks makes it [State.Sure], and only a sure one is
// called a backup line and gets the small budget of one. An operator who wants to
// be told of backup lines writes both ISPs into the table.
//
// # Away
//
// A machine that is seen from a line that its site never had, while another of
// the site stays heard where the site is, has been carried away: it votes no
// more, or the café's Wi-Fi would speak for the office. It takes [Options.Away]
// to say so: a router that changes lines moves the machines behind it one after
// the other. A machine whose token says that it roams is away as soon as it is
// not on a line of its site. It stays away while the others are merely off (they
// sleep at night, it is on the kitchen table), at most for Settle.
//
// One agent alone cannot be told from its site: if it moves, the site is on
// another line.
//
// # Goodbye
//
// The reason of a goodbye is kept until the agent is heard again. It explains an
// empty chair; it decides nothing.
package presence
