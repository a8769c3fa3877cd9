// Package identity says who is who between agents and collector: the
// certificate authority of a collector, the join token that brings an agent in,
// the certificate an agent lives on, and the TLS configurations in which each
// end proves itself. It does no networking of its own: internal/uplink takes
// the *tls.Config values to QUIC, or to TLS over TCP.
//
// # The chain
//
//	root      20 years   the pin is the SHA-256 of its public key; its key may go offline
//	issuer     5 years   signs everything else; re-signed at two thirds when root.key is at hand
//	collector  7 days    picket://collector   serverAuth                in memory only
//	agent     30 days    picket://agent/<id>  clientAuth + serverAuth   renewed at two thirds
//
// All keys are ECDSA P-256: small on the wire, cheap to make and to check, and
// in every Go build. Two levels from day one, because adding an intermediate
// later would mean touching every agent, while with it root.key can be moved to
// a safe the day somebody wants to: [OpenAuthority] needs it only to make or
// re-sign the issuer. The collector's own key never touches a disk; a fresh
// certificate costs one signature every few days, and no file to steal is the
// best protection of a file.
//
// Names in certificates are URIs in the subject alternative name and nothing
// else is read: no common name, no DNS name, nothing a CSR asks for. Agents
// hold serverAuth too, for direct paths between agents, so the usage alone
// does not tell a collector from an agent; the URI does, and it is checked.
//
// # Joining
//
// A [Token] is one string without characters that shells or RMM tools mangle.
// It carries addresses, pin, token id and secret, and a checksum, so that a
// token cut off by a terminal is told from a refused one without any network.
// The agent makes its key ([NewKey], [CSR]), connects with [PinnedTLS], which
// fails before the first application byte unless the chain ends in the pinned
// root, and stores what it gets with [SaveBundle]. [PrepareDir] beforehand
// keeps a token from being spent on a directory that cannot be written.
//
// # Time
//
// Boxes without a clock battery boot in 1970 and reach the collector before
// any time server, so an agent judges the collector's chain with its clock
// clamped into the chain's validity. What the clamp gives away, the agent takes
// back without trusting its own clock: a collector certificate that had ended
// before the agent's own certificate was issued is refused, so a stolen
// collector key is of no use against an agent that renewed since.
//
// The collector has a clock. It refuses agent certificates from the future
// (certificates start 24 h before they are signed, which absorbs a clock that
// was set back), and lets an expired one in for 180 days, flagged, so that a
// machine that was switched off over the summer may still renew. Whoever gives
// the check to [Authority.ServerTLS] decides what a flagged agent may do.
//
// # Revocation and resumption
//
// There is no revocation list: the collector asks its own store. Chain, name,
// age and the store's answer are all asked in tls.Config.VerifyConnection,
// because it is the only callback that also runs when a session is resumed.
// On a full handshake it runs before the peer has proved that it holds the key:
// the check must decide and have no other effect. Sessions may be resumed, 0-RTT
// is the uplink's to leave off. A renewed certificate empties the agent's
// session cache, or the collector would go on seeing the old one.
//
// # Wire size
//
// Key exchange is X25519 or P-256. The post-quantum hybrids of crypto/tls would
// push the ClientHello out of the first QUIC datagram, which some middleboxes
// at client sites drop, to protect measurements of public services for decades.
//
// # Files
//
// Collector: root.key root.crt issuer.key issuer.crt. Agent: agent.key
// agent.crt root.crt agent.json. Directory 0700, files 0600, each replaced by
// write, fsync, rename, fsync of the directory. A key that others may read, or a
// file that others may write, is refused with the command that repairs it.
// agent.crt is written last and alone decides whether an agent is enrolled;
// renewal keeps the key and replaces that one file, so a crash leaves either
// the old certificate or the new one. On Windows the permission bits say
// nothing and are not looked at; the directory's ACL has to protect it.
//
// # Not yet
//
// The trust bundle that a welcome carries is ignored: an agent trusts the root
// it was enrolled with until it is enrolled again. Changing roots needs a
// statement signed by the old one, and it will come with the change of roots.
// A stolen issuer key cannot be told apart from the issuer for the same reason.
package identity
