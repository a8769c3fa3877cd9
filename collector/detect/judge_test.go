package detect

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"picket/internal/vantage"
)

// ballots reads "fra/as1 down" : site/network answer; answers are down, up,
// slow, ? (abstains), ... (pending). A network that begins with ~ is known by
// prefix only; "fra/as1@acme" names the client.
func ballots(lines ...string) []Ballot {
	var out []Ballot
	for _, l := range lines {
		who, answer, _ := strings.Cut(l, " ")
		site, net, _ := strings.Cut(who, "/")
		net, client, _ := strings.Cut(net, "@")
		if client == "" {
			client = "client of " + site
		}
		b := Ballot{Site: site, Network: net, Client: client, Unknown: strings.HasPrefix(net, "~"), RefsWell: true}
		switch answer {
		case "down":
			b.Answer = vantage.Down
		case "up":
			b.Answer = vantage.Up
		case "slow":
			b.Answer = vantage.Degraded
		case "...":
			b.Pending = true
		}
		out = append(out, b)
	}
	return out
}

// many makes n sites on the given number of networks, the first d of them DOWN.
func many(n, networks, d int) []Ballot {
	var out []Ballot
	for i := range n {
		b := Ballot{Site: fmt.Sprint("s", i), Client: fmt.Sprint("c", i%3), Network: fmt.Sprint("as", i%networks), Answer: vantage.Up, RefsWell: true}
		if i < d {
			b.Answer = vantage.Down
		}
		out = append(out, b)
	}
	return out
}

