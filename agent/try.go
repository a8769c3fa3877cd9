package agent

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"sync"
	"time"

	"picket/internal/fleet"
	"picket/internal/identity"
	"picket/internal/uplink"
	"picket/probes"
)

// A person at the collector asks "is it us?", and wants this site's word now:
// one fresh probe, with references beside it that tell how the site's own line
// is. Such a question is not of the configuration, it may name any URL that
// somebody typed. So the site protects itself here, whatever the collector
// thinks: by a budget, and by a policy that is stricter than the one of checks.

const (
	tryMost = 10 // tries in trySpan
	trySpan = 10 * time.Second

	tryShortest = time.Second // of a deadline that makes sense
	tryLongest  = 10 * time.Second
	// tryReference is what a reference may take. More than beside a vote: nobody
	// counts milliseconds here, and a slow line is not a broken one.
	tryReference = 2 * time.Second
)

// tries is what an agent needs to be asked on demand.
type tries struct {
	// prober asks what no check of the configuration asks, under [tryPolicy].
	prober *probes.Prober

	mu    sync.Mutex         // guards the fields below
	begun [tryMost]time.Time // when the last ones began; a ring
	next  int                // place of the oldest
}

func newTries(o Options, p identity.Policy) *tries {
	return &tries{prober: probes.New(probes.Options{Allow: tryPolicy(p), Dial: o.Dial, Pings: 2})}
}

// take says whether one more may begin at now.
func (t *tries) take(now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if oldest := t.begun[t.next]; !oldest.IsZero() && now.Sub(oldest) < trySpan {
		return false
	}
	t.begun[t.next] = now
	t.next = (t.next + 1) % tryMost
	return true
}

// Try answers a question of a person, within a budget.
func (s session) Try(t uplink.Try) {
	a := s.a
	if !a.tries.take(time.Now()) {
		a.client.Tried(uplink.Tried{ID: t.ID, Refused: fmt.Sprintf("busy: this site probes at most %d times in %v on demand", tryMost, trySpan)})
		return
	}
	a.spawn(func() {
		ctx, cancel := context.WithTimeout(a.life, min(max(t.Deadline, tryShortest), tryLongest))
		defer cancel()
		if answer, ok := a.try(ctx, t); ok {
			a.client.Tried(answer)
		}
	})
}

// try probes once, with references beside it. false: the agent is stopping and
// saw nothing.
func (a *Agent) try(ctx context.Context, t uplink.Try) (uplink.Tried, bool) {
	cfg, refs := a.mind.draw(referencesAsked)
	prober, told := a.tries.prober, outward
	if listed(cfg, t.Spec) {
		prober, told = a.prober, func(r probes.Result) probes.Result { return r } // asked here all the time
	} else if err := tryName(t.Spec); err != nil {
		return uplink.Tried{ID: t.ID, Refused: err.Error()}, true
	}
	deadline, _ := ctx.Deadline()
	t.Spec.Timeout = max(probes.MinTimeout, min(cmp.Or(t.Spec.Timeout, probes.DefaultTimeout(t.Spec.Kind)), time.Until(deadline)-probes.MinTimeout))

	answers := make(chan bool, len(refs))
	for _, spec := range refs {
		spec.Timeout = tryReference
		go func() {
			o := a.probe(ctx, spec).Outcome
			answers <- o == probes.Up || o == probes.Degraded
		}()
	}
	r := prober.Probe(ctx, t.Spec)
	answer := uplink.Tried{ID: t.ID, RefsAsked: len(refs)}
	for range refs {
		if <-answers {
			answer.RefsOK++
		}
	}
	switch r.Cause {
	case probes.LocalCancelled:
		return answer, false
	case probes.Policy, probes.BadSpec, probes.Unsupported:
		answer.Refused = cmp.Or(r.Err, r.Cause.Text())
		return answer, true
	}
	answer.Result = told(r)
	return answer, true
}

// draw returns the configuration in force and the questions of n references of
// it, drawn by chance.
func (m *mind) draw(n int) (*fleet.Config, []probes.Spec) {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := m.v.References()
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	var specs []probes.Spec
	for _, i := range all[:min(n, len(all))] {
		specs = append(specs, m.cfg.Checks[i].Spec)
	}
	return m.cfg, specs
}

// listed says whether the site asks this question by its configuration anyway,
// with whatever patience.
func listed(cfg *fleet.Config, s probes.Spec) bool {
	s.Timeout = 0
	for _, c := range cfg.Checks {
		c.Spec.Timeout = 0
		if asked(c) && reflect.DeepEqual(c.Spec, s) {
			return true
		}
	}
	return false
}
