package collector

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"picket/collector/detect"
	"picket/collector/presence"
	"picket/collector/store"
	"picket/collector/web"
	"picket/internal/uplink"
)

// whereabouts joins the bookkeeping of presence with the store, the log and the
// fleet as the judge sees it.
type whereabouts struct {
	room  *presence.Room
	store *store.Store
	log   *slog.Logger
	// moved is called when who votes has changed.
	moved func()
}

// whereEvery is how often it is looked who has been elsewhere for long enough,
// and what is new is stored.
const whereEvery = 5 * time.Second

// openWhereabouts reads what was known when the collector ended.
func openWhereabouts(ctx context.Context, s *store.Store, moved func(), log *slog.Logger) (*whereabouts, error) {
	w := &whereabouts{room: presence.New(presence.Options{}), store: s, moved: moved, log: log}
	lines, chairs, err := s.Presence(ctx)
	if err != nil {
		return nil, err
	}
	known := make([]presence.Known, len(lines))
	for i, l := range lines {
		known[i] = presence.Known{Site: l.Site, Line: presence.Line{Family: l.Family, Key: l.Key, Name: l.Name, Table: l.Tabled},
			Usual: l.Usual, Shared: l.Shared, Since: l.Since}
	}
	held := make([]presence.Chair, len(chairs))
	for i, c := range chairs {
		held[i] = presence.Chair{Agent: c.Agent, Left: c.Gone, Reason: c.Reason, Away: c.Away}
	}
	w.room.Restore(time.Now(), known, held)
	return w, nil
}

// run looks and stores until ctx ends, and stores once more then.
func (w *whereabouts) run(ctx context.Context) {
	tick := time.NewTicker(whereEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			w.save(context.WithoutCancel(ctx))
			return
		case now := <-tick.C:
			w.tell(ctx, w.room.Tick(now))
			w.save(ctx)
		}
	}
}

func (w *whereabouts) save(ctx context.Context) {
	lines, chairs := w.room.Unsaved()
	if len(lines) == 0 && len(chairs) == 0 {
		return
	}
	rows := make(map[string][]store.Line, len(lines))
	for site, list := range lines {
		rows[site] = nil
		for _, k := range list {
			rows[site] = append(rows[site], store.Line{Site: site, Family: k.Family, Key: k.Key, Name: k.Name, Tabled: k.Table,
				Usual: k.Usual, Shared: k.Shared, Since: k.Since})
		}
	}
	held := make([]store.Chair, len(chairs))
	for i, c := range chairs {
		held[i] = store.Chair{Agent: c.Agent, Gone: c.Left, Reason: c.Reason, Away: c.Away}
	}
	if err := w.store.SavePresence(ctx, rows, held, time.Now()); err != nil {
		w.log.Error("store where sites are", "err", err) // what changes next brings it along for its site
	}
}

// tell writes events to the log and to the trail, and has the fleet read anew.
func (w *whereabouts) tell(ctx context.Context, events []presence.Event) {
	for _, e := range events {
		w.log.Info("presence: "+e.Text, "kind", e.Kind, "site", e.Site, "agent", e.Agent)
		err := w.store.Audit(context.WithoutCancel(ctx), store.Entry{At: time.Now(), Actor: "collector", Action: "site." + e.Kind, Subject: e.Site, Detail: e.Text})
		if err != nil {
			w.log.Error("write the audit trail", "action", "site."+e.Kind, "subject", e.Site, "err", err)
		}
	}
	if len(events) > 0 {
		w.moved()
	}
}

// hello notes where an agent is seen. spare: on a line that is expensive.
func (w *whereabouts) hello(ctx context.Context, a store.Agent, line presence.Line, now time.Time) (spare bool) {
	roams, err := w.store.Roams(ctx, a.ID)
	if err != nil {
		w.log.Error("look whether an agent roams", "agent", a.ID, "err", err) // it is taken for one that stands still
	}
	w.tell(ctx, w.room.Hello(now, presence.Agent{ID: a.ID, Site: a.Site, Roams: roams}, line))
	return w.room.Spare(a.Site, line)
}

// fill adds to what the page shows of an agent.
func (w *whereabouts) fill(a *web.Agent) {
	if !a.Connected {
		a.Left, a.LeftWhy = w.room.Left(a.ID)
	}
	a.Away, _ = w.room.Away(a.ID)
	if st := w.room.Where(a.Site); !st.Since.IsZero() && a.Away.IsZero() {
		a.Moved = &web.Moved{Since: st.Since, Usual: st.Usual.Name, Now: st.Now.Name, Backup: st.Sure}
	}
}

// line is where an address belongs: to an ISP of the table, else to its prefix.
func (r *registry) line(remote netip.Addr) presence.Line {
	remote = remote.Unmap().WithZone("")
	l := presence.Line{Family: 6}
	if remote.Is4() {
		l.Family = 4
	}
	if name, _, ok := r.currentFile().Lookup(remote); ok {
		l.Key, l.Name, l.Table = "isp "+name, name, true
		return l
	}
	l.Name = prefixGroup(remote)
	l.Key = l.Name
	return l
}

// metersLine says whether the table of networks marks the address as expensive.
func (r *registry) metersLine(remote netip.Addr) bool { return r.currentFile().Metered(remote) }

// freshSites are the sites with the agent first that was heard last: who asks one
// of a site's agents gets the one that stands by for another that has just died.
func (r *registry) freshSites() []detect.Site {
	list := r.sites()
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, s := range list {
		slices.SortStableFunc(s.Agents, func(a, b string) int { return r.agents[b].Seen.Compare(r.agents[a].Seen) })
	}
	return list
}

// byeReason is the reason of a goodbye for the books. An older agent tells in its
// own words that it was stopped.
func byeReason(reason string) string {
	switch reason {
	case uplink.ByeShutdown, uplink.ByeReboot, uplink.ByeUninstall, uplink.ByeUpgrade:
		return reason
	}
	return uplink.ByeStop
}

// byeWords is the reason of a goodbye in a notice.
func byeWords(reason string) string {
	switch reason {
	case uplink.ByeShutdown:
		return "its machine was shut down"
	case uplink.ByeReboot:
		return "its machine restarts"
	case uplink.ByeUninstall:
		return "it was uninstalled"
	case uplink.ByeUpgrade:
		return "it is being upgraded"
	}
	return "the service was stopped"
}
