package collector

import (
	"context"
	"slices"
	"time"

	"picket/collector/detect"
)

// An alert says what an outage does not touch, so that nobody moves clients
// away from what works. What is well is read from the judge when a letter is
// written; a letter does not wait for it.

const (
	glanceWithin = 200 * time.Millisecond // a judge that is busy for longer is not waited for
	glanceFor    = time.Second            // several routes are told of one change
)

// lookout is what the judge saw a moment ago. It belongs to one goroutine.
type lookout struct {
	snapshot func(context.Context) (detect.Snapshot, error) // nil: nothing is known
	at       time.Time
	seen     detect.Snapshot
}

// now returns what the judge sees, or nothing.
func (g *lookout) now() detect.Snapshot {
	if g.snapshot == nil {
		return detect.Snapshot{}
	}
	if time.Since(g.at) < glanceFor {
		return g.seen
	}
	ctx, cancel := context.WithTimeout(context.Background(), glanceWithin)
	defer cancel()
	seen, err := g.snapshot(ctx)
	if err != nil {
		seen = detect.Snapshot{} // it is busy or has ended; an alert can do without
	}
	g.at, g.seen = time.Now(), seen
	return seen
}

// wellBeside names what is well beside a provider-side incident: the other
// regions of its cloud, then other clouds as a whole. Only what sites see well
// now counts; mixed results and no data do not.
func wellBeside(snap detect.Snapshot, i *detect.Incident, name func(string) string) []string {
	if !i.Kind.ProviderSide() || i.Provider == "" || snap.Frozen {
		return nil
	}
	well := func(c detect.Cell) bool { return c.State == detect.OK && c.Targets > 0 && c.Age >= 0 }
	var regions, clouds, ill []string
	for _, c := range snap.Cells {
		switch {
		case c.Provider == i.Provider:
			if c.Region != "" && c.Region != i.Region && i.Region != "" && well(c) {
				regions = append(regions, name(c.Provider)+" "+c.Region)
			}
		case !well(c):
			ill = append(ill, c.Provider)
		case !slices.Contains(clouds, c.Provider):
			clouds = append(clouds, c.Provider)
		}
	}
	for _, c := range clouds {
		if c != "" && !slices.Contains(ill, c) {
			regions = append(regions, name(c))
		}
	}
	return regions
}
