package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"picket/collector/alert"
	"picket/collector/detect"
	"picket/internal/identity"
)

// What breaks, and how long the story waits for what must come of it.
const (
	brokenProvider = "nimbus"
	brokenRegion   = "west"
	cutSite        = "cobalt/denver"

	calmWithin    = 90 * time.Second
	detectWithin  = 20 * time.Second
	alertWithin   = 20 * time.Second
	siteWithin    = 30 * time.Second
	resolveWithin = 5 * time.Minute
)

// story plays and keeps the score.
type story struct {
	o      Options
	dir    string
	began  time.Time
	stage  *stage
	report Report
	over   bool // every act was played and counted
}

// say prints one line of narration with the seconds since the beginning.
func (s *story) say(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if text == "" {
		fmt.Fprintln(s.o.Out)
		return
	}
	fmt.Fprintf(s.o.Out, "[%4.0f s] %s\n", time.Since(s.began).Seconds(), text)
}

func loopbackPolicy() identity.Policy {
	return identity.Policy{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
}

// play is the story from the first agent to the last resolved incident, and
// the accounts after it.
func (s *story) play(ctx context.Context) (err error) {
	s.say("A simulated cloud is up: %d providers in %d regions, real DNS, TLS and HTTP servers on loopback.", len(providers), len(regions))
	s.say("The collector is up. Its page: %s", s.stage.pageURL())
	agents, stop := context.WithCancel(ctx)
	defer stop()
	g, agents := errgroup.WithContext(agents)
	networks := map[string]bool{}
	for _, at := range sites {
		a, err := s.stage.enrol(ctx, s.o, at)
		if err != nil {
			stop()
			return errors.Join(err, g.Wait())
		}
		s.stage.actors = append(s.stage.actors, a)
		networks[at.network] = true
		g.Go(func() error { return a.agent.Run(agents) })
	}
	s.report.Agents, s.report.Networks = len(s.stage.actors), len(networks)
	s.say("%d agents joined with one token each: %d sites of 5 clients on %d internet providers.", len(sites), len(sites), len(networks))

	err = s.acts(ctx)
	if !s.o.Once && (err == nil || errors.Is(err, ErrNotHeld)) {
		if err == nil {
			err = s.countSoFar(ctx)
		}
		if ctx.Err() == nil {
			s.over = true
			s.linger(ctx, err)
		}
		stop()
		return errors.Join(err, g.Wait())
	}
	stop()
	if waited := g.Wait(); err == nil {
		err = waited
	}
	if err != nil {
		return err
	}
	return s.count(ctx)
}

func (s *story) acts(ctx context.Context) error {
	for _, act := range []func(context.Context) error{s.calm, s.regionFails, s.lineIsCut, s.allClear} {
		if err := act(ctx); err != nil {
			return err
		}
	}
	return nil
}

// calm waits until every site has seen every target up.
func (s *story) calm(ctx context.Context) error {
	s.say("Waiting until every site has seen every service and its references well ...")
	return s.until(ctx, calmWithin, fmt.Sprintf("all %d sites vote and every cell of the matrix is healthy", len(sites)), func(now view) bool {
		for _, at := range now.sites {
			if !at.Eligible {
				return false
			}
		}
		for _, c := range now.cells {
			if c.State != detect.OK || c.Sites != len(sites) {
				return false
			}
		}
		return len(now.sites) == len(sites) && len(now.cells) == len(providers)*len(regions)
	})
}

// regionFails takes a cloud region down and waits for the finding and the alert.
func (s *story) regionFails(ctx context.Context) error {
	s.say("Calm: all is well as seen from everywhere.")
	s.say("")
	s.say("Now the cloud breaks: every server of %s %s refuses connections.", brokenProvider, brokenRegion)
	broke := time.Now()
	if err := s.stage.cloud.fail(brokenProvider, brokenRegion); err != nil {
		return fmt.Errorf("break the cloud: %w", err)
	}
	var found detect.Incident
	err := s.until(ctx, detectWithin, "an incident of that provider region is confirmed", func(now view) bool {
		found, _ = now.find(detect.KindProviderRegion, true)
		return found.Confidence == detect.ConfidenceConfirmed
	})
	if err != nil {
		return err
	}
	s.report.DetectS = round(time.Since(broke))
	s.report.Incident = describe(found)
	s.say("%s after %.1f s: %s", found.Confidence.Word(), s.report.DetectS, found.Summary)
	if found.Provider != brokenProvider || found.Region != brokenRegion {
		return notHeld("blamed %s %s", found.Provider, found.Region)
	}
	if err := s.hear(ctx, found.ID, broke); err != nil {
		return err
	}
	return sleep(ctx, 3*time.Second)
}

// hear waits for the alert and prints it as it was sent.
func (s *story) hear(ctx context.Context, id string, broke time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, alertWithin)
	defer cancel()
	for {
		select {
		case <-ctx.Done():
			return notHeld("no alert about %s in %s", id, alertWithin)
		case got := <-s.stage.inbox.alerts:
			var m alert.Message
			if err := json.Unmarshal(got.body, &m); err != nil {
				return fmt.Errorf("read the alert: %w", err)
			}
			s.say("The helpdesk's webhook received (signature verified):")
			for line := range strings.Lines(m.Text) {
				fmt.Fprintf(s.o.Out, "         | %s\n", strings.TrimRight(line, "\n"))
			}
			if m.AlertID == id {
				s.report.AlertS = round(got.at.Sub(broke))
				return nil
			}
		}
	}
}

