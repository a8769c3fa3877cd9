package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// Path is what packets of full size meet on the way to the collector.
type Path struct {
	Asked bool // a short handshake was answered, so that the long one tells something
	Long  bool // a handshake that needs packets of full size was answered
	Short bool // after it was not, a short one was answered again
	Fits  int  // the largest packet of those tried that got through then; 0 is none
}

const (
	pathTime  = 2500 * time.Millisecond // for an answer: several times what TCP takes to send again
	longHello = 12 * 250                // bytes: more than two packets of Ethernet
	pieceWait = 5 * time.Millisecond    // between packets, so that the system does not join them
)

// pathSizes are the packets that are tried when full ones are lost, in bytes of
// IP: a tunnel's, QUIC's first over IPv6, and what hardly any line does not carry.
func pathSizes() []int { return []int{1400, 1328, 1200} }

// path finds out whether packets of full size get to the collector, which a
// connection may hide for long: its own handshake is short. It needs no rights
// and no answer to pings: a TLS handshake with a long first message is begun,
// which no collector accepts (nobody speaks the protocols that it offers), and
// that it says so is the answer. If there is none, the same in smaller packets
// shows that the size is the reason.
func (e *Evidence) path(ctx context.Context, o Options) {
	if e.Proxy != "" {
		return // a proxy makes packets of its own
	}
	answers := make([]bool, min(len(e.Addrs), mostAddrs))
	var each sync.WaitGroup
	for i := range answers {
		each.Go(func() { answers[i] = hello(ctx, o, e.Addrs[i], 0, 0) })
	}
	each.Wait()
	i := slices.Index(answers, true)
	if i < 0 {
		return
	}
	e.Path.Asked = true
	if e.Path.Long = hello(ctx, o, e.Addrs[i], longHello, 0); !e.Path.Long {
		e.smaller(ctx, o, e.Addrs[i])
	}
}

// smaller tries packets of less than full size, and full ones again: a line that
// loses packets of all sizes must not be taken for this. All at once.
func (e *Evidence) smaller(ctx context.Context, o Options, at netip.AddrPort) {
	headers := 20 + 32 // IPv4; TCP with its timestamps
	if at.Addr().Is6() {
		headers = 40 + 32
	}
	sizes := pathSizes()
	passed := make(chan int, len(sizes))
	for _, size := range sizes {
		go func() {
			if !hello(ctx, o, at, longHello, size-headers) {
				size = 0
			}
			passed <- size
		}()
	}
	again := make(chan bool)
	go func() { again <- hello(ctx, o, at, longHello, 0) }()
	e.Path.Short = hello(ctx, o, at, 0, 0)
	e.Path.Long = <-again
	for range sizes {
		e.Path.Fits = max(e.Path.Fits, <-passed)
	}
}

// hello begins a TLS handshake whose first message is longer by extra bytes, in
// pieces of at most piece (0: as the system likes), and says whether anything came
// back.
func hello(ctx context.Context, o Options, at netip.AddrPort, extra, piece int) bool {
	ctx, cancel := context.WithTimeout(ctx, pathTime)
	defer cancel()
	conn, err := o.dial(ctx, at)
	if err != nil {
		return false
	}
	defer conn.Close()
	heard := &listening{Conn: conn, piece: piece}
	conf := &tls.Config{InsecureSkipVerify: true, // nothing is sent to whoever it is
		VerifyConnection: func(tls.ConnectionState) error { return errors.New("seen enough") },
		NextProtos:       []string{"picket-path"}, MinVersion: tls.VersionTLS13, CurvePreferences: []tls.CurveID{tls.X25519}}
	for ; extra > 0; extra -= 250 {
		conf.NextProtos = append(conf.NextProtos, strings.Repeat("x", 248))
	}
	_ = tls.Client(heard, conf).HandshakeContext(ctx) // it fails, as it should
	return heard.any
}

// listening notes whether anything is read, and writes in pieces. A handshake
// reads and writes from one goroutine.
type listening struct {
	net.Conn
	piece int
	any   bool
}

func (l *listening) Read(b []byte) (int, error) {
	n, err := l.Conn.Read(b)
	l.any = l.any || n > 0
	return n, err
}

func (l *listening) Write(b []byte) (n int, err error) {
	for err == nil && l.piece > 0 && len(b)-n > l.piece {
		var some int
		some, err = l.Conn.Write(b[n : n+l.piece])
		n += some
		time.Sleep(pieceWait)
	}
	if err != nil {
		return n, err
	}
	some, err := l.Conn.Write(b[n:])
	return n + some, err
}
