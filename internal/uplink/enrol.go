package uplink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/quic-go/quic-go"

	"picket/internal/identity"
	"picket/internal/uplink/wire"
)

const (
	requestWait = 10 * time.Second // for the request, once connected
	replyWait   = 40 * time.Second // for the reply: longer than the handler may take
)

// Enrol redeems a join token, once, with the collector at one of addrs, whose
// root must have pin. Nothing is sent to a collector with another root
// (errors.Is [identity.ErrPin]). A refusal is a *[Refusal]. conn stays the
// caller's.
func Enrol(ctx context.Context, conn net.PacketConn, addrs []string, pin identity.Pin, req EnrolRequest) (EnrolResponse, error) {
	tr := &quic.Transport{Conn: conn}
	defer tr.Close()
	found, err := lookup(ctx, addrs, resolve)
	errs := []error{err}
	for i, addr := range found {
		wait := dialWait
		if i == len(found)-1 {
			wait = lastDial
		}
		qc, err := connect(ctx, tr, addr, identity.PinnedTLS(pin, EnrolProtocol), agentConfig(nil), wait)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", addr, err))
			continue
		}
		// A token may be good for one use: once the request may have arrived,
		// no other address is tried.
		resp, err := redeem(ctx, qc, req)
		shut(qc, CodeShutdown, "")
		if err != nil {
			return EnrolResponse{}, fmt.Errorf("enrol at %s: %w", addr, err)
		}
		return resp, nil
	}
	if len(found) == 0 && err == nil {
		errs = append(errs, errors.New("the token names no address"))
	}
	return EnrolResponse{}, fmt.Errorf("connect to the collector: %w", errors.Join(errs...))
}

// redeem sends the request and reads the reply to its end; only then may the
// connection be closed, since closing drops what was not read.
func redeem(ctx context.Context, conn *quic.Conn, req EnrolRequest) (EnrolResponse, error) {
	st, err := conn.OpenStreamSync(ctx)
	if err != nil {
		return EnrolResponse{}, why(conn, err)
	}
	_ = st.SetDeadline(time.Now().Add(replyWait)) // it never fails
	defer context.AfterFunc(ctx, func() { _ = st.SetDeadline(time.Now()) })()
	if err := writeMessage(st, req.wire(), maxEnrolFrame); err != nil {
		return EnrolResponse{}, fmt.Errorf("send the request: %w", why(conn, err))
	}
	_ = st.Close() // fails only if the collector wants no more; then its reply is on its way
	in := newFrameReader(st, maxEnrolFrame)
	var reply wire.EnrolReply
	if err := in.message(&reply); err != nil {
		return EnrolResponse{}, fmt.Errorf("wait for the reply: %w", why(conn, err))
	}
	if _, err := in.next(); !errors.Is(err, io.EOF) {
		return EnrolResponse{}, fmt.Errorf("%w: more than one reply", ErrProtocol)
	}
	return enrolResponse(&reply)
}

