package collector

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	mrand "math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"picket/collector/access"
	"picket/collector/detect"
	"picket/collector/inquiry"
	"picket/collector/web"
	"picket/internal/fleet"
	"picket/internal/uplink"
	"picket/probes"
)

// inquirer answers "is it us?": it has the site of the question and a few others
// probe now, and lets [inquiry.Judge] say who it is. It owns the I/O, the limits
// and the answers that were given; what an answer means is inquiry's.
//
// An inquiry takes at most inquiryLongest: a probe has probePatience, its answer
// answerSlack more to arrive, and the judge's snapshot has what is left. Sites are
// asked in parallel; who has no session is not waited for. Many people who ask at
// an outage do not become load on the cloud that is out: each has inquiryBurst
// questions and one more every inquiryEvery, all of them together inquiryBurstAll
// and one every inquiryEveryAll, and each agent guards itself by a budget of its
// own.
type inquirer struct {
	o inquirerOptions

	mu     sync.Mutex // guards the fields below
	people map[string]*allowance
	all    allowance
	kept   []inquiry.Finding // oldest first
}

// inquirerOptions is what an [inquirer] asks. All are required.
type inquirerOptions struct {
	Config   func() *fleet.Config   // in force
	Provider func(id string) string // a cloud's name for people
	Sites    func() []detect.Site   // of the fleet
	Ready    func(agent string) bool
	Try      func(ctx context.Context, agent string, t uplink.Try) (uplink.Tried, error)
	Snapshot func(ctx context.Context) (detect.Snapshot, error)
	// Audit writes to the trail that by had sites probe what nobody watches.
	Audit func(ctx context.Context, by, action, subject, detail string)
	Log   *slog.Logger
}

const (
	inquiryMore    = 5 // sites beside that of the question
	inquiryLongest = 9500 * time.Millisecond
	probePatience  = 5 * time.Second
	answerSlack    = 1500 * time.Millisecond // for the way there and back, and references

	inquiryBurst    = 6
	inquiryEvery    = 10 * time.Second
	inquiryBurstAll = 30
	inquiryEveryAll = time.Second
	inquiryPeople   = 1024 // whose allowances are remembered

	findingsKept = 256
	findingsLife = time.Hour
)

func newInquirer(o inquirerOptions) *inquirer {
	return &inquirer{o: o, people: map[string]*allowance{}}
}

// newInquirerOf makes the inquirer of a collector whose parts are wired.
func newInquirerOf(c *Collector) *inquirer {
	return newInquirer(inquirerOptions{
		Config: c.registry.currentConfig, Provider: source{c}.Provider, Sites: c.registry.freshSites, Ready: c.server.CanTry, Try: c.server.Try,
		Snapshot: c.judge.snapshot, Audit: source{c}.audit, Log: c.log,
	})
}

// ask answers q. An error that is a *[web.Error] is for people.
func (i *inquirer) ask(ctx context.Context, by access.Principal, q inquiry.Question) (inquiry.Finding, error) {
	began := time.Now()
	subject, err := i.subject(by, q.Target)
	if err != nil {
		return inquiry.Finding{}, err
	}
	if subject.Target.ID != "" {
		q.Target = subject.Target.ID
	}
	sites, own, err := i.candidates(by, subject, q.Site)
	if err != nil {
		return inquiry.Finding{}, err
	}
	if err := i.allow(by, began); err != nil {
		return inquiry.Finding{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, inquiryLongest)
	defer cancel()
	about := subject.Target.ID
	if about == "" {
		about = subject.Spec.Host // the rest of a URL may hold a secret
		i.o.Audit(ctx, by.Name, "inquiry.probe", about, q.Site)
	}
	facts := inquiry.Facts{
		Question: q, Client: cmp.Or(by.Client, own.Client), Label: i.label(subject), Target: subject.Target.ID,
		Rows: i.rows(ctx, q.Site, sites, subject.Spec),
	}
	if p := subject.Target.Provider; p != "" {
		facts.Provider = i.o.Provider(p)
	}
	if err := context.Cause(ctx); errors.Is(err, context.Canceled) {
		return inquiry.Finding{}, err // nobody waits any more
	}
	if snap, err := i.snapshot(ctx); err != nil {
		i.o.Log.Warn("answer an inquiry without what was known before", "err", err)
	} else {
		facts.Sites, facts.Open = snap.Sites, snap.Open
	}
	facts.At = time.Now()
	f := inquiry.Judge(facts)
	f.ID, f.Took = strings.ToLower(rand.Text()), time.Since(began)
	i.keep(f)
	i.o.Log.Info("inquiry", "by", by.Name, "target", about, "site", q.Site, "party", f.Party, "confidence", f.Confidence, "sites", len(f.Rows), "took", f.Took)
	return f.For(by.Client), nil
}

func (i *inquirer) snapshot(ctx context.Context) (detect.Snapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, snapshotWithin)
	defer cancel()
	return i.o.Snapshot(ctx)
}

