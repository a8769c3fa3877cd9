package collector

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"picket/collector/alert"
	"picket/collector/detect"
	"picket/collector/store"
	"picket/collector/web"
)

// What people do with an incident: they take it on, write a note, mute alerts
// for a time, and say afterwards what they think of it. The store keeps it; what
// the planner weighs is held in memory, because the planner waits for it.

// Bounds of what is held and looked through.
const (
	mostTaken   = 10_000             // incidents whose acknowledgements are held
	previewBack = 7 * 24 * time.Hour // what a silence would have muted
	previewMost = 2000               // messages of that time
	keptInList  = 30 * 24 * time.Hour
)

// people is what people did. It is safe for concurrent use.
type people struct {
	store   *store.Store
	changed func() // has the planner look again
	log     *slog.Logger

	mu       sync.Mutex                         // guards the fields below; held while they are read from the store
	taken    map[string][]store.Acknowledgement // by incident, as far as anybody asked
	silences []alert.Silence                    // those in force; nil: not read
}

func newPeople(s *store.Store, changed func(), log *slog.Logger) *people {
	return &people{store: s, changed: changed, log: log, taken: map[string][]store.Acknowledgement{}}
}

// weigh adds to b what people did about the incident. What cannot be read did not
// happen: one alert too many is better than one too few.
func (p *people) weigh(ctx context.Context, now time.Time, i *detect.Incident, b *alert.Beside) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range p.takenOn(ctx, i.ID) {
		if !a.At.Before(i.Reopened.Truncate(time.Millisecond)) { // what came back is taken on anew
			b.Acknowledged, b.By = a.At, a.By
			break
		}
	}
	all := p.inForce(ctx, now)
	if len(all) == 0 {
		return
	}
	b.Silences = func(route string) (string, time.Time) {
		s, _ := alert.Muting(all, now, i, route)
		return s.ID, s.Until
	}
}

// takenOn returns who acknowledged the incident. p.mu is held.
func (p *people) takenOn(ctx context.Context, incident string) []store.Acknowledgement {
	if list, ok := p.taken[incident]; ok {
		return list
	}
	list, err := p.store.Acknowledgements(ctx, incident)
	if err != nil {
		p.log.Error("read who took an incident on; it counts as nobody", "incident", incident, "err", err)
		return nil
	}
	if len(p.taken) >= mostTaken {
		clear(p.taken)
	}
	p.taken[incident] = list
	return list
}

// inForce returns the silences that have not ended. p.mu is held.
func (p *people) inForce(ctx context.Context, now time.Time) []alert.Silence {
	if p.silences == nil {
		rows, err := p.store.Silences(ctx, now)
		if err != nil {
			p.log.Error("read silences; nothing is silenced", "err", err)
			return nil
		}
		p.silences = make([]alert.Silence, 0, len(rows))
		for _, row := range rows {
			s, err := silenceOf(row)
			if err != nil {
				p.log.Error("read a silence; it mutes nothing", "silence", row.ID, "err", err)
				continue
			}
			p.silences = append(p.silences, s)
		}
	}
	return p.silences
}

// forget drops what is held of the incident, or of silences if it is "".
func (p *people) forget(incident string) {
	p.mu.Lock()
	if incident == "" {
		p.silences = nil
	}
	delete(p.taken, incident)
	p.mu.Unlock()
	p.changed()
}

// silenceOf reads a silence that is stored.
func silenceOf(row store.Silence) (alert.Silence, error) {
	s := alert.Silence{ID: row.ID, Comment: row.Comment, Author: row.Author, Created: row.Created, Until: row.Expires, Ended: row.Ended, EndedBy: row.Ender}
	if err := json.Unmarshal(row.Doc, &s.Matchers); err != nil {
		return s, fmt.Errorf("what silence %s mutes: %w", row.ID, err)
	}
	if len(s.Matchers) == 0 {
		return s, fmt.Errorf("silence %s mutes everything", row.ID) // never stored
	}
	return s, nil
}

