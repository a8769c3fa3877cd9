package demo

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"picket/agent"
	"picket/collector"
	"picket/collector/alert/channel"
	"picket/collector/config"
	"picket/collector/web"
	"picket/internal/identity"
	"picket/internal/influxd"
	"picket/internal/uplink"
)

// stage is everything the story plays on.
type stage struct {
	cloud     *cloud
	influx    *influxd.Server // nil unless managed
	inbox     *inbox
	collector *collector.Collector
	sockets   collector.Sockets
	dir       string
	actors    []*actor
}

// actor is an agent at its site.
type actor struct {
	site  site
	line  *line
	agent *agent.Agent
}

// build starts the world and makes collector and agents, which then wait for
// start.
func build(ctx context.Context, o Options, dir string) (_ *stage, err error) {
	s := &stage{dir: filepath.Join(dir, "collector")}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.cloud, err = startCloud(); err != nil {
		return nil, err
	}
	secret := make([]byte, 16)
	if _, err := rand.Read(secret); err != nil {
		return nil, fmt.Errorf("draw the webhook's secret: %w", err)
	}
	if s.inbox, err = startInbox([]byte(hex.EncodeToString(secret))); err != nil {
		return nil, err
	}
	influx := o.Influx
	if influx == managed {
		if s.influx, err = influxd.Start(ctx, filepath.Join(dir, "influxd")); err != nil {
			return nil, &classed{ErrMachine, fmt.Sprintf("start InfluxDB: %v", err)}
		}
		influx = s.influx.URL
	}
	return s, s.buildCollector(ctx, o, secret, influx)
}

func (s *stage) buildCollector(ctx context.Context, o Options, secret []byte, influx string) error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return fmt.Errorf("make the collector's folder: %w", err)
	}
	secretFile := filepath.Join(s.dir, "webhook.secret")
	if err := os.WriteFile(secretFile, []byte(hex.EncodeToString(secret)), 0o600); err != nil {
		return fmt.Errorf("store the webhook's secret: %w", err)
	}
	src := []byte(picketYAML(s.cloud, s.inbox.url, secretFile, influx, o.Page))
	file, err := config.Parse("demo.yaml", src)
	if err != nil { // the page's address is the only text that is not our own
		return fmt.Errorf("read the demo's configuration: %w", err)
	}
	if s.sockets, err = collector.Listen(file, s.dir); err != nil {
		return &classed{ErrMachine, err.Error()}
	}
	s.collector, err = collector.New(ctx, collector.Options{
		File: file, Source: src, Dir: s.dir, Sockets: s.sockets, Version: "demo", Log: o.Log,
	})
	return err
}

// start runs the collector. The agents join later, as people install them.
func (s *stage) start(g *errgroup.Group, ctx context.Context) {
	g.Go(func() error { return s.collector.Run(ctx) })
}

// enrol makes a token over the operator's socket, joins with it, and makes the
// agent of a site, as the two commands of an installation do.
func (s *stage) enrol(ctx context.Context, o Options, at site) (*actor, error) {
	token, err := collector.DialOperator(s.dir).Token(ctx, web.TokenRequest{
		Client: at.client, Site: at.name, Region: at.region, Network: at.network, TTL: "1h", Uses: 1,
	})
	if err != nil {
		return nil, fmt.Errorf("make a token for %s: %w", at.id(), err)
	}
	parsed, err := identity.ParseToken(token.Token)
	if err != nil {
		return nil, fmt.Errorf("read the token for %s: %w", at.id(), err)
	}
	dir := filepath.Join(filepath.Dir(s.dir), strings.ReplaceAll(at.id(), "/", "-"))
	line := &line{}
	ways := uplink.Ways{Open: line.Open, Dial: line.Dial}
	// The simulated cloud lives on loopback, which agents otherwise refuse.
	_, err = agent.Join(ctx, agent.JoinOptions{Dir: dir, Ways: ways, Token: parsed, Policy: loopbackPolicy(), Version: "demo"})
	if err != nil {
		return nil, fmt.Errorf("join %s: %w", at.id(), err)
	}
	a, err := agent.New(agent.Options{Dir: dir, Ways: ways, Dial: line.Dial, Version: "demo", Log: o.Log})
	if err != nil {
		return nil, fmt.Errorf("start the agent of %s: %w", at.id(), err)
	}
	return &actor{site: at, line: line, agent: a}, nil
}

func (s *stage) pageURL() string { return "http://" + s.sockets.Page.Addr().String() + "/" }

// close ends what has no context of its own.
func (s *stage) close() error {
	var errs []error
	if s.inbox != nil {
		errs = append(errs, s.inbox.srv.Close())
	}
	if s.cloud != nil {
		errs = append(errs, s.cloud.Close())
	}
	if s.influx != nil {
		errs = append(errs, s.influx.Stop())
	}
	return errors.Join(errs...)
}

// inbox is the helpdesk that gets the alerts: a webhook receiver that verifies
// the signature as a customer's would.
type inbox struct {
	url    string
	secret []byte
	srv    *http.Server
	alerts chan received // closed by nobody; has room for all of a story
}

type received struct {
	at   time.Time
	body []byte
}

func startInbox(secret []byte) (*inbox, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start the alert receiver: %w", err)
	}
	in := &inbox{url: "http://" + l.Addr().String() + "/alerts", secret: secret, alerts: make(chan received, 100)}
	in.srv = &http.Server{Handler: in, ReadHeaderTimeout: 5 * time.Second}
	go in.srv.Serve(l) // ends with Close
	return in, nil
}

func (in *inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		http.Error(w, "cannot read", http.StatusBadRequest)
		return
	}
	now := time.Now()
	if err := channel.Verify(in.secret, r.Header, body, now, time.Minute); err != nil {
		http.Error(w, "signature refused", http.StatusForbidden)
		return
	}
	select {
	case in.alerts <- received{now, body}:
	default:
		http.Error(w, "too many", http.StatusTooManyRequests)
	}
}
