package inquiry

import "slices"

// Candidate is a site that may be asked.
type Candidate struct {
	Site  string
	ISP   string
	Ready bool // has an agent that can be asked now
}

// Choose picks the sites to ask: own, whether it is ready or not, and at most
// more others that are. Of the others one is on the ISP of own, which tells the
// site from its ISP; then every ISP gets one before any gets two, which tells the
// ISP from the service. The order of candidates decides among equals, so shuffle
// them first. own "" asks about everybody. The site of the question comes first
// in the answer.
func Choose(own string, candidates []Candidate, more int) []Candidate {
	var chosen []Candidate
	isp, taken := "", map[string]int{}
	if i := slices.IndexFunc(candidates, func(c Candidate) bool { return c.Site == own }); own != "" && i >= 0 {
		chosen = append(chosen, candidates[i])
		isp = candidates[i].ISP
	}
	left := make([]Candidate, 0, len(candidates))
	for _, c := range candidates {
		if c.Ready && c.Site != own {
			left = append(left, c)
		}
	}
	take := func(i int) {
		chosen = append(chosen, left[i])
		taken[left[i].ISP]++
		left = slices.Delete(left, i, i+1)
		more--
	}
	if i := slices.IndexFunc(left, func(c Candidate) bool { return isp != "" && c.ISP == isp }); i >= 0 && more > 0 {
		take(i)
	}
	for more > 0 && len(left) > 0 {
		best := 0
		for i, c := range left {
			if taken[c.ISP] < taken[left[best].ISP] {
				best = i
			}
		}
		take(best)
	}
	return chosen
}
