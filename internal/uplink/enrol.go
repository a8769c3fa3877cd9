package uplink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"picket/internal/identity"
	"picket/internal/uplink/wire"
)

const (
	requestWait = 10 * time.Second // for the request, once connected
	replyWait   = 40 * time.Second // for the reply: longer than the handler may take
)

// Enrol redeems a join token, once, with the collector at one of addrs, whose
// root must have pin. Nothing is sent to anybody with another root (errors.As
// [*InterceptedError]). A refusal is a *[Refusal]; that no way leads there an
// [*UnreachableError].
func Enrol(ctx context.Context, ways Ways, addrs []string, pin identity.Pin, req EnrolRequest) (EnrolResponse, error) {
	if len(addrs) == 0 {
		return EnrolResponse{}, errors.New("connect to the collector: the token names no address")
	}
	var sock socket
	defer sock.close()
	c := &Client{o: ClientOptions{Ways: ways}}
	t, lost := lookup(ctx, addrs, resolve)
	list := ways.attempts(t, c.transport(&sock), identity.PinnedTLS(pin, EnrolProtocol), nil, false)
	i, ln := race(ctx, list)
	if i < 0 {
		return EnrolResponse{}, unreachable(addrs, list, lost, ways.Open != nil)
	}
	// A token may be good for one use: once the request may have arrived, no
	// other way is tried.
	resp, err := redeem(ctx, ln, req)
	ln.shut(CodeShutdown, "")
	ln.wait()
	if err != nil {
		return EnrolResponse{}, fmt.Errorf("enrol at %s: %w", list[i].name, err)
	}
	resp.Transport = ln.transport()
	if resp.Transport != TransportQUIC {
		resp.QUIC = ways.noQUIC(list)
	}
	return resp, nil
}

// redeem sends the request and reads the reply to its end; only then may the
// connection be closed, since closing drops what was not read.
func redeem(ctx context.Context, conn line, req EnrolRequest) (EnrolResponse, error) {
	st, err := conn.OpenStreamSync(ctx)
	if err != nil {
		return EnrolResponse{}, why(conn, err)
	}
	_ = st.SetDeadline(time.Now().Add(replyWait)) // it never fails
	defer context.AfterFunc(ctx, func() { _ = st.SetDeadline(time.Now()) })()
	begun := time.Now()
	if err := writeMessage(st, req.wire(), maxEnrolFrame); err != nil {
		return EnrolResponse{}, fmt.Errorf("send the request: %w", why(conn, err))
	}
	_ = st.Close() // fails only if the collector wants no more; then its reply is on its way
	in := newFrameReader(st, maxEnrolFrame)
	var reply wire.EnrolReply
	if err := in.message(&reply); err != nil {
		return EnrolResponse{}, fmt.Errorf("wait for the reply: %w", why(conn, err))
	}
	got := time.Now()
	if _, err := in.next(); !errors.Is(err, io.EOF) {
		return EnrolResponse{}, fmt.Errorf("%w: more than one reply", ErrProtocol)
	}
	res, err := enrolResponse(&reply)
	res.timed(begun, got, reply.GetNowNs())
	return res, err
}

// timed notes what the exchange tells of the clocks; now is the collector's, 0
// from one that does not tell.
func (r *EnrolResponse) timed(sent, got time.Time, now uint64) {
	r.RTT = got.Sub(sent)
	if now != 0 {
		r.Offset, r.Timed = time.Unix(0, int64(now)).Sub(sent.Round(0).Add(r.RTT/2)), true
	}
}

