package collector

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net"
	"net/netip"
	"time"

	"github.com/oklog/ulid/v2"

	"picket/collector/detect"
	"picket/collector/store"
	"picket/internal/fleet"
	"picket/internal/uplink"
)

// sessions is the collector as the uplink sees it.
type sessions struct{ c *Collector }

// Enrol redeems a token and signs the agent's key. The request is tried before
// the token is spent, so that a broken one costs nothing.
func (s sessions) Enrol(ctx context.Context, remote netip.AddrPort, r uplink.EnrolRequest) (uplink.EnrolResponse, error) {
	c, now, id := s.c, time.Now(), ulid.Make().String()
	chain, err := c.authority.SignAgent(r.CSR, id, now)
	if err != nil {
		return uplink.EnrolResponse{}, &uplink.Refusal{Code: "csr", Message: "the certificate request was refused: " + err.Error()}
	}
	csr, err := x509.ParseCertificateRequest(r.CSR)
	if err != nil {
		return uplink.EnrolResponse{}, &uplink.Refusal{Code: "csr", Message: "the certificate request cannot be read"}
	}
	key := sha256.Sum256(csr.RawSubjectPublicKeyInfo)
	a, err := c.store.Redeem(ctx, r.TokenID, r.Secret, store.NewAgent{
		ID: id, NotAfter: notAfter(chain), Version: r.Version, OS: r.OS, Hostname: r.Hostname, Key: key[:],
	}, now)
	if err != nil {
		return uplink.EnrolResponse{}, refuseToken(err)
	}
	if a.ID != id { // joined before; the first answer was lost on the way
		if chain, err = c.authority.SignAgent(r.CSR, a.ID, now); err != nil {
			return uplink.EnrolResponse{}, err
		}
	}
	c.registry.enrolled(a) // at once: the agent comes back to say hello in a moment
	c.fleetChanged()
	network, err := c.registry.network(ctx, remote.Addr(), a.Declared)
	if err != nil {
		return uplink.EnrolResponse{}, err
	}
	return uplink.EnrolResponse{
		Outlook: s.outlook(ctx, detect.Site{ID: a.Site, Client: a.Client, Region: a.Region, Network: network}),
		Agent:   a.ID, Site: a.Site, Client: a.Client, Region: a.Region, Chain: chain, Trust: c.authority.Root(), Network: network,
	}, nil
}

// outlookWithin is how long an enrolment waits to hear what the site adds.
const outlookWithin = 500 * time.Millisecond

// outlook says for whoever installs the site what it adds; "" if nothing can be
// said now: an enrolment does not depend on it.
func (s sessions) outlook(ctx context.Context, site detect.Site) string {
	ctx, cancel := context.WithTimeout(ctx, outlookWithin)
	defer cancel()
	o, err := s.c.judge.outlook(ctx, site)
	if err != nil {
		return ""
	}
	return o.Sentence()
}

// notAfter is the end of the certificate at the head of a chain in PEM.
func notAfter(chain []byte) time.Time {
	block, _ := pem.Decode(chain)
	if block == nil {
		return time.Time{}
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return time.Time{}
	}
	return cert.NotAfter
}

func refuseToken(err error) error {
	for cause, r := range map[error]uplink.Refusal{
		store.ErrTokenExpired: {Code: "token_expired", Message: "the join token has expired"},
		store.ErrTokenUsed:    {Code: "token_used", Message: "the join token is used up"},
		store.ErrTokenRevoked: {Code: "token_revoked", Message: "the join token was revoked"},
		store.ErrTokenUnknown: {Code: "token_unknown", Message: "this collector has no such join token"},
	} {
		if errors.Is(err, cause) {
			return &r
		}
	}
	return err
}

func (s sessions) Hello(ctx context.Context, agent string, remote netip.AddrPort, h uplink.Hello) (uplink.Welcome, error) {
	c, now := s.c, time.Now()
	a, ok := c.registry.agent(agent)
	if !ok {
		return uplink.Welcome{}, uplink.ErrRevoked
	}
	network, err := s.seat(ctx, a, remote, h, now)
	if err != nil {
		return uplink.Welcome{}, err
	}
	first, away := a.Seen.IsZero(), now.Sub(a.Seen)
	runs := make([]uint64, len(h.Runs))
	for i, r := range h.Runs {
		runs[i] = r.ID
	}
	w := uplink.Welcome{Network: network, Trust: c.authority.Root()}
	if w.Marks, err = c.store.Marks(ctx, agent, runs); err != nil {
		return w, err
	}
	// From here on the agent is told by keepFleet too, behind the welcome: what
	// changes after these lines reaches it, however slow its line is.
	cfg, roster := c.registry.configFor(a.Client), c.registry.rosterFor(a.Client)
	if cfg.ID != h.Config {
		w.Config = cfg
	}
	if roster.Version != h.Roster {
		w.Roster = roster
	}
	c.agents.note(agent, func(t *told) {
		if t.config != h.Config {
			t.config, t.refused = h.Config, "" // a refusal was of another one
		}
		t.health, t.givenConfig, t.givenRoster = h.Health, cfg.ID, roster.Version
	})
	c.judge.hello(agent, first, away, h)
	return w, nil
}