// subject is what text means, if by may ask about it.
func (i *inquirer) subject(by access.Principal, text string) (inquiry.Subject, error) {
	cfg := i.o.Config()
	if s, ok := inquiry.Find(cfg, text, by.Sees); ok && (s.Exact || !by.May(access.Probe)) {
		return s, nil
	}
	unknown := &web.Error{Status: http.StatusNotFound, Code: "target", What: "nothing was asked"}
	if near := inquiry.Near(cfg, text, by.Sees); near != "" {
		unknown.Fix = fmt.Sprintf("did you mean %q?", near)
	}
	spec, err := inquiry.Parse(text)
	switch {
	case !by.May(access.Probe):
		unknown.Why = fmt.Sprintf("no target called %.80q is watched", text)
		unknown.Fix = cmp.Or(unknown.Fix, "choose one of the targets; only technicians may ask about anything else")
		return inquiry.Subject{}, unknown
	case err != nil:
		unknown.Status, unknown.Why = http.StatusBadRequest, fmt.Sprintf("%.80q is no target that is watched, and cannot be asked: %v", text, err)
		unknown.Fix = cmp.Or(unknown.Fix, "write the id of a target, a host, or an http(s) URL")
		return inquiry.Subject{}, unknown
	case !strings.ContainsAny(text, ".:/"): // a misspelt name rather than a host
		unknown.Why = fmt.Sprintf("no target called %.80q is watched", text)
		unknown.Fix = cmp.Or(unknown.Fix, "write the id of a target, a host with its domain, or an http(s) URL")
		return inquiry.Subject{}, unknown
	}
	return inquiry.Subject{Spec: spec, Exact: true}, nil
}

// label is the subject for people.
func (i *inquirer) label(s inquiry.Subject) string {
	t := s.Target
	switch {
	case t.ID == "":
		return s.Spec.Title()
	case t.Name != "" && t.Name != t.ID:
		return t.Name
	case t.Provider != "" && t.Service != "":
		label := i.o.Provider(t.Provider) + " " + t.Service
		if t.Region != "" {
			label += " in " + t.Region
		}
		return label
	}
	return t.ID
}

// candidates are the sites that may be asked about the subject, shuffled, and the
// site of the question, zero if none is named. What stands behind the question
// mark of a URL that somebody typed is often a secret: it stays with the machines
// of the client whose site the question is about.
func (i *inquirer) candidates(by access.Principal, subject inquiry.Subject, site string) (list []detect.Site, own detect.Site, err error) {
	t, all := subject.Target, i.o.Sites()
	for _, s := range all {
		if s.ID == site && by.Sees(s.Client) {
			own = s
		}
	}
	secret := t.ID == "" && strings.Contains(subject.Spec.Path, "?")
	for _, s := range all {
		if (t.Client == "" || t.Client == s.Client) && (!secret || s.Client == own.Client) {
			list = append(list, s)
		}
	}
	switch {
	case secret && site == "":
		return nil, own, &web.Error{Status: http.StatusBadRequest, Code: "site", What: "nothing was asked",
			Why: "a URL with a query may hold a secret, and goes to the sites of one client only", Fix: "name a site, or leave the query out"}
	case site != "" && own.ID == "":
		return nil, own, &web.Error{Status: http.StatusNotFound, Code: "site", What: "nothing was asked", Why: fmt.Sprintf("no site called %.80q has had an agent here", site),
			Fix: "write a site as CLIENT/SITE; the page of the fleet and `picket agent list` show them"}
	case site != "" && t.Client != "" && t.Client != own.Client:
		return nil, own, &web.Error{Status: http.StatusBadRequest, Code: "site", What: "nothing was asked", Why: fmt.Sprintf("%s is private to another client than that of %s", t.ID, site),
			Fix: "ask from a site of that client"}
	}
	mrand.Shuffle(len(list), func(a, b int) { list[a], list[b] = list[b], list[a] })
	return list, own, nil
}

