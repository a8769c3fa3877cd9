package collector

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"picket/collector/alert"
	"picket/collector/config"
	"picket/collector/detect"
	"picket/collector/independence"
)

// Warning is something about a configuration that works today and not on the day
// it is needed.
type Warning struct {
	Code string `json:"code"` // "picket help CODE" explains it
	Text string `json:"text"`
	Fix  string `json:"fix"`
}

// String says it in one line.
func (w Warning) String() string { return w.Text + " " + w.Fix + " [" + w.Code + "]" }

// Independent says of a configuration whether alerts and the page depend on what
// is watched.
type Independent struct {
	Warnings []Warning `json:"warnings"`
	// Unknown is what could not be found out, for people.
	Unknown []string `json:"unknown"`
}

// lookupsWithin is how long looking all names of a configuration up may take.
const lookupsWithin = 8 * time.Second

// CheckIndependence looks file over. ask: DNS is asked where names lead; without,
// only what their endings tell is known.
func CheckIndependence(ctx context.Context, file *config.File, ask bool) Independent {
	ctx, cancel := context.WithTimeout(ctx, lookupsWithin)
	defer cancel()
	o := independence.Options{}
	if ask && file.Lookups != config.LookupsOff {
		o.Asker = asker{func() *config.File { return file }}
	}
	table := independence.NewTable(watchedBy(file))
	var questions []independence.Question
	for _, r := range file.Alerts {
		way, _ := wayTo(file, r)
		questions = append(questions, table.Questions(way)...)
	}
	for _, a := range addresses(file) {
		questions = append(questions, table.Questions(independence.Way{Hosts: []string{a.host}})...)
	}
	book := independence.NewBook(o)
	book.Refresh(ctx, time.Now(), questions)
	found := Independent{Warnings: []Warning{}, Unknown: []string{}}
	all := relying(file, book.Answer)
	for k, r := range all {
		way, _ := wayTo(file, file.Alerts[k])
		found.unknown(table.Judge(way, book.Answer).Unknown)
		if w, ok := routeWarning(file, all, r); ok {
			found.Warnings = append(found.Warnings, w)
		}
	}
	for _, a := range addresses(file) {
		v := table.Judge(independence.Way{Hosts: []string{a.host}}, book.Answer)
		found.unknown(v.Unknown)
		if w, ok := addressWarning(file, a, v); ok {
			found.Warnings = append(found.Warnings, w)
		}
	}
	return found
}

func (f *Independent) unknown(list []string) {
	for _, text := range list {
		if !slices.Contains(f.Unknown, text) {
			f.Unknown = append(f.Unknown, text)
		}
	}
}

// address is a name under which the Picket server is reached.
type address struct {
	host string
	page bool // by people; else by agents
}

func addresses(file *config.File) (list []address) {
	for _, n := range file.Names {
		list = append(list, address{n, true})
	}
	for _, p := range file.Public {
		if host, _, err := net.SplitHostPort(p); err == nil && !slices.Contains(list, address{host, true}) && !slices.Contains(list, address{host, false}) {
			list = append(list, address{host, false})
		}
	}
	return list
}

// watches returns the ids of providers that the file watches.
func watches(file *config.File) map[string]bool {
	ids := map[string]bool{}
	for _, w := range watchedBy(file) {
		ids[w.ID] = true
	}
	return ids
}

// routeWarning is W301: the route reaches people only through what is watched,
// and the file does not say who is told in its place.
func routeWarning(file *config.File, all []alert.Route, r alert.Route) (Warning, bool) {
	var on, ids, others []string
	helped, alone := true, false
	for _, x := range r.Relies {
		if r.Kinds == alert.SiteSide || !watches(file)[x.Provider] {
			continue
		}
		ids = append(ids, x.Name)
		if !slices.Contains(on, x.On) {
			on = append(on, x.On)
		}
		d := detourOf(all, r.Name, x.Provider)
		helped, alone = helped && d.Reason == alert.ReasonFallback, alone || d.Fallback == ""
		if d.Fallback != "" && !slices.Contains(others, d.Fallback) {
			others = append(others, d.Fallback)
		}
	}
	if len(ids) == 0 || helped {
		return Warning{}, false
	}
	w := Warning{Code: "W301",
		Text: fmt.Sprintf("alert route %s reaches people only by %s. If %s is down, this alert will not arrive.", r.Name, and(on), or(ids)),
		Fix:  "Add a route that does not need it, such as a mailbox elsewhere, a pager or SMS, and name it with fallback:."}
	if !alone {
		w.Fix = fmt.Sprintf("Picket then tells %s in its place; if that is right, say so with fallback: %s.", and(others), others[0])
	}
	return w, true
}

