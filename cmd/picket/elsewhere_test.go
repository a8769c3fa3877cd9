package main

import (
	"bufio"
	"context"
	varint "encoding/binary"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/miekg/dns"
	"github.com/quic-go/quic-go"
	"google.golang.org/protobuf/proto"

	"picket/internal/identity"
	"picket/internal/uplink"
	"picket/internal/uplink/wire"
)

// What stands here answers in place of collectors and of other services that a
// test cannot have. It ends with the process, or with its listener.

// counterAt is an enrolment counter whose clerk answers as reply does.
func counterAt(addr string, auth *identity.Authority, reply func(*wire.EnrolRequest) *wire.EnrolReply) (*quic.Listener, error) {
	ln, err := quic.ListenAddr(addr, auth.EnrolTLS(uplink.EnrolProtocol), nil)
	if err != nil {
		return nil, err
	}
	go func() {
		for {
			conn, err := ln.Accept(context.Background())
			if err != nil {
				return
			}
			go serveCounter(conn, reply)
		}
	}()
	return ln, nil
}

func serveCounter(conn *quic.Conn, reply func(*wire.EnrolRequest) *wire.EnrolReply) {
	st, err := conn.AcceptStream(context.Background())
	if err != nil {
		return
	}
	in := bufio.NewReader(st)
	n, err := varint.ReadUvarint(in)
	if err != nil || n > 64<<10 {
		return
	}
	b := make([]byte, n)
	var req wire.EnrolRequest
	if _, err := io.ReadFull(in, b); err != nil || proto.Unmarshal(b, &req) != nil {
		return
	}
	out, err := proto.Marshal(reply(&req))
	if err != nil {
		return
	}
	st.Write(append(varint.AppendUvarint(nil, uint64(len(out))), out...))
	st.Close()
	<-conn.Context().Done()
}

// lateAt is a collector whose clock is 11 minutes and 20 seconds ahead: to it,
// everybody else's is slow. It prints when it is shown a token.
func lateAt(addr, ca string) error {
	auth, err := identity.OpenAuthority(ca, time.Now())
	if err != nil {
		return err
	}
	_, err = counterAt(addr, auth, func(r *wire.EnrolRequest) *wire.EnrolReply {
		if !r.GetProbe() {
			fmt.Println("shown a token")
		}
		return &wire.EnrolReply{NowNs: uint64(time.Now().Add(11*time.Minute + 20*time.Second).UnixNano()), SeenFrom: "192.0.2.1:1"}
	})
	return err
}

// newerAt is a collector that speaks a protocol which today's agents are too old for.
func newerAt(addr, ca string) error {
	auth, err := identity.OpenAuthority(ca, time.Now())
	if err != nil {
		return err
	}
	pc, err := net.ListenPacket("udp", addr)
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	f := &future{auth: auth}
	f.upgraded.Store(true)
	s, err := uplink.NewServer(uplink.ServerOptions{Socket: pc, Listener: ln, Authority: auth, Check: func(string, bool) error { return nil }, Handler: f})
	if err != nil {
		return err
	}
	go s.Serve(context.Background())
	return nil
}

// refuseAt is a DNS server that refuses every question.
func refuseAt(addr string) error {
	pc, err := net.ListenPacket("udp", addr)
	if err != nil {
		return err
	}
	s := &dns.Server{PacketConn: pc, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		w.WriteMsg(new(dns.Msg).SetRcode(q, dns.RcodeRefused))
	})}
	go s.ActivateAndServe()
	return nil
}
