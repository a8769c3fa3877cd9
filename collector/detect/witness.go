package detect

import (
	"cmp"
	"strconv"
	"strings"
	"time"
)

// Witness is how many could judge a region of a cloud.
type Witness struct {
	Provider, Region string
	Client           string // whose targets they are; "" everybody's
	Sites, Networks  int
	Confidence       Confidence // the most that an outage could be called
}

// Witnesses is the short form of [Engine.Coverage], for the record: of several
// services of a region the worst seen counts. It changes nothing.
func (e *Engine) Witnesses(now time.Time) []Witness {
	type key struct{ provider, region, client string }
	at := map[key]int{}
	same := map[string]Witness{} // most targets are watched by the same sites
	var out []Witness
	var who strings.Builder
	for _, t := range e.targets {
		if t.Reference {
			continue
		}
		votes, _ := e.testimony(now, t)
		who.Reset()
		who.WriteString(strconv.FormatBool(t.Client != ""))
		for i := range votes {
			who.WriteByte(' ')
			who.WriteString(votes[i].Site)
		}
		w, known := same[who.String()]
		if !known {
			w = e.witness(votes, t.Client != "")
			same[who.String()] = w
		}
		w.Provider, w.Region, w.Client = t.Provider, t.Region, t.Client
		k := key{w.Provider, w.Region, w.Client}
		i, known := at[k]
		switch {
		case !known:
			at[k] = len(out)
			out = append(out, w)
		case cmp.Or(cmp.Compare(w.Confidence.Rank(), out[i].Confidence.Rank()), cmp.Compare(w.Sites, out[i].Sites)) < 0:
			out[i] = w
		}
	}
	return out
}

// witness is what unanimous votes of these sites would come to.
func (e *Engine) witness(votes []Ballot, private bool) Witness {
	nets := map[string]bool{}
	for i := range votes {
		nets[votes[i].Network] = true
	}
	w := Witness{Sites: len(votes), Networks: len(nets)}
	w.Confidence, _ = foresee(votes, e.rule, private, len(votes))
	return w
}