// enrol serves one enrolment: one stream, one request, one reply.
func (s *Server) enrol(ctx context.Context, conn *quic.Conn) {
	remote := remoteOf(conn)
	if !s.gate.mayTry(remote.Addr(), time.Now()) {
		s.log.Warn("enrolment not heard: too many refused tries", "remote", remote)
		shut(conn, CodeBusy, "too many refused tries, wait a minute")
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(conn.Context(), cancel)()
	defer context.AfterFunc(ctx, func() { shut(conn, CodeShutdown, "") })()
	code, err := s.serveEnrol(ctx, conn, remote)
	if err != nil && ctx.Err() == nil {
		s.log.Warn("enrolment broken off", "remote", remote, "err", err)
	}
	shut(conn, code, "")
}

func (s *Server) serveEnrol(ctx context.Context, conn *quic.Conn, remote netip.AddrPort) (Code, error) {
	wait, cancel := context.WithTimeout(ctx, requestWait)
	defer cancel()
	st, err := conn.AcceptStream(wait)
	if err != nil {
		return CodeTimeout, err
	}
	_ = st.SetDeadline(time.Now().Add(requestWait)) // it never fails
	in := newFrameReader(st, maxEnrolFrame)
	var w wire.EnrolRequest
	if err := in.message(&w); err != nil {
		return CodeProtocol, err
	}
	reply, err := s.redeemed(ctx, remote, requestFrom(&w))
	if err != nil {
		return CodeBusy, err
	}
	_ = st.SetDeadline(time.Now().Add(requestWait))
	if err := writeMessage(st, reply, maxEnrolFrame); err != nil {
		return CodeBusy, err
	}
	st.CancelRead(streamDone) // not before: the agent may still be ending its request
	if err := st.Close(); err != nil {
		return CodeBusy, err
	}
	select { // the agent closes when it has read the reply
	case <-conn.Context().Done():
	case <-ctx.Done():
	case <-time.After(requestWait):
	}
	return CodeShutdown, nil
}

// redeemed asks the handler, and logs what came of it. An error is a
// failure to answer at all.
func (s *Server) redeemed(ctx context.Context, remote netip.AddrPort, req EnrolRequest) (*wire.EnrolReply, error) {
	ctx, cancel := context.WithTimeout(ctx, handlerWait)
	defer cancel()
	resp, err := s.o.Handler.Enrol(ctx, remote, req)
	if refusal, ok := errors.AsType[*Refusal](err); ok {
		s.gate.tried(remote.Addr(), time.Now())
		s.log.Warn("enrolment refused", "remote", remote, "token", req.TokenID, "host", req.Hostname, "reason", refusal.Code)
		return &wire.EnrolReply{RefusedCode: clip(refusal.Code, maxText), RefusedMessage: clip(refusal.Message, 2*maxText)}, nil
	}
	if err != nil {
		s.log.Error("enrolment failed", "remote", remote, "token", req.TokenID, "err", err)
		return &wire.EnrolReply{RefusedCode: "busy", RefusedMessage: "the collector could not enrol the agent; its log says why; try again"}, nil
	}
	s.log.Info("agent enrolled", "agent", resp.Agent, "site", resp.Site, "network", resp.Network.Name, "remote", remote, "token", req.TokenID, "host", req.Hostname)
	return resp.wire(), nil
}

func (r EnrolRequest) wire() *wire.EnrolRequest {
	return &wire.EnrolRequest{
		TokenId: clip(r.TokenID, maxText), Secret: r.Secret, Csr: r.CSR,
		Hostname: clip(r.Hostname, maxText), Os: clip(r.OS, maxText), Version: clip(r.Version, maxText),
	}
}

func requestFrom(w *wire.EnrolRequest) EnrolRequest {
	return EnrolRequest{
		TokenID: clip(w.GetTokenId(), maxText), Secret: w.GetSecret(), CSR: w.GetCsr(),
		Hostname: clip(w.GetHostname(), maxText), OS: clip(w.GetOs(), maxText), Version: clip(w.GetVersion(), maxText),
	}
}

func (r EnrolResponse) wire() *wire.EnrolReply {
	return &wire.EnrolReply{
		Agent: r.Agent, Site: r.Site, Client: r.Client, Region: r.Region, Chain: r.Chain, Trust: r.Trust, Network: networkWire(r.Network),
		Outlook: clip(r.Outlook, maxText),
	}
}

func enrolResponse(w *wire.EnrolReply) (EnrolResponse, error) {
	if w.GetRefusedCode() != "" {
		return EnrolResponse{}, &Refusal{Code: clip(w.GetRefusedCode(), maxText), Message: clip(w.GetRefusedMessage(), 2*maxText)}
	}
	return EnrolResponse{
		Agent: w.GetAgent(), Site: w.GetSite(), Client: w.GetClient(), Region: w.GetRegion(),
		Chain: w.GetChain(), Trust: w.GetTrust(), Network: networkFrom(w.GetNetwork()), Outlook: clip(w.GetOutlook(), maxText),
	}, nil
}
