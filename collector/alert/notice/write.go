package notice

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/template"
	"time"
	"unicode"

	"picket/collector/alert"
	"picket/collector/detect"
)

// Facts is what a draft is written from.
type Facts struct {
	Incident *detect.Incident
	Client   string // its id; "" drafts for everybody who is concerned
	// Provider returns a cloud's name for people, Target that of a target; nil leaves ids.
	Provider func(id string) string
	Target   func(id string) string
	Official alert.Official
	Zone     *time.Location // of whoever reads it; nil means UTC
	Now      time.Time
	// Sent says that nobody reads the notice before it goes out, so that it promises
	// no more than is kept: another one at Next, or when something changes if that
	// is zero.
	Sent bool
	Next time.Time
}

// Draft is a notice that nobody has sent yet.
type Draft struct {
	Language string    `json:"language"`
	Client   string    `json:"client,omitempty"`
	Subject  string    `json:"subject"`
	Body     string    `json:"body"`
	Over     bool      `json:"over"`          // it tells of the end
	Next     time.Time `json:"next,omitzero"` // by when it promises another one
}

// ErrNothing marks that there is nothing to tell a client. Its text says why.
var ErrNothing = errors.New("there is nothing to tell a client")

// ErrLanguage marks a language that has no catalogue.
var ErrLanguage = errors.New("there are no notices in this language")

// The languages.
const (
	English = "en"
	Spanish = "es"
)

// Languages lists the languages, the default first.
func Languages() []string { return []string{English, Spanish} }

// Affected lists the clients that an incident concerns, the hardest hit first.
func Affected(i *detect.Incident) []string {
	var all []string
	for _, x := range i.Impact {
		all = append(all, x.Client)
	}
	for _, e := range i.Evidence {
		if fails(e) && e.Client != "" && !slices.Contains(all, e.Client) {
			all = append(all, e.Client)
		}
	}
	if i.Client != "" && !slices.Contains(all, i.Client) {
		all = append(all, i.Client)
	}
	return all
}

func fails(e detect.Evidence) bool {
	return e.Answer == "down" || e.Answer == "degraded" || e.Answer == "silent"
}

// Write drafts a notice. errors.Is: [ErrNothing], [ErrLanguage].
func Write(language string, f Facts) (Draft, error) {
	c, ok := map[string]catalogue{English: english(), Spanish: spanish()}[language]
	if !ok {
		return Draft{}, fmt.Errorf("%w: %q; there are %s", ErrLanguage, language, strings.Join(Languages(), ", "))
	}
	kind, err := f.kind()
	if err != nil {
		return Draft{}, err
	}
	w := writer{c: c, facts: f, kind: kind}
	d := Draft{Language: language, Client: f.Client, Over: w.over()}
	switch {
	case d.Over:
	case f.Sent:
		d.Next = f.Next
	default:
		d.Next = next(f.Incident, f.Now)
	}
	d.Subject, d.Body = w.subject(), w.body(d.Next)
	return d, w.err
}

// next is when another notice is promised: in half an hour, later on in an
// hour, on a full five minutes.
func next(i *detect.Incident, now time.Time) time.Time {
	wait := 30 * time.Minute
	if now.Sub(cmp.Or(i.Started, i.Opened)) > 90*time.Minute {
		wait = time.Hour
	}
	const full = 5 * time.Minute
	return now.Add(wait + full - 1).Truncate(full)
}