// enrol serves one enrolment: one stream, one request, one reply.
func (s *Server) enrol(ctx context.Context, conn line) {
	remote := remoteOf(conn)
	if !s.gate.mayTry(remote.Addr(), time.Now()) {
		s.log.Warn("enrolment not heard: too many refused tries", "remote", remote)
		conn.shut(CodeBusy, "too many refused tries, wait a minute")
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(conn.Context(), cancel)()
	defer context.AfterFunc(ctx, func() { conn.shut(CodeShutdown, "") })()
	code, err := s.serveEnrol(ctx, conn, remote)
	if err != nil && ctx.Err() == nil {
		s.log.Warn("enrolment broken off", "remote", remote, "err", err)
	}
	conn.shut(code, "")
}

func (s *Server) serveEnrol(ctx context.Context, conn line, remote netip.AddrPort) (Code, error) {
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
	reply := &wire.EnrolReply{} // to a knock
	if !w.GetProbe() {
		if reply, err = s.answered(ctx, remote, &w); err != nil {
			return CodeBusy, err
		}
	}
	reply.NowNs, reply.SeenFrom = uint64(time.Now().UnixNano()), remote.String()
	reply.Minor = minor
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

// answered turns away who is too far off in versions, before the token is used.
func (s *Server) answered(ctx context.Context, remote netip.AddrPort, w *wire.EnrolRequest) (*wire.EnrolReply, error) {
	if err := understand(minor, told(w.GetMinor())); err != nil {
		s.log.Warn("enrolment refused", "remote", remote, "version", clip(w.GetVersion(), maxText), "reason", err)
		return (&Refusal{Code: "version", Message: err.Error()}).wire(), nil
	}
	return s.redeemed(ctx, remote, requestFrom(w))
}

// redeemed asks the handler, and logs what came of it. An error is a
// failure to answer at all.
func (s *Server) redeemed(ctx context.Context, remote netip.AddrPort, req EnrolRequest) (*wire.EnrolReply, error) {
	ctx, cancel := context.WithTimeout(ctx, handlerWait)
	defer cancel()
	resp, err := s.o.Handler.Enrol(ctx, remote, req)
	if refusal, ok := errors.AsType[*Refusal](err); ok {
		if refusal.Code == Waiting { // the token is good: a site's machines may all ask from one address
			s.log.Debug("enrolment waits for approval", "remote", remote, "token", req.TokenID, "host", req.Hostname, "request", refusal.Request)
			return refusal.wire(), nil
		}
		s.gate.tried(remote.Addr(), time.Now())
		s.log.Warn("enrolment refused", "remote", remote, "token", req.TokenID, "host", req.Hostname, "reason", refusal.Code)
		return refusal.wire(), nil
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
		Probe: r.Probe,
		Minor: minor, Site: clip(r.Site, maxText),
	}
}

func (r *Refusal) wire() *wire.EnrolReply {
	return &wire.EnrolReply{RefusedCode: clip(r.Code, maxText), RefusedMessage: clip(r.Message, 2*maxText), RefusedFix: clip(r.Fix, 2*maxText),
		RetryUs: micros(r.Retry), Request: clip(r.Request, maxText)}
}

func requestFrom(w *wire.EnrolRequest) EnrolRequest {
	return EnrolRequest{
		TokenID: clip(w.GetTokenId(), maxText), Secret: w.GetSecret(), CSR: w.GetCsr(),
		Hostname: clip(w.GetHostname(), maxText), OS: clip(w.GetOs(), maxText), Version: clip(w.GetVersion(), maxText),
		Site: clip(w.GetSite(), maxText),
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
		return EnrolResponse{}, &Refusal{Code: clip(w.GetRefusedCode(), maxText), Message: clip(w.GetRefusedMessage(), 2*maxText),
			Fix: clip(w.GetRefusedFix(), 2*maxText), Retry: duration(w.GetRetryUs()), Request: clip(w.GetRequest(), maxText)}
	}
	from, _ := netip.ParseAddrPort(clip(w.GetSeenFrom(), maxText)) // none is no error
	return EnrolResponse{
		SeenFrom: from,
		Agent:    w.GetAgent(), Site: w.GetSite(), Client: w.GetClient(), Region: w.GetRegion(),
		Chain: w.GetChain(), Trust: w.GetTrust(), Network: networkFrom(w.GetNetwork()), Outlook: clip(w.GetOutlook(), maxText),
	}, nil
}