// Handling is what people did about an incident.
func (s source) Handling(ctx context.Context, incident string) (web.Handling, error) {
	var h web.Handling
	acks, err := s.c.store.Acknowledgements(ctx, incident)
	if err != nil {
		return h, err
	}
	for k, a := range acks {
		if k == 0 {
			h.Acknowledged, h.By = a.At, a.By
		}
		h.Notes = append(h.Notes, web.Note{At: a.At, By: a.By, Text: a.Note})
	}
	notices, err := s.c.store.ClientNotices(ctx, incident)
	if err != nil {
		return h, err
	}
	for _, n := range notices {
		h.Notices = append(h.Notices, web.ClientNotice{Client: n.Client, At: n.At, By: n.By})
	}
	opinions, err := s.c.store.Opinions(ctx, incident)
	if err != nil {
		return h, err
	}
	for _, o := range opinions {
		h.Opinions = append(h.Opinions, web.Opinion{At: o.At, By: o.By, Verdict: o.Verdict})
	}
	return h, nil
}

// Acknowledge notes that by takes an incident on.
func (s source) Acknowledge(ctx context.Context, by, incident, note string) (first bool, err error) {
	if why := alert.NoteProblem(note); why != "" {
		return false, &web.Error{Status: http.StatusUnprocessableEntity, Code: "note", What: "nothing was noted", Why: "the note " + why, Fix: "write one short line"}
	}
	first, err = s.c.store.Acknowledge(ctx, store.Acknowledgement{Incident: incident, At: time.Now(), By: by, Note: note})
	if err != nil {
		return false, peopleError(err, "nothing was noted", "this incident has as many notes as are kept of one")
	}
	s.c.alerts.people.forget(incident)
	s.c.log.Info("incident acknowledged", "incident", incident, "by", by, "first", first)
	return first, nil
}

// Judge keeps what by thinks of an incident.
func (s source) Judge(ctx context.Context, by, incident, verdict string) error {
	if !slices.Contains(web.Verdicts(), verdict) {
		return &web.Error{Status: http.StatusUnprocessableEntity, Code: "verdict", What: "nothing was noted", Why: "there is no such answer", Fix: "useful, noise or wrong"}
	}
	err := s.c.store.SaveOpinion(ctx, store.Opinion{Incident: incident, By: by, Verdict: verdict, At: time.Now()})
	return peopleError(err, "nothing was noted", "")
}

// FirstNotice notes that a client was told of an incident by a person or by a
// message of ours. Only the first one to each client is kept. errors.Is: [web.ErrNotFound].
func (c *Collector) FirstNotice(ctx context.Context, incident string, at time.Time, by, client string) error {
	return peopleError(c.store.FirstNotice(ctx, incident, at, by, client), "nothing was noted", "")
}

// noticed notes that a route for customers has told them of an incident. Before
// the letter counts as sent: after a crash it is delivered and noted once more,
// which changes nothing.
func (p *people) noticed(ctx context.Context, r alert.Route, l alert.Letter) {
	var m alert.Message
	if err := json.Unmarshal(l.Body, &m); err != nil || m.Drill {
		return
	}
	told := []string{m.Client}
	for _, hit := range m.Clients {
		if hit.Failing > 0 {
			told = append(told, hit.Client)
		}
	}
	for _, client := range told {
		if !slices.Contains(r.Clients, client) {
			continue
		}
		err := p.store.FirstNotice(context.WithoutCancel(ctx), l.Incident, time.Now(), "route "+r.Name, client)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			p.log.Error("note the first notice to a client", "incident", l.Incident, "client", client, "err", err)
		}
	}
}

// Silences returns those that mute now, and those that ended in the last 30 days.
func (s source) Silences(ctx context.Context) ([]alert.Silence, error) {
	rows, err := s.c.store.Silences(ctx, time.Now().Add(-keptInList))
	if err != nil {
		return nil, err
	}
	list := make([]alert.Silence, 0, len(rows))
	for _, row := range rows {
		x, err := silenceOf(row)
		if err != nil {
			return nil, err
		}
		list = append(list, x)
	}
	return list, nil
}