// lineIsCut heals the cloud and, while it recovers, cuts one client's line.
func (s *story) lineIsCut(ctx context.Context) error {
	s.say("")
	s.say("The cloud heals its region.")
	healed := time.Now()
	if err := s.stage.cloud.heal(ctx, brokenProvider, brokenRegion); err != nil {
		return err
	}
	resolved := make(chan error, 1)
	go func() { resolved <- s.regionResolves(ctx, healed) }()

	if err := sleep(ctx, 4*time.Second); err != nil {
		return errors.Join(err, <-resolved)
	}
	s.say("Meanwhile the internet line of %s is cut: its agent can reach nothing and nobody.", cutSite)
	err := s.siteVanishes(ctx)
	return errors.Join(err, <-resolved)
}

func (s *story) regionResolves(ctx context.Context, healed time.Time) error {
	err := s.until(ctx, resolveWithin, "the region's incident is resolved, after a minute of health", func(now view) bool {
		i, ok := now.find(detect.KindProviderRegion, false)
		return ok && i.Region == brokenRegion
	})
	if err != nil {
		return err
	}
	s.report.ResolveS = round(time.Since(healed))
	s.say("Resolved: %s %s has been healthy for a minute.", brokenProvider, brokenRegion)
	return nil
}

func (s *story) siteVanishes(ctx context.Context) error {
	line := s.stage.line(cutSite)
	line.cut.Store(true)
	defer line.cut.Store(false)
	cut := time.Now()
	var found detect.Incident
	err := s.until(ctx, siteWithin, "an incident of that site alone is declared", func(now view) bool {
		found, _ = now.find(detect.KindSite, true)
		return found.ID != ""
	})
	if err != nil {
		return err
	}
	s.report.SiteS = round(time.Since(cut))
	s.report.Site = describe(found)
	s.say("%s after %.1f s. %s: %s", found.Confidence.Word(), s.report.SiteS, found.Title, found.Summary)
	if found.Site != cutSite {
		return notHeld("blamed the line of %s", found.Site)
	}
	if err := sleep(ctx, 5*time.Second); err != nil {
		return err
	}
	s.say("The line of %s is repaired; what its agent kept meanwhile is delivered.", cutSite)
	return nil
}

// allClear waits until nothing is open and nothing else was ever declared.
func (s *story) allClear(ctx context.Context) error {
	var all view
	err := s.until(ctx, resolveWithin, "no incident is open", func(now view) bool {
		all = now
		return now.open() == 0 && len(now.sites) == len(sites)
	})
	if err != nil {
		return err
	}
	if i, ok := all.find(detect.KindSite, false); ok {
		end := i.Resolved
		if !i.Recovered.IsZero() {
			end = i.Recovered // resolved is told a minute of health later
		}
		s.say("Resolved: %s. It lasted %s.", i.Title, end.Sub(i.Started).Round(time.Second))
	}
	s.report.False = len(all.incidents) - 2
	if s.report.False != 0 {
		var titles []string
		for _, i := range all.incidents {
			titles = append(titles, string(i.Kind)+": "+i.Title)
		}
		return notHeld("expected two incidents, got %s", strings.Join(titles, "; "))
	}
	s.say("")
	s.say("Two faults, two findings, no false one. Nobody was told that a client's line is a cloud outage.")
	return nil
}

func describe(i detect.Incident) Found {
	return Found{Kind: string(i.Kind), Provider: i.Provider, Region: i.Region, Site: i.Site, Confidence: string(i.Confidence), Layer: i.Layer}
}

func (s *stage) line(id string) *line {
	for _, a := range s.actors {
		if a.site.id() == id {
			return a.line
		}
	}
	return &line{}
}

// view is what the API tells, as far as the story looks.
type view struct {
	cells     []detect.Cell
	sites     []detect.SiteStatus
	incidents []detect.Incident // open and ended
}

// find returns the first incident of a kind that is open, or is not.
func (v view) find(k detect.Kind, open bool) (detect.Incident, bool) {
	for _, i := range v.incidents {
		if i.Kind == k && i.State.Open() == open {
			return i, true
		}
	}
	return detect.Incident{}, false
}

func (v view) open() (n int) {
	for _, i := range v.incidents {
		if i.State.Open() {
			n++
		}
	}
	return n
}

// until looks at the API every 100 ms until what holds, and fails after within.
// It says every 20 s that it is still waiting.
func (s *story) until(ctx context.Context, within time.Duration, what string, holds func(view) bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, within, notHeld("not within %s: %s", within, what))
	defer cancel()
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	patience := time.NewTicker(20 * time.Second)
	defer patience.Stop()
	for {
		if now, err := s.look(ctx); err == nil && holds(now) {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-patience.C:
			s.say("... waiting until %s", what)
		case <-look.C:
		}
	}
}

// look reads the collector's public API, as a person's script would.
func (s *story) look(ctx context.Context) (v view, err error) {
	var verdicts struct{ Cells []detect.Cell }
	if err := s.get(ctx, "verdicts", &verdicts); err != nil {
		return v, err
	}
	v.cells = verdicts.Cells
	if err := s.get(ctx, "sites", &v.sites); err != nil {
		return v, err
	}
	err = s.get(ctx, "incidents", &v.incidents)
	return v, err
}

func (s *story) get(ctx context.Context, what string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.stage.pageURL()+"api/v1/"+what, nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("the API answered %s", res.Status)
	}
	answer := struct{ Data any }{into}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		return fmt.Errorf("read the API: %w", err)
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
