// Package demo shows the whole of Picket on one machine: a real collector,
// twelve real agents at twelve simulated sites on six internet providers, and a
// simulated cloud of real DNS, TLS and HTTP servers. It breaks a cloud region,
// then one client's line, and tells what Picket finds, whom it tells, and when
// it is over.
//
// Nothing of Picket is replaced for the show: agents enrol with tokens made
// over the operator's socket, results travel over QUIC on loopback, verdicts
// are read from the same API that people use, and the alert is the signed
// webhook as it was sent. What is simulated is the world: the cloud's servers
// (cloud.go), the sites' internet lines (line.go), and that twelve sites stand
// in twelve places (sites.go). Timers are those of production but for the
// check interval (10 s instead of 20 to 60) and the patience of the alert route.
//
// This is the only production package that sees both towers of the house, the
// agent and the collector.
package demo

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"golang.org/x/sync/errgroup"
)

// Options of the show.
type Options struct {
	// Once ends after the story instead of keeping the page up.
	Once bool
	// JSON prints a machine summary as the last line.
	JSON bool
	// Influx also writes to InfluxDB: "managed" starts one, a URL uses one, ""
	// uses none.
	Influx string
	// Page is where the status page listens; "" means 127.0.0.1:8443, or a free
	// port if that one is taken.
	Page string
	// Out receives the narration.
	Out io.Writer
	// Log receives what collector and agents log; nil discards.
	Log *slog.Logger
}

// Found is an incident in the summary.
type Found struct {
	Kind       string `json:"kind"`
	Provider   string `json:"provider,omitempty"`
	Region     string `json:"region,omitempty"`
	Site       string `json:"site,omitempty"`
	Confidence string `json:"confidence"`
	Layer      string `json:"layer,omitempty"`
}

// Report is the machine summary. Times are in seconds.
type Report struct {
	OK        bool    `json:"ok"`
	Agents    int     `json:"agents"`
	Networks  int     `json:"networks"`
	Results   uint64  `json:"results"`   // made by the agents
	Delivered uint64  `json:"delivered"` // distinct results the collector has for good
	Lost      uint64  `json:"lost"`
	Points    *uint64 `json:"points,omitempty"` // distinct results in InfluxDB
	DetectS   float64 `json:"detect_s"`         // region fails -> confirmed
	AlertS    float64 `json:"alert_s"`          // region fails -> alert received
	ResolveS  float64 `json:"resolve_s"`        // region healed -> resolved
	SiteS     float64 `json:"site_s"`           // line cut -> lost contact declared
	Incident  Found   `json:"incident"`
	Site      Found   `json:"site_incident"`
	False     int     `json:"false_incidents"` // incidents beyond the two of the story
	Seconds   float64 `json:"seconds"`         // the whole story
	Why       string  `json:"why,omitempty"`   // what did not hold
}

// How a demo ends that was not a success. The text of an error does not repeat
// its class.
var (
	// ErrOption: an option makes no sense; nothing was started.
	ErrOption = errors.New("bad option")
	// ErrMachine: this machine, or an InfluxDB, does not let the demo play.
	ErrMachine = errors.New("cannot play here")
	// ErrInterrupted: it was ended before the story was.
	ErrInterrupted = errors.New("interrupted before the end of the story")
	// ErrNotHeld: the story ran, but Picket did not do what it must.
	ErrNotHeld = errors.New("the story did not hold")
)

// classed is an error of a class whose text is its own.
type classed struct {
	class error
	text  string
}

func (e *classed) Error() string        { return e.text }
func (e *classed) Is(target error) bool { return target == e.class }

func notHeld(format string, args ...any) error {
	return &classed{ErrNotHeld, fmt.Sprintf(format, args...)}
}

// Run plays the story. The error is nil only if everything held.
func Run(ctx context.Context, o Options) error {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o, err := check(ctx, o)
	if err != nil {
		return err
	}
	// quic-go would print a line about UDP buffer sizes for each of the agents.
	os.Setenv("QUIC_GO_DISABLE_RECEIVE_BUFFER_WARNING", "true")
	dir, err := os.MkdirTemp("", "picket")
	if err != nil {
		return fmt.Errorf("make a folder for the demo: %w", err)
	}
	defer os.RemoveAll(dir)

	s := &story{o: o, dir: dir, began: time.Now()}
	err = s.run(ctx)
	if err != nil && ctx.Err() != nil && !s.over {
		err = ErrInterrupted
	}
	if err != nil {
		s.report.Why = err.Error()
	}
	s.report.OK = err == nil
	s.report.Seconds = cmp.Or(s.report.Seconds, round(time.Since(s.began)))
	if o.JSON {
		line, jerr := json.Marshal(s.report)
		if jerr != nil {
			return errors.Join(err, jerr)
		}
		fmt.Fprintf(o.Out, "%s\n", line)
	}
	return err
}

// run builds the stage, plays, and takes the stage down in reverse.
func (s *story) run(ctx context.Context) (err error) {
	if s.o.Influx == managed {
		s.say("building and starting a real InfluxDB (the first time takes a minute or two) ...")
	}
	if s.stage, err = build(ctx, s.o, s.dir); err != nil {
		return err
	}
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	g, work := errgroup.WithContext(work)
	s.stage.start(g, work)
	play, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(work, cancel)() // a part that fails ends the story
	err = s.play(play)
	stop()
	return errors.Join(err, g.Wait(), s.stage.close())
}

// linger keeps the page up, with the agents at work, until ctx ends. err is how
// the story ended.
func (s *story) linger(ctx context.Context, err error) {
	s.report.Seconds = round(time.Since(s.began))
	s.say("")
	if err != nil {
		s.say("The story did not hold: %v.", err)
	}
	s.say("The page stays up at %s until you press Ctrl-C.", s.stage.pageURL())
	<-ctx.Done()
}

func round(d time.Duration) float64 {
	return float64(d.Round(10*time.Millisecond)) / float64(time.Second)
}
