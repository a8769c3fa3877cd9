package web

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"picket/collector/detect"
)

// Records is what cannot be found out later: what providers said, how many sites
// could judge, which line a site was on. Lists hold at most [MostRecords].
type Records interface {
	// Official is what the provider says of an incident; nil: nobody would speak of it.
	Official(ctx context.Context, i detect.Incident) (*Official, error)
	// Feeds says how the status feeds of the providers that are watched were read last.
	Feeds(ctx context.Context) ([]Feed, error)
	// CoverageHistory returns how many sites could judge each region of a cloud.
	CoverageHistory(ctx context.Context, q CoverageQuery) ([]CoverageRow, error)
	// Lines returns which line each site was on; site "" means all.
	Lines(ctx context.Context, site string, from, to time.Time) ([]LineTime, error)
}

// MostRecords bounds one list of records.
const MostRecords = 20_000

// Official is what a provider's own status feed says of an incident.
type Official struct {
	Known   bool           `json:"known"`             // it was read and understood at Checked
	Checked time.Time      `json:"checked,omitzero"`  // last reading that was understood
	State   string         `json:"state,omitempty"`   // ok, quiet (nothing posted), maintenance, degraded, down; "" unknown
	Posted  time.Time      `json:"posted,omitzero"`   // when it first admitted this trouble
	Lead    *time.Duration `json:"lead_ns,omitempty"` // from our opening to Posted; negative: it was first
	Title   string         `json:"title,omitempty"`
	URL     string         `json:"url,omitempty"`
	Why     string         `json:"why,omitempty"` // it is not known
}

// Feed is how a status feed was read last.
type Feed struct {
	ID       string    `json:"id"`
	Provider string    `json:"provider"`
	Page     string    `json:"page"`
	Known    bool      `json:"known"`
	State    string    `json:"state,omitempty"`
	Checked  time.Time `json:"checked,omitzero"`
	Why      string    `json:"why,omitempty"`
	Open     []Notice  `json:"open"`
}

// Notice is what a provider has posted and not yet ended.
type Notice struct {
	Title  string    `json:"title"`
	URL    string    `json:"url,omitempty"`
	State  string    `json:"state,omitempty"`
	Posted time.Time `json:"posted,omitzero"`
	Seen   time.Time `json:"seen"` // when it was read first
}

// CoverageQuery chooses coverage history: From <= at < To.
type CoverageQuery struct {
	Provider string // "" all
	From, To time.Time
}

// CoverageRow is how many sites could judge a region of a cloud in one step. A
// step without a row is one in which nothing is known.
type CoverageRow struct {
	At       time.Time     `json:"at"`
	Step     time.Duration `json:"step_ns"`
	Provider string        `json:"provider"`
	Region   string        `json:"region,omitempty"`
	Client   string        `json:"client,omitempty"` // whose targets they are; "" everybody's
	Sites    int           `json:"sites"`            // that could judge; of an hour the fewest
	ISPs     int           `json:"isps"`
	Minutes  int           `json:"minutes"` // of the step that are known
	Sure     int           `json:"sure"`    // minutes in which an outage could have been confirmed
}

// LineTime is how long a site was on a line.
type LineTime struct {
	Site   string    `json:"site"`
	Family int       `json:"family"` // 4 or 6
	Name   string    `json:"name"`
	Since  time.Time `json:"since"`
	Until  time.Time `json:"until,omitzero"` // zero: it is on it
}

// registerRecords adds the routes of what was recorded.
func (a api) registerRecords(mux *http.ServeMux, prefix string) {
	mux.HandleFunc("GET "+prefix+"/feeds", a.answer("feeds", func(r *http.Request) (any, error) {
		all, err := a.of(r).Feeds(r.Context())
		return list(all), err
	}))
	mux.HandleFunc("GET "+prefix+"/coverage/history", a.answer("coverage-history", func(r *http.Request) (any, error) {
		from, to, err := a.period(r, 24*time.Hour)
		if err != nil {
			return nil, err
		}
		all, err := a.of(r).CoverageHistory(r.Context(), CoverageQuery{Provider: r.URL.Query().Get("provider"), From: from, To: to})
		return list(all), err
	}))
	mux.HandleFunc("GET "+prefix+"/lines", a.answer("lines", func(r *http.Request) (any, error) {
		from, to, err := a.period(r, 30*24*time.Hour)
		if err != nil {
			return nil, err
		}
		all, err := a.of(r).Lines(r.Context(), r.URL.Query().Get("site"), from, to)
		return list(all), err
	}))
}