// detourOf is what becomes of route when all of provider is out.
func detourOf(all []alert.Route, route, provider string) alert.Detour {
	for _, d := range alert.Detours(all, &detect.Incident{Kind: detect.KindProvider, Provider: provider}) {
		if d.Route == route {
			return d
		}
	}
	return alert.Detour{Route: route}
}

// addressWarning is W302: people or agents reach the server through what is watched.
func addressWarning(file *config.File, a address, v independence.Verdict) (Warning, bool) {
	watched := watches(file)
	var on, ids []string
	for _, s := range v.Stands {
		if watched[s.Provider] {
			ids = append(ids, nameOf(file, s.Provider))
			if text := s.String(); !slices.Contains(on, text) {
				on = append(on, text)
			}
		}
	}
	if len(ids) == 0 {
		return Warning{}, false
	}
	w := Warning{Code: "W302",
		Text: fmt.Sprintf("the page's address %s is hosted by what you watch: %s. If %s is down, nobody can open the page.", a.host, and(on), or(ids)),
		Fix:  "Give the page a second name that leads to the server itself, or host it elsewhere."}
	if !a.page {
		w.Text = fmt.Sprintf("agents reach the Picket server at %s, which is hosted by what you watch: %s. If %s is down, they are not heard.", a.host, and(on), or(ids))
		w.Fix = "Add an address to public: that leads to the server itself, or host it elsewhere."
	}
	return w, true
}

// maxNamedServices is how many services one warning names.
const maxNamedServices = 4

// ThinCover is W310: what today's fleet could not confirm because its sites are
// on too few ISPs. Before there are sites nothing is said. Services with the same trouble are one warning.
func ThinCover(all []detect.Coverage, name func(string) string) (list []Warning) {
	type trouble struct {
		sites, isps int
		most        detect.Confidence
		fix         string
	}
	var order []trouble
	of := map[trouble][]string{}
	for _, c := range all {
		k := slices.IndexFunc(c.Gains, func(g detect.Gain) bool { return g.Add == detect.AddISP })
		if k < 0 || c.Sites == 0 || c.Client != "" || c.Confidence == detect.ConfidenceConfirmed {
			continue
		}
		t := trouble{c.Sites, c.Networks, c.Confidence, c.Gains[k].Text}
		if of[t] == nil {
			order = append(order, t)
		}
		of[t] = append(of[t], strings.Join(strings.Fields(name(c.Provider)+" "+c.Service+" "+c.Region), " "))
	}
	for _, t := range order {
		names := of[t]
		what := strings.Join(names[:min(len(names), maxNamedServices)], ", ")
		if more := len(names) - maxNamedServices; more > 0 {
			what += fmt.Sprintf(" and %d more", more)
		}
		most := "nothing could be said of an outage"
		if word := t.most.Word(); word != "" {
			most = "an outage could be called " + word + " at most"
		}
		list = append(list, Warning{Code: "W310",
			Text: fmt.Sprintf("%s: with %s on %s that can tell, %s.", what, several(t.sites, "site"), several(t.isps, "ISP"), most),
			Fix:  strings.ToUpper(t.fix[:1]) + t.fix[1:] + "."})
	}
	return list
}

func several(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

func and(list []string) string { return joined(list, "and") }
func or(list []string) string  { return joined(list, "or") }

func joined(list []string, word string) string {
	if len(list) < 2 {
		return strings.Join(list, "")
	}
	return strings.Join(list[:len(list)-1], ", ") + " " + word + " " + list[len(list)-1]
}
