package detect

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"picket/internal/vantage"
	"picket/probes"
)

// TestTurningDownIntoUpIsNeverGraver goes through all rounds of up to five sites:
// every way to spread them over networks and two clients, every answer, all
// circumstances. A DOWN that becomes an UP never makes a decision stronger.
func TestTurningDownIntoUpIsNeverGraver(t *testing.T) {
	rule := DefaultRule()
	answers := []Ballot{{Answer: vantage.Down, RefsWell: true}, {Answer: vantage.Up, RefsWell: true}, {Answer: vantage.Abstain}, {Pending: true}}
	checked := 0
	for n := 1; n <= 5; n++ {
		kinds := len(answers)
		if n == 5 || testing.Short() {
			kinds = 3
		}
		partitions(n, func(nets []int) {
			votes := make([]Ballot, n)
			for code := range pow(kinds, n) {
				rest := code
				for i := range votes {
					votes[i] = answers[rest%kinds]
					rest /= kinds
					votes[i].Network, votes[i].Unknown = fmt.Sprint("as", nets[i]), nets[i] == 3
					votes[i].Site, votes[i].Client = fmt.Sprint("s", i), fmt.Sprint("c", i%2)
				}
				for _, c := range []Circumstances{{}, {Held: 2}, {Held: 3}, {Held: 2, Private: true}, {Before: 2 * n, Held: 2}, {Held: 3, Frozen: true}} {
					checked += noGraver(t, votes, rule, c)
				}
			}
		})
	}
	if checked < 10000 {
		t.Errorf("%d comparisons", checked)
	}
}

func noGraver(t *testing.T, votes []Ballot, rule Rule, c Circumstances) int {
	before, n := Judge(votes, rule, c), 0
	for i := range votes {
		if votes[i].Pending || votes[i].Answer != vantage.Down {
			continue
		}
		n++
		votes[i].Answer = vantage.Up
		after := Judge(votes, rule, c)
		votes[i].Answer = vantage.Down
		// On one network the word is about the path, not about a cloud.
		if after.Out && (!before.Out || after.Confidence.Rank() > before.Confidence.Rank() || before.Path && !after.Path) || after.Held && !before.Held {
			t.Fatalf("%+v\n%+v: %+v; site %d says UP: %+v", votes, c, before, i, after)
		}
	}
	return n
}

// partitions calls do with every way to spread n sites over networks.
func partitions(n int, do func([]int)) {
	nets := make([]int, n)
	var fill func(i, used int)
	fill = func(i, used int) {
		if i == n {
			do(nets)
			return
		}
		for k := 0; k <= used && k < n; k++ {
			nets[i] = k
			fill(i+1, max(used, k+1))
		}
	}
	fill(0, 0)
}

func pow(b, n int) int {
	out := 1
	for range n {
		out *= b
	}
	return out
}

// scene is one disturbance of a random fleet: who says what in every attempt.
type scene struct {
	seed    uint64
	check   uint32
	answers []vantage.Answer // by agent
}