// period reads from and to of a request; without them it ends now and is usual long.
func (a api) period(r *http.Request, usual time.Duration) (from, to time.Time, err error) {
	wrong := func(why string) error {
		return &Error{Status: http.StatusBadRequest, Code: "query", What: "the list was not made", Why: why, Fix: "write times as 2026-02-02T12:00:00Z, at most 13 months apart"}
	}
	to = a.now().UTC()
	for name, t := range map[string]*time.Time{"to": &to, "from": &from} {
		if v := r.URL.Query().Get(name); v != "" {
			if *t, err = time.Parse(time.RFC3339, v); err != nil {
				return from, to, wrong(name + " is not a time")
			}
		}
	}
	if from.IsZero() {
		from = to.Add(-usual)
	}
	if d := to.Sub(from); d <= 0 || d > LongestHistory {
		return from, to, wrong("the time from from to to is not between 0 and 13 months")
	}
	return from, to, nil
}

// official is what the provider says of an incident, and the same in a sentence.
func (a api) official(ctx context.Context, src Source, i detect.Incident) (*Official, string, error) {
	o, err := src.Official(ctx, i)
	if err != nil {
		return nil, "", err
	}
	l := o.says(a.now(), i, publisher(i, src.Provider))
	switch {
	case l == nil:
		return nil, "", nil
	case l.Age == "":
		return o, l.Text, nil
	}
	return o, strings.TrimSuffix(l.Text, ".") + " (" + l.Age + ").", nil
}

// publisher is whose status page would speak of an incident.
func publisher(i detect.Incident, provider func(string) string) string {
	who := provider(i.Provider)
	if i.Dependency != "" {
		who = i.Dependency
	}
	if who == "" {
		return ""
	}
	return strings.ToUpper(who[:1]) + who[1:] // it begins a sentence
}

// officialLine is what the provider says of an incident, worded for the page.
type officialLine struct {
	Text  string // whole sentence
	Age   string // what moves all the time; "" nothing
	Title string // of its notice
	URL   string // of it, or of the page
}

// says words what the provider says of i beside our own finding; nil if nobody
// would speak of it.
func (o *Official) says(now time.Time, i detect.Incident, who string) *officialLine {
	if o == nil {
		return nil
	}
	l := officialLine{URL: webLink(o.URL)}
	over := !i.State.Open()
	if !o.Checked.IsZero() && !over {
		l.Age = "checked " + age(now.Sub(o.Checked))
	}
	switch {
	case !o.Posted.IsZero():
		l.Text, l.Title = fmt.Sprintf("%s acknowledged it at %s UTC, %s.", who, o.Posted.UTC().Format("15:04"), order(o.Posted.Sub(i.Opened))), o.Title
	case !o.Known && over:
		l.Text = fmt.Sprintf("%s: not known what it said at that time (%s).", who, cmp.Or(o.Why, "its status page was not read"))
	case !o.Known:
		l.Text = fmt.Sprintf("What %s says itself: unknown (%s).", who, cmp.Or(o.Why, "its status page was not read"))
		if l.Age != "" {
			l.Age = "last understood " + age(now.Sub(o.Checked))
		}
	case o.State == "degraded", o.State == "down":
		l.Text = who + ": its status page shows trouble, and does not say since when."
	case o.State == "maintenance":
		l.Text = who + ": its status page shows planned maintenance."
	case over:
		l.Text = who + " posted no incident."
	default:
		l.Text = who + ": no incident posted."
		if ahead := now.Sub(i.Opened); ahead >= time.Minute {
			l.Age += "; we are " + span(ahead.Truncate(time.Minute)) + " ahead"
		}
	}
	return &l
}

// webLink is an address that a page may link to; "" if it is none.
func webLink(s string) string {
	if u, err := url.Parse(s); err != nil || u.Scheme != "https" || u.Host == "" {
		return ""
	}
	return s
}

// order is who was first: lead is by how much the provider came after us.
func order(lead time.Duration) string {
	switch {
	case lead >= time.Minute:
		return span(lead.Truncate(time.Minute)) + " after us"
	case lead <= -time.Minute:
		return span((-lead).Truncate(time.Minute)) + " before us"
	}
	return "in the same minute as we"
}

// maxBeside is how many open incidents of the page say what the provider says.
const maxBeside = 10

// officials words what providers say of the most urgent open incidents, by id.
func officials(ctx context.Context, now time.Time, src Source, open []detect.Incident) (map[string]*officialLine, error) {
	out := map[string]*officialLine{}
	open = byUrgency(open)
	for _, i := range open[:min(len(open), maxBeside)] {
		o, err := src.Official(ctx, i)
		if err != nil {
			return nil, fmt.Errorf("what the provider says of incident %s: %w", i.ID, err)
		}
		out[i.ID] = o.says(now, i, publisher(i, src.Provider))
	}
	return out, nil
}