// rows asks the chosen sites, that of the question first.
func (i *inquirer) rows(ctx context.Context, own string, sites []detect.Site, spec probes.Spec) []inquiry.Row {
	at := map[string]detect.Site{}
	all := make([]inquiry.Candidate, len(sites))
	for n, s := range sites {
		at[s.ID] = s
		all[n] = inquiry.Candidate{Site: s.ID, ISP: s.Network.Group(), Ready: slices.ContainsFunc(s.Agents, i.o.Ready)}
	}
	more := inquiryMore
	if own == "" {
		more++
	}
	chosen := inquiry.Choose(own, all, more)
	rows := make([]inquiry.Row, len(chosen))
	var asked sync.WaitGroup
	for n, c := range chosen {
		asked.Go(func() { rows[n] = i.row(ctx, at[c.Site], spec) })
	}
	asked.Wait()
	for n := range rows {
		rows[n].Own = rows[n].Site == own
	}
	return rows
}

// row asks one site: its agents that can be asked, one after the other, until
// one has a word.
func (i *inquirer) row(ctx context.Context, s detect.Site, spec probes.Spec) inquiry.Row {
	row := inquiry.Row{Site: s.ID, Client: s.Client, ISP: s.Network.Group(), Region: s.Region, State: inquiry.Silent, Why: "no Picket agent is connected"}
	spec.Timeout = min(cmp.Or(spec.Timeout, probes.DefaultTimeout(spec.Kind)), probePatience)
	wait := spec.Timeout + answerSlack
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for _, agent := range s.Agents {
		if !i.o.Ready(agent) {
			continue
		}
		got, err := i.o.Try(ctx, agent, uplink.Try{Spec: spec, Deadline: spec.Timeout + answerSlack/2})
		switch {
		case err == nil && got.Refused == "":
			fillRow(&row, got)
			return row
		case err == nil:
			row.State, row.Why = inquiry.Refused, got.Refused
		case errors.Is(err, uplink.ErrManyTries):
			row.State, row.Why = inquiry.Refused, "busy with other questions"
		case errors.Is(err, uplink.ErrUnsupported):
			row.State, row.Why = inquiry.Refused, "its Picket agent is too old to probe on demand"
		case ctx.Err() != nil:
			row.State, row.Why = inquiry.Silent, fmt.Sprintf("no answer within %d s", int(wait.Seconds()))
			return row
		}
	}
	return row
}

func fillRow(row *inquiry.Row, got uplink.Tried) {
	r := got.Result
	row.State, row.Why = inquiry.Answered, ""
	row.Outcome, row.Cause, row.Err = r.Outcome.String(), r.Cause.String(), r.Err
	if l := r.Cause.Layer(); l != probes.LayerNone {
		row.Layer = l.String()
	}
	row.DNS, row.Connect, row.TLS, row.TTFB, row.Total = r.DNS, r.Connect, r.TLS, r.TTFB, r.Total
	if r.Addr.IsValid() {
		row.Addr = r.Addr.String()
	}
	row.RefsOK, row.RefsAsked = got.RefsOK, got.RefsAsked
}

// keep remembers an answer for an hour, and the last ones only.
func (i *inquirer) keep(f inquiry.Finding) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.kept = slices.DeleteFunc(i.kept, func(old inquiry.Finding) bool { return f.At.Sub(old.At) > findingsLife })
	if len(i.kept) >= findingsKept {
		i.kept = slices.Delete(i.kept, 0, len(i.kept)-findingsKept+1)
	}
	i.kept = append(i.kept, f)
}

// finding returns an answer given earlier, whole: [inquiry.Finding.Concerns] and
// For say who may see what of it.
func (i *inquirer) finding(id string, now time.Time) (inquiry.Finding, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, f := range i.kept {
		if f.ID == id && now.Sub(f.At) <= findingsLife {
			return f, nil
		}
	}
	return inquiry.Finding{}, fmt.Errorf("answer %.40q: %w", id, web.ErrNotFound)
}
