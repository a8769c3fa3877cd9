// Package access decides who may see and do what on the page and the API:
// users, roles, login sessions, API tokens, and the brakes on guessing.
//
// It does no HTTP and no SQL: collector/web asks it about cookies and headers,
// and rows are kept behind [Store]. All changes of users and tokens go through
// one [Keeper], which writes the audit trail; nothing else may write these rows
// while a collector runs.
//
// # Passwords
//
// A password has 12 to 256 bytes and no other rules; it is kept as argon2id at
// the second choice of RFC 9106 ([Cost]). The cost is in the hash, so that it
// can grow later. At most two passwords are tried at once and sixteen more may
// wait, so that a flood of log-ins takes 128 MiB and not the machine. A name that
// nobody has costs the same time as a wrong password.
//
// # Sessions
//
// A log-in always draws a new cookie of 256 random bits; none that a client
// brings is ever taken over, hence nobody can be talked into a session that
// another knows (fixation). The store has only SHA-256 of it: a stolen database
// opens no session. A session ends 12 hours after its last request, 7 days after
// its log-in, at log-out, and with every change of its user's password, role,
// client or state. Each has a token of its own that forms must carry (CSRF).
//
// # Brakes
//
// Tries are counted by user name and by address (IPv4 address, IPv6 /64), also
// for names that nobody has. After [freeTries] failures the wait doubles with
// each: up to a minute for a name, so that an attacker cannot lock a person out
// for long, up to 15 minutes for an address. A try that must wait is refused
// before its password is looked at, so waiting it out is the only way. The
// counts live in memory, in maps of bounded size: a full one forgets who has the
// least to wait.
//
// # API tokens
//
// pat_ID_SECRET: the id is a name, the secret 130 random bits, hence one SHA-256
// without salt is enough to keep. A token has a role, an end, and the name of who
// made it; it outlives that user on purpose (programs do not leave with people)
// and stands in the list until it is revoked. It needs no CSRF token, since no
// browser sends it by itself.
//
// # Open mode
//
// While the page listens on loopback only, the configuration does not ask for a
// log-in, and no user exists, everybody who reaches it may look and check:
// [Keeper.Open]. The first user ends that for good: the last one may not be
// deleted, since the page would be open again after a restart.
package access
