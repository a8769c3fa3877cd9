// Package uplink is both ends of the line between an agent and its collector:
// one UDP socket, one QUIC connection, everything on it; where UDP is blocked,
// one TCP connection. It is the only room that knows quic-go, yamux and protobuf.
//
// [Client] is the agent's end and keeps one session up for ever; [Server] is
// the collector's end of all of them; [Enrol] is how an agent gets the
// certificate that sessions need. [EncodeBatch] and [DecodeBatch] are how
// results travel, and how they lie in spools.
//
// # A session
//
// The agent dials, opens the control stream, and says hello: versions, what its
// spool holds, its config. The collector answers with welcome: its clock, the
// durable mark of each run, and the config and roster if the agent's are old.
// Only then is the agent connected. That a dial returned means little: in TLS 1.3
// the collector has by then not even looked at the agent's certificate.
//
// A session has these streams; the first byte of each says which it is.
//
//	control  both ways  hello, welcome, acknowledgements, heartbeats, config, roster, ask, vote, suspicion,
//	                   renewal, try
//	record   to collector  every result, each run in order, behind the mark
//	live     to collector  fresh results, only while record lags more than 1 s
//	relay    both ways  gossip streams; opened by either end
//
// Frames are a uvarint length and a protobuf message (wire/session.proto) or a
// batch (wire/batch.proto). Lengths are checked before memory is taken, and
// memory is taken as bytes arrive. What a peer does not know it skips: frames,
// fields, stream kinds. Numbers are for ever. Agent and collector may be two minor
// revisions apart, either way; further, and the collector says so with both
// numbers, in hello and in enrolment, and the agent keeps its results
// ([VersionError]). A change that cannot be skipped is a new ALPN.
//
// # Why three streams for results and control
//
// [ServerHandler.Record] returns when a batch is durable. While the sink behind
// it is away it blocks, nothing is read, and after 64 KiB QUIC holds the agent's
// record stream: no queue grows at the collector, nothing is thrown away, and
// results stay where there is a disk for them. Rounds and votes must not wait
// behind that, so control is a stream of its own with the highest priority; and
// detection must not be blind meanwhile, so fresh results overtake on live, where
// they may be lost without harm. The connection's window (512 KiB) holds record,
// live, control and five relays that nobody reads; a relay that does not move is
// cut after ten seconds, so that control is never starved for long.
//
// # Exactly once
//
// The agent lets go of a result when the collector's mark passed it, and a mark
// moves only after Record returned. When a session dies the agent begins behind
// the mark of the next welcome, so a result may come twice but never not at all,
// and the store skips what lies below its mark. A record stream that goes back
// is a protocol error, because it can only be a bug that would be counted as data.
// A new session of an agent ends the older one and waits until its handler calls
// have returned, so that the marks of the welcome do not move any more.
//
// # Life and death
//
// Any frame or datagram is a sign of life ([ServerHandler.Seen]). A heartbeat is
// sent only after a second of silence (five on a metered line), and every ten
// seconds at the latest, since it also samples the clocks: the collector's time
// is estimated as NTP does it, from the quickest round trip of the last minute.
// QUIC itself gives a line up after 45 s; who needs to know earlier asks when an
// agent was last seen.
//
// Closing a QUIC connection drops what is in flight. So an end that stops closes
// its streams first, and the other answers with its last acknowledgements before
// the connection is closed with a [Code]. A revoked agent is closed at once and
// told so, and comes back every ten minutes only; everyone else comes back with
// doubling, jittered waits from 0.5 s to 30 s.
//
// A certificate that has expired still opens a session in which nothing but
// renewal is heard, and which takes no other session's place, so that a box that
// lay in a drawer needs nobody to drive there. [Client.Connected] is true in it.
//
// # Copies
//
// A certificate is one machine's. A copied disk brings it along, and two machines
// would push each other out for ever. The second one is refused with [CodeClone]
// and comes back every five minutes, in case the first is gone; how the two are
// told from a machine that moved or started again is in server_clone.go.
//
// # Approval
//
// The answer to an enrolment may be a [Refusal] with the code [Waiting]: an admin
// has to say yes. The agent keeps its key and token and asks again, after the time
// that the refusal names; the same key finds the same request, and later the same
// grant, however often it is asked for. Such an answer is no failed try.
//
// # Gossip
//
// memberlist lives on the same connection. Packets are datagrams and streams are
// relay streams, both headed by a virtual address ([picket/internal/fleet.Address]):
// the receiver's on the way up; on the way down the collector has put the
// sender's in its place, taken from the certificate. Nobody can speak for another,
// and only members of the roster are relayed. quic-go's SendDatagram blocks when
// 32 datagrams wait, and memberlist must never block, so each connection has a
// queue that drops its oldest, and one goroutine that sends. An agent may send 200
// packets a second and hold 16 relay streams.
//
// # Strangers
//
// A session needs a certificate, checked with its revocation in VerifyConnection,
// which runs on resumed handshakes too. 0-RTT is off: a replayed hello would push
// out a session. When handshakes come faster than 200 a second, source addresses
// must prove themselves by a Retry, which over TCP they have; at most 1,024 connections may be in the state
// of not having said who they are, each for ten seconds. Enrolment reads one frame of at
// most 64 KiB, and an address with ten refused tries waits. Secrets and
// certificate requests are never logged.
//
// # Ways
//
// [Ways] are raced, for enrolment and for sessions alike: QUIC to every address of
// the collector, the families taking turns and 300 ms apart, and, 3 s later or as
// soon as all of that has failed, TCP to the same addresses and port, or by an HTTP
// proxy. The first whose handshake succeeds, pin included, gets the hello or the
// token; all others are given up. After QUIC was tried in vain TCP goes first for
// five minutes, give or take one. Then QUIC is sought, however many sessions over TCP
// have come and gone: a finished handshake is kept for the next session, this one ends
// in order with [CodeSwitched], and the next begins behind the marks as after any other
// end. Nothing is lost, nothing counted twice, and the agent is not told that it was
// disconnected.
//
// Whoever answers with a certificate that does not lead to the pin is told nothing
// but a ClientHello ([*InterceptedError] names its issuer). Boxes that cannot do
// our TLS are asked for their certificate in a handshake of its own that wants less
// and is broken off as soon as it was seen.
//
// # TCP
//
// Everything above TLS is yamux, and above that a [line] that looks like QUIC's, so
// that sessions are the same code. What yamux lacks:
//
//   - An end with a reason. The first stream (the side stream) carries it as its
//     last frame. Who sends it waits up to 2 s for the other end to hang up, because
//     closing a TCP connection with unread data makes it forget what is on its way.
//   - Datagrams. The side stream carries them; they are dropped at both ends when a
//     queue is full.
//   - The difference between an end and a loss. yamux reports a lost connection as
//     the end of every stream. Here a stream ends with an end mark.
//   - A reader's no. A frame of the side stream tells the writer.
//   - A small window. The least that yamux works with is 256 KiB a stream, so the
//     agent itself stops at 64 KiB of results that are not acknowledged: what is
//     under way stands before control frames on a slow line. Writes are cut into
//     pieces of 16 KiB, which take turns.
//   - Bounds. Before yamux sees a frame its length, and the rates of pings and new
//     streams, are checked; an agent may have 64 streams served, and above 136 the
//     line ends.
//
// Measured on loopback, a round trip of control beside a sink that does not read
// takes 1 to 2 ms, as over QUIC.
//
// There are no tickets and no resumption over TCP, and no 0-RTT.
//
// # What is not here
//
// Direct paths between agents of one client need hole punching. It is not built.
// Proxies are asked by CONNECT with Basic authentication; NTLM and Kerberos are not
// spoken.
package uplink