func TestJudge(t *testing.T) {
	for _, c := range []struct {
		name  string
		votes []Ballot
		in    Circumstances
		step  Step
		conf  Confidence // "" = not out
		code  Code
	}{
		{"nobody asked, nothing said", nil, Circumstances{}, Settle, "", NoVotes},
		{"a blind site casts no vote", ballots("fra/as1 ?", "ams/as2 ?"), Circumstances{}, Settle, "", NoVotes},
		{"all well", ballots("fra/as1 up", "ams/as2 up", "lhr/as3 up"), Circumstances{}, Settle, "", NoneDown},
		{"nothing yet", ballots("fra/as1 ...", "ams/as2 ...", "lhr/as3 ..."), Circumstances{}, Wait, "", NoneDown},
		{"one of three is its own trouble", ballots("fra/as1 down", "ams/as2 up", "lhr/as3 up"), Circumstances{}, Settle, "", Minority},
		{"two of three with the third up is mixed", ballots("fra/as1 down", "ams/as2 down", "lhr/as3 up"), Circumstances{}, Settle, "", Minority},
		{"three of three on three ISPs", ballots("fra/as1 down", "ams/as2 down", "lhr/as3 down"), Circumstances{}, Settle, ConfidenceConfirmed, Unanimous},
		{"slow is not down", ballots("fra/as1 slow", "ams/as2 slow", "lhr/as3 slow"), Circumstances{}, Settle, "", NoneDown},
		{"two of three with the third blind, first asking", ballots("fra/as1 down", "ams/as2 down", "lhr/as3 ?"), Circumstances{Before: 3}, Revote, "", TwoSites},
		{"two of three with the third blind, held for 10 s", ballots("fra/as1 down", "ams/as2 down", "lhr/as3 ?"), Circumstances{Before: 3, Held: 2}, Settle, ConfidenceProbable, TwoSites},
		{"three of three on two ISPs is likely at once", ballots("fra/as1 down", "ams/as2 down", "lhr/as2 down"), Circumstances{}, Revote, ConfidenceProbable, TwoNetworks},
		{"and confirmed after three more", ballots("fra/as1 down", "ams/as2 down", "lhr/as2 down"), Circumstances{Held: 3}, Settle, ConfidenceConfirmed, TwoNetworks},
		{"two ISPs, whatever the number of sites", many(12, 2, 12), Circumstances{}, Revote, ConfidenceProbable, TwoNetworks},
		{"two ISPs, one of them half well, never confirms", many(8, 2, 7), Circumstances{Held: 3}, Settle, ConfidenceProbable, TwoNetworks},
		{"one ISP is not a cloud", ballots("fra/as1 down", "ams/as1 down", "lhr/as1 down"), Circumstances{}, Revote, "", OneISP},
		{"one ISP, held: the path or the provider", ballots("fra/as1 down", "ams/as1 down", "lhr/as1 down"), Circumstances{Held: 2}, Settle, ConfidenceProbable, OneISP},
		{"one site alone only suspects", ballots("fra/as1 down"), Circumstances{Held: 2}, Settle, ConfidenceSuspected, Alone},
		{"one ISP of several fails", ballots("a/as1 down", "b/as1 down", "c/as1 down", "d/as2 up", "e/as3 up"), Circumstances{}, Settle, "", OneNetwork},
		{"a big ISP carries no vote", ballots("a/as1 down", "b/as1 down", "c/as1 down", "d/as1 down", "e/as1 down", "f/as1 down", "g/as2 down", "h/as3 down", "i/as4 up", "j/as5 up", "k/as6 up", "l/as7 up"), Circumstances{}, Settle, "", Unbalanced},
		{"five sites on three ISPs need more balance", ballots("a/as1 down", "b/as1 down", "c/as2 down", "d/as2 up", "e/as3 up"), Circumstances{}, Settle, "", Unbalanced},
		{"one client's firewall is not a cloud", ballots("a/as1@x down", "b/as2@x down", "c/as3@x down", "d/as4@x down", "e/as5@y up"), Circumstances{}, Settle, "", OneClient},
		{"unless only that client is concerned", ballots("a/as1@x down", "b/as2@x down", "c/as3@x down"), Circumstances{Private: true}, Settle, ConfidenceConfirmed, Unanimous},
		{"the last ones standing do not decide", ballots("a/as1 down", "b/as2 down", "c/as3 down"), Circumstances{Before: 7}, Settle, "", CoverageLost},
		{"nine of eleven, contradicted, asks again", many(11, 6, 9), Circumstances{Before: 11}, Revote, "", Waiting},
		{"nine of eleven, held three times", many(11, 6, 9), Circumstances{Before: 11, Held: 2}, Settle, ConfidenceConfirmed, Held},
		{"a unanimous re-vote settles", many(11, 6, 11), Circumstances{Before: 11, Held: 1}, Settle, ConfidenceConfirmed, Unanimous},
		{"K down and the rest pending is enough", append(many(8, 6, 8), ballots("x/as6 ...", "y/as7 ...")...), Circumstances{}, Settle, ConfidenceConfirmed, Unanimous},
		{"contradicted and pending waits", append(many(9, 6, 8), ballots("x/as6 ...")...), Circumstances{}, Wait, "", Waiting},
		{"unknown ISPs cap at likely", ballots("a/~1 down", "b/~2 down", "c/~3 down", "d/~4 down"), Circumstances{}, Settle, ConfidenceProbable, UnknownISPs},
		{"two known ISPs among unknown ones count as two", ballots("a/as1 down", "b/as2 down", "c/~3 down"), Circumstances{}, Revote, ConfidenceProbable, TwoNetworks},
		{"a frozen fleet confirms nothing", many(12, 6, 12), Circumstances{Frozen: true}, Settle, ConfidenceProbable, Frozen},
		{"a whole fleet", many(50, 12, 50), Circumstances{Before: 50}, Settle, ConfidenceConfirmed, Unanimous},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := Judge(c.votes, Rule{}, c.in)
			if d.Step != c.step || d.Out != (c.conf != "") || d.Confidence != c.conf || d.Reason.Code != c.code {
				t.Errorf("got step %d, out %v, %q, %s; want step %d, %q, %s\n%+v", d.Step, d.Out, d.Confidence, d.Reason.Code, c.step, c.conf, c.code, d.Reason)
			}
			if d.Path != (d.Reason.Code == OneISP) {
				t.Errorf("path %v", d.Path)
			}
		})
	}
}

