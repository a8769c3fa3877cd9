package probes

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"

	"github.com/miekg/dns"
)

const (
	// udpSize is the EDNS0 buffer that avoids fragments on every path (DNS flag day 2020).
	udpSize = 1232
	// maxStrays is how many datagrams that are no answer are skipped.
	maxStrays = 64
)

// ask sends one question and returns the answer that belongs to it: over UDP,
// again over TCP if the answer was cut off, and without EDNS0 if the server is
// too old for it.
func (p *Prober) ask(ctx context.Context, server netip.AddrPort, name string, qtype uint16) (*dns.Msg, error) {
	q := new(dns.Msg).SetQuestion(dns.Fqdn(name), qtype)
	q.SetEdns0(udpSize, false)
	m, err := p.exchange(ctx, "udp", server, q)
	if err == nil && (m.Rcode == dns.RcodeFormatError || m.Rcode == dns.RcodeNotImplemented) {
		q.Extra = nil
		q.Id = dns.Id()
		m, err = p.exchange(ctx, "udp", server, q)
	}
	if err == nil && m.Truncated {
		q.Id = dns.Id()
		m, err = p.exchange(ctx, "tcp", server, q)
	}
	return m, err
}

// exchange asks q over one fresh connection; network is "udp" or "tcp".
func (p *Prober) exchange(ctx context.Context, network string, server netip.AddrPort, q *dns.Msg) (*dns.Msg, error) {
	packed, err := q.Pack()
	if err != nil {
		return nil, &fault{BadSpec, fmt.Errorf("packing the question: %w", err)}
	}
	conn, err := p.dial(ctx, network, server.String())
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if d, ok := ctx.Deadline(); ok {
		conn.SetDeadline(d) // best effort: AfterFunc closes it anyway
	}
	m, err := overUDP, error(nil)
	if network == "tcp" {
		m = overTCP
	}
	answer, err := m(conn, packed, q)
	if err != nil && ctx.Err() != nil && errors.Is(err, net.ErrClosed) {
		err = ctx.Err() // closed by AfterFunc
	}
	return answer, err
}

// overUDP skips datagrams of another id: late or forged answers to questions
// that nobody has any more.
func overUDP(conn net.Conn, packed []byte, q *dns.Msg) (*dns.Msg, error) {
	if _, err := conn.Write(packed); err != nil {
		return nil, err
	}
	buf := make([]byte, 4096)
	for range maxStrays {
		n, err := conn.Read(buf)
		if err != nil {
			return nil, err
		}
		if n >= 2 && binary.BigEndian.Uint16(buf) == q.Id {
			return answer(buf[:n], q)
		}
	}
	return nil, &fault{DNSMalformed, fmt.Errorf("%d datagrams, none with the id of the question", maxStrays)}
}

func overTCP(conn net.Conn, packed []byte, q *dns.Msg) (*dns.Msg, error) {
	framed := binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(packed)), uint16(len(packed)))
	if _, err := conn.Write(append(framed, packed...)); err != nil {
		return nil, err
	}
	var size [2]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return nil, err
	}
	buf := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(conn, buf); err != nil {
		return nil, err
	}
	return answer(buf, q)
}

// answer decodes b and checks that it belongs to q.
func answer(b []byte, q *dns.Msg) (*dns.Msg, error) {
	m := new(dns.Msg)
	if err := m.Unpack(b); err != nil && !m.Truncated {
		return nil, &fault{DNSMalformed, fmt.Errorf("reading the answer: %w", err)}
	}
	switch {
	case m.Id != q.Id, !m.Response, m.Opcode != q.Opcode:
		return nil, &fault{DNSMalformed, errors.New("what came back is not an answer to the question")}
	case len(m.Question) == 0 && m.Rcode != dns.RcodeSuccess:
		return m, nil // some servers leave the question out of an error
	case len(m.Question) != 1 || !sameQuestion(m.Question[0], q.Question[0]):
		return nil, &fault{DNSMalformed, errors.New("the answer is to another question")}
	}
	return m, nil
}

func sameQuestion(a, b dns.Question) bool {
	return a.Qtype == b.Qtype && a.Qclass == b.Qclass && strings.EqualFold(a.Name, b.Name)
}
