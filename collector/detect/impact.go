package detect

import (
	"cmp"
	"slices"
)

// impact is the blast radius by client, from the evidence: of each client's
// sites that can tell, how many fail (or are silent). The hardest hit first.
func (l *live) impact() []Impact {
	type site struct{ client, id string }
	fails := map[site]bool{}
	for _, ev := range l.proof {
		k := site{ev.Client, ev.Site}
		switch ev.Answer {
		case "down", "degraded", "silent":
			fails[k] = true
		case "up":
			fails[k] = fails[k] || false
		}
	}
	at := map[string]int{}
	var out []Impact
	for k, bad := range fails {
		i, ok := at[k.client]
		if !ok {
			i = len(out)
			at[k.client] = i
			out = append(out, Impact{Client: k.client})
		}
		if out[i].Sites++; bad {
			out[i].Failing++
		}
	}
	out = slices.DeleteFunc(out, func(i Impact) bool { return i.Failing == 0 })
	slices.SortFunc(out, func(a, b Impact) int {
		return cmp.Or(cmp.Compare(b.Failing, a.Failing), cmp.Compare(b.Sites, a.Sites), cmp.Compare(a.Client, b.Client))
	})
	return out
}