// seat decides which network an agent that says hello is on, and notes it. The
// table of networks may be replaced meanwhile; moveAgents sees those who were
// seated before that, so none sits by the old one.
func (s sessions) seat(ctx context.Context, a store.Agent, remote netip.AddrPort, h uplink.Hello, now time.Time) (n fleet.Network, err error) {
	c := s.c
	for {
		file := c.registry.currentFile()
		if n, err = c.registry.network(ctx, remote.Addr(), a.Declared); err != nil {
			return n, err
		}
		if err := c.store.SeenAgent(ctx, store.Seen{
			Agent: a.ID, At: now, Version: h.Version, OS: h.OS, Hostname: h.Hostname, Network: n.ID,
		}); err != nil {
			return n, err
		}
		if c.registry.connected(a.ID, n, h.Metered, now) {
			c.fleetChanged()
		}
		if c.registry.currentFile() == file {
			return n, nil
		}
	}
}

// Record is where backpressure comes from: it returns when the results are in
// every sink for good, and until then nothing more is read from this agent.
func (s sessions) Record(ctx context.Context, agent string, b *fleet.Batch) error {
	a, ok := s.c.registry.agent(agent)
	if !ok {
		return uplink.ErrRevoked
	}
	if err := s.c.runs.begin(agent, b.Run); err != nil {
		return err
	}
	b, cfg, err := s.c.admit(ctx, a, b, time.Now())
	if err != nil || len(b.Records) == 0 {
		return err
	}
	if err := s.c.judge.observe(ctx, agent, b); err != nil {
		return err
	}
	if err := s.c.ingest.take(ctx, a, b, cfg); err != nil {
		return err
	}
	s.c.latest.saw(agent, cfg, b, time.Now())
	return nil
}

func (s sessions) Live(agent string, b *fleet.Batch) {
	s.c.judge.glimpse(agent, b)
	if cfg := s.c.registry.currentConfig(); cfg.ID == b.Config {
		s.c.latest.saw(agent, cfg, b, time.Now())
	}
}

func (s sessions) Suspicion(agent string, v uplink.Suspicion) { s.c.judge.suspect(agent, v) }
func (s sessions) Vote(agent string, v uplink.Vote)           { s.c.judge.vote(agent, v) }
func (s sessions) Packet(src netip.Addr, b []byte)            { s.c.gossip.Packet(src, b) }
func (s sessions) Stream(src netip.Addr, conn net.Conn)       { s.c.gossip.Stream(src, conn) }

func (s sessions) Seen(agent string) {
	s.c.registry.saw(agent, time.Now())
	s.c.judge.contact(agent)
}

func (s sessions) Health(agent string, h uplink.Health) {
	s.c.judge.health(agent, h)
	s.c.agents.note(agent, func(t *told) { t.health = h })
}

func (s sessions) Applied(agent string, config uint64, refused string) {
	s.c.agents.note(agent, func(t *told) {
		if refused != "" && t.refused != refused {
			s.c.log.Error("agent refused the configuration", "agent", agent, "config", config, "why", refused)
		}
		t.config, t.refused = config, refused
	})
}

func (s sessions) Renew(ctx context.Context, agent string, csr []byte) ([]byte, error) {
	if _, ok := s.c.registry.agent(agent); !ok {
		return nil, uplink.ErrRevoked
	}
	now := time.Now()
	chain, err := s.c.authority.SignAgent(csr, agent, now)
	if err != nil {
		return nil, &uplink.Refusal{Code: "csr", Message: err.Error()}
	}
	return chain, s.c.store.Renewed(ctx, agent, notAfter(chain))
}

func (s sessions) Gone(agent string, clean bool, reason string) {
	if clean {
		s.c.judge.goodbye(agent, reason)
	}
}

func (s sessions) Member(agent string) bool {
	_, ok := s.c.registry.agent(agent)
	return ok
}