// kind is whose trouble it is, as the key of a catalogue.
func (f Facts) kind() (string, error) {
	i := f.Incident
	nothing := func(why string) (string, error) { return "", fmt.Errorf("%w: %s", ErrNothing, why) }
	switch {
	case i.SupersededBy != "":
		return nothing("it goes on as " + i.SupersededBy + ", use the notice of that one")
	case i.Reason.Code == detect.Unwatched || i.Reason.Code == detect.Maintained:
		return nothing("it is no longer judged, so nobody knows how it is now")
	case i.Kind == detect.KindFleet || i.Kind == detect.KindCollector:
		return nothing("it is Picket's own trouble and says nothing about what they use")
	case i.Kind == detect.KindReference:
		return nothing("a service that Picket compares lines with is out, and none that they use")
	case f.Client != "" && !slices.Contains(Affected(i), f.Client):
		return nothing("none of the sites of " + f.Client + " is concerned")
	case i.Kind == detect.KindSite && i.LineDown:
		return "line", nil
	case i.Severity == detect.SeverityUnseen && !i.LineDown || i.Reason.Code == detect.LostContact || i.Reason.Code == detect.ContactOnly ||
		i.Reason.Code == detect.WANAnswers || i.Reason.Code == detect.Stopped:
		if i.Reason.Code == detect.NetworkSilent {
			return "network", nil
		}
		return nothing("Picket has only lost contact, and nothing is known to be broken; call the site first")
	case i.Kind == detect.KindSite:
		return "site", nil
	case i.Kind == detect.KindNetwork:
		return "network", nil
	case i.Kind == detect.KindNetworkProvider || i.Kind == detect.KindNetworkDependency:
		return "path", nil
	case i.Kind == detect.KindVRegion:
		return "region", nil
	case i.Reason.Code == detect.Alone, i.Sites == 1: // one site cannot tell an outage from the way there
		return "alone", nil
	}
	return "provider", nil
}

// writer fills in a catalogue.
type writer struct {
	c     catalogue
	facts Facts
	kind  string
	err   error // the first
}

// words is what the templates may use.
type words struct {
	What, Them, ISP, Region, Office, Since, Until, Took, Next, Acknowledged, Zone string
	Likely                                                                        bool
}

func (w *writer) over() bool { return w.facts.Incident.State == detect.Resolved }

// say fills in the template of a key; "" if the catalogue has it empty.
func (w *writer) say(key string, next time.Time) string {
	text, ok := w.c.texts[key]
	if !ok {
		w.err = errors.Join(w.err, fmt.Errorf("the notices have no text %q", key))
		return ""
	}
	t, err := template.New(key).Option("missingkey=error").Parse(text)
	var b strings.Builder
	if err == nil {
		err = t.Execute(&b, w.words(next))
	}
	if err != nil {
		w.err = errors.Join(w.err, fmt.Errorf("write the notice: %w", err))
	}
	return strings.TrimSpace(b.String())
}

func (w *writer) subject() string {
	key := "subject." + w.kind
	if w.kind == "provider" {
		key += w.severity()
	}
	s := w.say(key, time.Time{})
	if w.kind == "provider" && w.officesWell() {
		s += w.c.texts["subject.well"]
	}
	if w.over() {
		s = w.c.texts["resolved"] + s
	}
	if w.facts.Incident.Drill {
		s = w.c.texts["drill"] + " " + s
	}
	return clip(s, 120)
}

// severity is the end of a key that differs by how bad it is.
func (w *writer) severity() string {
	switch w.facts.Incident.Severity {
	case detect.SeverityPartial:
		return ".partial"
	case detect.SeverityDegraded:
		return ".slow"
	}
	return ""
}

// body is the notice: what they notice and whose it is, what works and what to
// do, what the provider says, when they hear again.
func (w *writer) body(next time.Time) string {
	i := w.facts.Incident
	var parts []string
	add := func(key string) {
		if s := w.say(key, next); s != "" {
			parts = append(parts, s)
		}
	}
	if i.Drill {
		parts = append(parts, w.c.texts["drill"])
	}
	tense := "open."
	switch {
	case w.over():
		tense = "over."
	case i.State == detect.Recovering:
		tense = "easing."
	}
	key := tense + w.kind
	if w.kind == "provider" {
		key += w.severity()
	}
	add(key)
	if w.kind == "provider" && w.officesWell() {
		add(strings.Replace(tense, "easing.", "open.", 1) + "office")
	}
	if o := w.facts.Official; o.Known && !o.Posted.IsZero() && o.State != "maintenance" && i.Kind.ProviderSide() {
		add("official")
	}
	switch {
	case w.over():
		add("end")
	case next.IsZero():
		add("change")
	default:
		add("next")
	}
	add("zone")
	return strings.Join(parts, "\n\n") + "\n"
}

