package web

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"picket/collector/detect"
)

// concerns says whether the client may know of an incident: one that is its own,
// or that blames a cloud or Picket itself, or an ISP that one of its sites is on.
// If it lists targets, the client must know one of them. A target that nobody
// knows any more may have been anybody's: an incident that was stored without a
// client and tells of no other is shown to no viewer.
func (n *narrow) concerns(i detect.Incident) bool {
	switch {
	case i.Drill && !i.DrillClients: // an exercise of the operators
		return false
	case i.Site != "":
		return n.mine(i.Site) && (i.Client == "" || i.Client == n.client)
	case i.Client != "":
		return i.Client == n.client
	case i.Kind == detect.KindSite: // of no known site
		return false
	case i.Network != "" && !n.learn().networks[i.Network]:
		return false
	case i.Target != "" && !n.sees(i.Target):
		return false
	}
	return len(i.Targets) == 0 || slices.ContainsFunc(i.Targets, n.sees)
}

// private says whether a target is known to be another client's.
func (n *narrow) private(target string) bool {
	mine, told := n.learn().targets[target]
	return told && !mine
}

// forgotten says whether nobody knows a target any more.
func (n *narrow) forgotten(target string) bool {
	_, told := n.learn().targets[target]
	return !told
}

// reduced keeps the incidents that concern the client, each as it may see it.
func (n *narrow) reduced(all []detect.Incident) []detect.Incident {
	var out []detect.Incident
	for _, i := range all {
		if n.concerns(i) {
			out = append(out, n.reduce(i))
		}
	}
	return out
}

// reduce leaves out of an incident what is of other clients: their evidence (the
// counts stay), their targets, their ISPs, and texts with their names.
func (n *narrow) reduce(i detect.Incident) detect.Incident {
	k := n.learn()
	// The name of a target that is gone is in no list, so it may stand in any text.
	vouched := i.Client == n.client || !slices.ContainsFunc(i.Targets, n.forgotten)
	i.Evidence = keep(i.Evidence, func(e detect.Evidence) bool {
		return e.Client == n.client && n.mine(e.Site) && !n.private(e.Target)
	})
	i.Targets = keep(i.Targets, n.sees)
	i.Impact = keep(i.Impact, func(x detect.Impact) bool { return x.Client == n.client })
	i.Neighbours = keep(i.Neighbours, func(x detect.Neighbour) bool {
		return vouched && n.text(x.Label+" "+x.Why, "") != ""
	})
	if i.VRegion != "" && !k.regions[i.VRegion] {
		i.VRegion = elsewhere
	}
	counts := counted(i)
	if vouched {
		i.Title = n.text(i.Title, n.title(i))
		i.Summary, i.Reason.Text = n.text(i.Summary, counts), n.text(i.Reason.Text, counts)
	} else {
		i.Title, i.Summary, i.Reason.Text = n.title(i), counts, counts
	}
	if i.SupersededBy != "" {
		if by, err := n.src.Incident(context.Background(), i.SupersededBy); err != nil || !n.concerns(by) {
			i.SupersededBy = ""
		}
	}
	return i
}

// title names an incident anew, from fields that hold nothing foreign.
func (n *narrow) title(i detect.Incident) string {
	cloud := n.src.Provider(i.Provider)
	switch i.Kind {
	case detect.KindSite:
		return "Trouble at " + i.Site
	case detect.KindNetwork:
		return "Trouble of " + i.Network
	case detect.KindNetworkProvider:
		return "Trouble between " + i.Network + " and " + cloud
	case detect.KindNetworkDependency:
		return "Trouble between " + i.Network + " and " + i.Dependency
	case detect.KindVRegion:
		return "Trouble of the internet as seen from " + i.VRegion
	case detect.KindFleet:
		return "Picket fleet: lost contact with " + plural(i.DownSites, "site")
	case detect.KindCollector:
		return "Picket server: lost contact with every site"
	}
	what := map[detect.Severity]string{detect.SeverityPartial: "partial outage", detect.SeverityDegraded: "slower than usual"}[i.Severity]
	name := strings.Join(strings.Fields(cloud+" "+i.Service+" "+i.Region+" "+i.Dependency+" "+i.Edge), " ")
	if i.Kind.Regional() {
		name += " as seen from " + i.VRegion
	}
	return name + ": " + cmp.Or(what, "outage")
}

// counted is the finding in numbers alone.
func counted(i detect.Incident) string {
	return fmt.Sprintf("%d of %s on %s are concerned.", i.DownSites, plural(i.Sites, "site"), plural(i.DownNetworks, "ISP"))
}

// Incidents returns those that concern the client. As many as were asked for are
// found if they are among the last thousand of all.
func (n *narrow) Incidents(ctx context.Context, open bool, limit int) ([]detect.Incident, error) {
	for _, look := range []int{min(4*limit, maxIncidents), maxIncidents} {
		all, err := n.src.Incidents(ctx, open, look)
		if err != nil {
			return nil, err
		}
		own := keep(all, n.concerns)
		if len(own) >= limit || len(all) < look || look == maxIncidents {
			return n.reduced(own[:min(limit, len(own))]), nil
		}
	}
	return nil, nil // not reached: the last look is the widest
}

// Incident returns one that concerns the client; others do not exist.
func (n *narrow) Incident(ctx context.Context, id string) (detect.Incident, error) {
	i, err := n.src.Incident(ctx, id)
	if err != nil {
		return detect.Incident{}, err
	}
	if !n.concerns(i) {
		return detect.Incident{}, fmt.Errorf("incident %q: %w", id, ErrNotFound)
	}
	return n.reduce(i), nil
}