// AddSilence mutes what the request says from now on.
func (s source) AddSilence(ctx context.Context, by string, r web.SilenceRequest) (alert.Silence, error) {
	x, err := requested(by, r, time.Now())
	if err != nil {
		return x, err
	}
	doc, err := json.Marshal(x.Matchers)
	if err != nil {
		return x, fmt.Errorf("encode a silence: %w", err)
	}
	row, err := s.c.store.AddSilence(ctx, store.Silence{Doc: doc, Comment: x.Comment, Author: by, Created: x.Created, Expires: x.Until})
	if err != nil {
		return x, peopleError(err, "nothing was silenced", "as many silences as are allowed mute already")
	}
	x.ID, x.Created, x.Until = row.ID, row.Created, row.Expires
	s.c.alerts.people.forget("")
	s.c.log.Info("silence added", "silence", x.ID, "by", by, "until", x.Until)
	return x, nil
}

// requested is the silence that r asks for.
func requested(by string, r web.SilenceRequest, now time.Time) (alert.Silence, error) {
	until := r.Until
	if until.IsZero() {
		until = now.Add(r.For)
	}
	x := alert.Silence{Matchers: r.Matchers, Comment: r.Comment, Author: by, Created: now, Until: until}
	if err := x.Check(); err != nil {
		return x, &web.Error{Status: http.StatusUnprocessableEntity, Code: "silence", What: "nothing was silenced", Why: alert.WhyNoSilence(err)}
	}
	return x, nil
}

// EndSilence has alerts come again before a silence expires.
func (s source) EndSilence(ctx context.Context, by, id string) error {
	if err := s.c.store.EndSilence(ctx, id, by, time.Now()); err != nil {
		return peopleError(err, "nothing was ended", "")
	}
	s.c.alerts.people.forget("")
	s.c.log.Info("silence ended", "silence", id, "by", by)
	return nil
}

// PreviewSilence says which alerts of the last seven days a silence would have muted.
func (s source) PreviewSilence(ctx context.Context, r web.SilenceRequest) (web.Muted, error) {
	now := time.Now()
	if r.Comment == "" {
		r.Comment = "preview" // it need not be written yet
	}
	x, err := requested("", r, now)
	if err != nil {
		return web.Muted{}, err
	}
	messages, err := s.c.store.MessagesSince(ctx, now.Add(-previewBack), previewMost)
	if err != nil {
		return web.Muted{}, err
	}
	return mutedOf(x, messages, now.Add(-previewBack)), nil
}

// mutedOf counts what the silence would have muted of messages, the newest first.
func mutedOf(x alert.Silence, messages []store.Message, since time.Time) web.Muted {
	out := web.Muted{Since: since, Partial: len(messages) == previewMost}
	at := map[string]int{}
	for _, row := range messages {
		var m alert.Message
		if row.Event != string(alert.Opened) && row.Event != string(alert.Updated) {
			continue // the end is told in any case
		}
		if err := json.Unmarshal(row.Body, &m); err != nil || m.Schema != alert.Schema {
			continue // not an alert
		}
		i := m.About()
		if !x.Mutes(&i, row.Route) {
			continue
		}
		out.Alerts++
		k, ok := at[i.ID]
		if !ok {
			k = len(out.Incidents)
			at[i.ID] = k
			out.Incidents = append(out.Incidents, web.MutedIncident{ID: i.ID, Title: i.Title, At: row.Created})
		}
		out.Incidents[k].Alerts++
		if !slices.Contains(out.Incidents[k].Routes, row.Route) {
			out.Incidents[k].Routes = append(out.Incidents[k].Routes, row.Route)
		}
	}
	return out
}

// peopleError is an error of the store for people; many is why there is no room.
func peopleError(err error, what, many string) error {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return fmt.Errorf("%s: %w", what, web.ErrNotFound)
	case errors.Is(err, store.ErrMany):
		return &web.Error{Status: http.StatusConflict, Code: "many", What: what, Why: many}
	}
	return err
}