func TestKIsTakenFromTheTable(t *testing.T) {
	r := DefaultRule()
	for n, k := range map[int]int{1: 1, 2: 2, 3: 3, 5: 3, 7: 5, 10: 6, 12: 8, 15: 9, 20: 12, 50: 30} {
		if got := r.K(n); got != k {
			t.Errorf("K(%d) = %d, want %d", n, got, k)
		}
	}
}

// randomVotes draws an electorate with a chance of DOWN of its own.
func randomVotes(rng *rand.Rand) []Ballot {
	n, nets, p := 1+rng.IntN(15), 1+rng.IntN(8), rng.Float64()
	out := make([]Ballot, n)
	for i := range out {
		b := Ballot{Site: fmt.Sprint(i), Client: fmt.Sprint(rng.IntN(3)), Network: fmt.Sprint(rng.IntN(nets)), RefsWell: rng.IntN(10) > 0}
		b.Unknown = b.Network < "2" && nets > 4
		switch {
		case rng.Float64() < p:
			b.Answer = vantage.Down
		case rng.IntN(3) == 0:
			b.Answer = vantage.Answer(rng.IntN(4))
		case rng.IntN(8) == 0:
			b.Pending = true
		default:
			b.Answer = vantage.Up
		}
		out[i] = b
	}
	return out
}

// strength orders decisions: what is said at once.
func strength(d Decision) int {
	if !d.Out {
		return 0
	}
	return d.Confidence.Rank()
}

func TestTurningDownIntoUpNeverOpensOrStrengthens(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 60_000 {
		votes := randomVotes(rng)
		c := Circumstances{Before: rng.IntN(20), Held: rng.IntN(4), Private: rng.IntN(4) == 0, Frozen: rng.IntN(8) == 0}
		was := Judge(votes, Rule{}, c)
		i := rng.IntN(len(votes))
		if votes[i].Answer != vantage.Down || votes[i].Pending {
			continue
		}
		votes[i].Answer = vantage.Up
		now := Judge(votes, Rule{}, c)
		if strength(now) > strength(was) || now.Held && !was.Held {
			t.Fatalf("turning %d UP made %+v of %+v\n%+v", i, now, was, votes)
		}
	}
}

func TestFewSitesAndOneNetworkNeverConfirm(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 60_000 {
		votes := randomVotes(rng)
		c := Circumstances{Held: rng.IntN(4), Private: rng.IntN(4) == 0}
		d := Judge(votes, Rule{}, c)
		nets := map[string]bool{}
		sites, down := 0, 0
		for _, v := range votes {
			if v.Pending || tells(v.Answer) {
				sites++
			}
			if v.Answer == vantage.Down && !v.Pending {
				nets[v.Network] = true
				down++
			}
		}
		if d.Confidence == ConfidenceConfirmed && (sites < 3 || down < 3 || len(nets) < 2) {
			t.Fatalf("confirmed with %d sites, %d down on %d networks", sites, down, len(nets))
		}
		if len(nets) == 1 && d.Out && !d.Path && d.Confidence != ConfidenceSuspected {
			t.Fatalf("one network alone blamed the provider: %+v", d)
		}
	}
}

func TestTheOrderOfVotesChangesNothing(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 20_000 {
		votes := randomVotes(rng)
		c := Circumstances{Before: rng.IntN(20), Held: rng.IntN(4)}
		a := Judge(votes, Rule{}, c)
		rng.Shuffle(len(votes), func(i, j int) { votes[i], votes[j] = votes[j], votes[i] })
		if b := Judge(votes, Rule{}, c); a != b {
			t.Fatalf("%+v\n%+v", a, b)
		}
	}
}