// officesWell says whether the client's offices are known to be well apart from
// this: an answer counts only of a site that reaches its references.
func (w *writer) officesWell() bool {
	seen := false
	for _, e := range w.facts.Incident.Evidence {
		if w.facts.Client != "" && e.Client != w.facts.Client {
			continue
		}
		if e.Answer == "abstain" || e.Answer == "silent" {
			return false
		}
		seen = true
	}
	return seen
}

func (w *writer) words(next time.Time) words {
	f, i := w.facts, w.facts.Incident
	from, to := cmp.Or(i.Started, i.Opened), cmp.Or(i.Recovered, i.Resolved)
	x := words{
		What: f.what(w.c), Them: f.them(), ISP: oneLine(i.Network), Region: oneLine(i.VRegion), Office: w.office(), Since: w.clock(from),
		Likely: i.Confidence != detect.ConfidenceConfirmed, Zone: w.zoneName(),
	}
	if !to.IsZero() {
		x.Until, x.Took = w.clock(to), w.minutes(to.Sub(from))
	}
	if !next.IsZero() {
		x.Next = w.clock(next)
	}
	if !f.Official.Posted.IsZero() {
		x.Acknowledged = w.clock(f.Official.Posted)
	}
	return x
}

// minutes is how long d is, in whole minutes.
func (w *writer) minutes(d time.Duration) string {
	switch n := int((d + 30*time.Second) / time.Minute); n {
	case 0:
		return w.c.texts["moment"]
	case 1:
		return w.c.texts["minute"]
	default:
		return fmt.Sprintf(w.c.texts["minutes"], n)
	}
}

// them is who is blamed, by the name that people know.
func (f Facts) them() string {
	i := f.Incident
	switch {
	case i.Dependency != "":
		return oneLine(i.Dependency)
	case i.Provider != "" && f.Provider != nil:
		return oneLine(f.Provider(i.Provider))
	case i.Provider != "":
		return oneLine(i.Provider)
	case i.Target != "" && f.Target != nil:
		return oneLine(f.Target(i.Target))
	}
	return oneLine(i.Target)
}

// what is what they cannot use: one service by its name, or a part of a cloud.
func (f Facts) what(c catalogue) string {
	i := f.Incident
	if len(i.Targets) == 1 && f.Target != nil && i.Kind != detect.KindSite {
		if name := oneLine(f.Target(i.Targets[0])); name != "" {
			if them := f.them(); i.Provider != "" && !strings.Contains(name, them) {
				return them + " (" + name + ")"
			}
			return name
		}
	}
	s := f.them()
	for _, part := range []string{i.Service, i.Region} {
		if part != "" {
			s += " (" + oneLine(part) + ")"
			break
		}
	}
	if i.Dependency != "" {
		s = fmt.Sprintf(c.texts["through"], i.Dependency)
	}
	return s
}

// office names the place of a site's incident, without the client.
func (w *writer) office() string {
	_, name, ok := strings.Cut(w.facts.Incident.Site, "/")
	if !ok {
		name = w.facts.Incident.Site
	}
	return oneLine(name)
}

// clock is a time of day, with the date if that is not today's.
func (w *writer) clock(t time.Time) string {
	t, now := w.local(t), w.local(w.facts.Now)
	s := t.Format("15:04")
	if t.Format(time.DateOnly) != now.Format(time.DateOnly) {
		s += fmt.Sprintf(w.c.texts["date"], t.Day(), w.c.months[t.Month()-1])
	}
	return s
}

func (w *writer) local(t time.Time) time.Time {
	if w.facts.Zone == nil {
		return t.UTC()
	}
	return t.In(w.facts.Zone)
}

func (w *writer) zoneName() string {
	name := w.local(w.facts.Now).Format("MST")
	if strings.HasPrefix(name, "+") || strings.HasPrefix(name, "-") {
		name = "UTC" + name
	}
	return name
}

// oneLine keeps a name from breaking the layout.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
}

func clip(s string, limit int) string {
	if r := []rune(s); len(r) > limit {
		return string(r[:limit-3]) + "..."
	}
	return s
}
