package detect

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"picket/internal/vantage"
)

// seen makes an electorate: per region "eu 3/4@2" = 4 sites on 2 networks, 3 of
// them DOWN.
func seen(parts ...string) []Ballot {
	var out []Ballot
	for _, p := range parts {
		var region string
		var d, n, nets int
		if _, err := fmt.Sscanf(p, "%2s %d/%d@%d", &region, &d, &n, &nets); err != nil {
			panic(err)
		}
		for i := range n {
			b := Ballot{Site: fmt.Sprint(region, i), Client: fmt.Sprint("c", i), Network: fmt.Sprint(region, i%nets), Region: region, Answer: vantage.Up, RefsWell: true}
			if i < d {
				b.Answer = vantage.Down
			}
			out = append(out, b)
		}
	}
	return out
}

func TestJudgeRegion(t *testing.T) {
	twice := Circumstances{Held: 2}
	for _, c := range []struct {
		name  string
		votes []Ballot
		in    Circumstances
		step  Step
		conf  Confidence
		code  Code
	}{
		{"all of a region, first asking", seen("eu 4/4@2", "us 0/4@2", "ap 0/4@2"), Circumstances{}, Revote, "", Waiting},
		{"all of a region, held", seen("eu 4/4@2", "us 0/4@2", "ap 0/4@2"), twice, Settle, ConfidenceConfirmed, SeenFrom},
		{"three of four on four ISPs, held", seen("eu 3/4@4", "us 0/4@2"), twice, Settle, ConfidenceConfirmed, SeenFrom},
		{"three of four on two ISPs: not balanced", seen("eu 3/4@2", "us 0/4@2"), twice, Settle, "", Unbalanced},
		{"two sites are likely at most", seen("eu 2/2@2", "us 0/4@2"), twice, Settle, ConfidenceProbable, TwoSites},
		{"one site is no region", seen("eu 1/1@1", "us 0/4@2"), twice, Settle, "", Minority},
		{"one ISP of a region", seen("eu 4/4@1", "us 0/4@2"), twice, Settle, "", OneNetwork},
		{"others fail too", seen("eu 4/4@2", "us 2/4@2"), twice, Settle, "", NotOnlyThere},
		{"a few others fail", seen("eu 4/4@2", "us 1/5@5"), twice, Settle, ConfidenceConfirmed, SeenFrom},
		{"two of three with the third up says nothing", seen("eu 2/2@2", "us 0/1@1"), twice, Settle, "", NotOnlyThere},
		{"nobody else looks", seen("eu 4/4@2"), twice, Settle, "", NotOnlyThere},
		{"the last ones standing", seen("eu 4/4@2", "us 0/2@2"), Circumstances{Held: 2, Before: 15}, Settle, "", CoverageLost},
		{"frozen", seen("eu 4/4@2", "us 0/4@2"), Circumstances{Held: 2, Frozen: true}, Settle, ConfidenceProbable, Frozen},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := JudgeRegion(c.votes, "eu", Rule{}, c.in)
			if d.Step != c.step || d.Out != (c.conf != "") || d.Confidence != c.conf || d.Reason.Code != c.code {
				t.Errorf("got step %d, out %v, %q, %s\n%+v", d.Step, d.Out, d.Confidence, d.Reason.Code, d.Reason)
			}
			if d.Held != (d.Region == "eu") {
				t.Errorf("region %q, held %v", d.Region, d.Held)
			}
		})
	}
	votes := seen("eu 4/4@2", "us 0/4@2")
	votes[6].Answer, votes[6].Pending = vantage.Abstain, true
	if d := JudgeRegion(votes, "eu", Rule{}, twice); d.Step != Wait || d.Out {
		t.Errorf("an outstanding answer elsewhere: %+v", d)
	}
}

func TestARegionNeedsTwoNetworksAndThreeSitesToConfirm(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	out := 0
	for range 20_000 {
		votes := randomVotes(rng)
		for i := range votes {
			votes[i].Region = fmt.Sprint(rng.IntN(3))
			if votes[i].Region == "0" && rng.IntN(3) > 0 && votes[i].Answer == vantage.Up {
				votes[i].Answer = vantage.Down
			}
		}
		d := JudgeRegion(votes, "0", Rule{}, Circumstances{Held: rng.IntN(4)})
		nets, down := map[string]bool{}, 0
		for _, v := range votes {
			if v.Region == "0" && v.Answer == vantage.Down && !v.Pending {
				nets[v.Network] = true
				down++
			}
		}
		if d.Out {
			out++
		}
		if d.Out && len(nets) < 2 || d.Confidence == ConfidenceConfirmed && down < 3 {
			t.Fatalf("%+v with %d down on %d networks", d, down, len(nets))
		}
		rng.Shuffle(len(votes), func(i, j int) { votes[i], votes[j] = votes[j], votes[i] })
		if again := JudgeRegion(votes, "0", Rule{}, Circumstances{}); again.Held != JudgeRegion(votes, "0", Rule{}, Circumstances{}).Held {
			t.Fatal("not a function")
		}
	}
	if out == 0 {
		t.Fatal("nothing was ever out: the test proves nothing")
	}
}