// play shows the engine the scene and returns the gravest that it told of a
// provider: rank of the confidence and number of targets. order permutes the
// agents, who answer within 120 ms of the first.
func (s scene) play(t testing.TB, order []int) (rank, targets int, told string) {
	c := newChaos(t, s.seed, chaosFleet{})
	c.rng = rand.New(rand.NewPCG(1, 1)) // from here on nothing is random
	beat := func() {
		for _, id := range c.agents {
			c.e.Contact(c.now, id)
		}
	}
	wake := func(until time.Time) {
		for next, ok := c.e.Next(); ok && !next.After(until); next, ok = c.e.Next() {
			if next.After(c.now) {
				c.now = next
			}
			beat()
			c.e.Tick(c.now)
			c.drain()
		}
		c.now = until
	}
	wake(c.now.Add(5 * time.Second))
	beat()
	for i, a := range s.answers {
		if a == vantage.Down {
			c.e.Suspect(c.now, c.agents[i], Suspicion{Check: s.check, Cause: probes.TCPTimeout, Age: 300 * time.Millisecond})
			c.drain()
			break
		}
	}
	for end := c.now.Add(25 * time.Second); c.now.Before(end); {
		if len(c.asks) == 0 {
			wake(c.now.Add(100 * time.Millisecond))
			continue
		}
		ask := c.asks[0]
		c.asks = c.asks[1:]
		wake(c.now.Add(500 * time.Millisecond))
		asked := map[string]bool{}
		for _, id := range ask.Agents {
			asked[id] = true
		}
		first := c.now
		for k, i := range order {
			if !asked[c.agents[i]] {
				continue
			}
			wake(first.Add(time.Duration(k) * 120 * time.Millisecond / time.Duration(len(order))))
			v := Vote{Round: ask.Round, Attempt: ask.Attempt, Answer: s.answers[i], Age: 400 * time.Millisecond, RefsOK: 3, RefsAsked: 3}
			if v.Answer == vantage.Down {
				v.Cause = probes.TCPTimeout
			}
			c.e.Vote(c.now, c.agents[i], v)
			c.drain()
		}
	}
	for _, in := range c.worst {
		if scopeAll(in.Kind) {
			rank, targets = max(rank, in.Confidence.Rank()), max(targets, len(in.Targets))
		}
		told += fmt.Sprintf("%s %s %s %d/%d;", in.Kind, in.Confidence, in.Reason.Code, in.DownSites, in.Sites)
	}
	return rank, targets, told
}

// scopeAll says whether a kind is judged by everybody.
func scopeAll(k Kind) bool {
	switch k {
	case KindTarget, KindService, KindProviderRegion, KindProvider, KindDependency:
		return true
	}
	return false
}

// newScene lets most agents of a random fleet find a target down.
func newScene(t testing.TB, seed uint64) scene {
	c := newChaos(t, seed, chaosFleet{})
	s := scene{seed: seed}
	for i, ch := range c.cfg.Checks {
		if ch.Spec.Kind == probes.TCP || ch.Spec.Kind == probes.HTTP {
			s.check = uint32(i)
			break
		}
	}
	down := 0.5 + c.rng.Float64()/2
	for range c.agents {
		a := vantage.Down
		if c.rng.Float64() > down {
			a = []vantage.Answer{vantage.Up, vantage.Up, vantage.Abstain}[c.rng.IntN(3)]
		}
		s.answers = append(s.answers, a)
	}
	return s
}

func ordered(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

func TestAnUpVoteNeverOpensOrWidensAnOutage(t *testing.T) {
	opened := 0
	for seed := range runs(t, 48) {
		s := newScene(t, uint64(seed))
		order := ordered(len(s.answers))
		rank, targets, told := s.play(t, order)
		if rank > 0 {
			opened++
		}
		for try := range 3 {
			i := (seed*7 + try*5) % len(s.answers)
			if s.answers[i] != vantage.Down {
				continue
			}
			o := scene{seed: s.seed, check: s.check, answers: append([]vantage.Answer(nil), s.answers...)}
			o.answers[i] = vantage.Up
			if r, n, said := o.play(t, order); r > rank || n > targets {
				t.Fatalf("seed %d: with an UP of agent %d: %s\nwithout: %s", seed, i, said, told)
			}
		}
	}
	if opened < runs(t, 80)/4 {
		t.Errorf("only %d scenes opened anything", opened)
	}
}

func TestOrderWithinTheGraceChangesNothingInAnyFleet(t *testing.T) {
	opened := 0
	for seed := range runs(t, 48) {
		s := newScene(t, uint64(seed))
		_, _, want := s.play(t, ordered(len(s.answers)))
		if want != "" {
			opened++
		}
		rng := rand.New(rand.NewPCG(uint64(seed), 8))
		for range 3 {
			order := rng.Perm(len(s.answers))
			if _, _, got := s.play(t, order); got != want {
				t.Fatalf("seed %d: in order %v\n%s, else\n%s", seed, order, got, want)
			}
		}
	}
	if opened < runs(t, 80)/4 {
		t.Errorf("only %d scenes opened anything", opened)
	}
}
