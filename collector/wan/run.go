package wan

import (
	"cmp"
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"time"
)

// Options says how a [Watcher] asks and whom it tells.
type Options struct {
	// Ask asks addr in the way, None: in every way until one answers. It returns
	// the way in which it answered, None if it did not, and err if it could not
	// ask: then nothing is concluded. It returns when ctx ends. Required.
	Ask func(ctx context.Context, addr netip.Addr, way Way) (Way, error)
	// Tell is told what the address of a silent site does, once per change.
	// Required.
	Tell func(site string, answers bool)
	// Log; nil discards.
	Log *slog.Logger
}

// Watcher asks the public addresses of sites. Make it with [New], run it once;
// a nil one does nothing.
type Watcher struct {
	o  Options
	mu sync.Mutex // guards the field below
	w  *watch
}

// askWithin bounds one question in all its ways.
const askWithin = 5 * time.Second

// New makes a watcher.
func New(o Options) *Watcher {
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	return &Watcher{o: o, w: newWatch()}
}

// Seen takes the address at which a site is seen; routed: its agent says that it
// is not the machine's own.
func (w *Watcher) Seen(site string, addr netip.Addr, routed bool) {
	w.with(func(s *watch) { s.seen(time.Now(), site, addr, routed) })
}

// Silent says that nothing is heard from the site, and nobody knows why.
func (w *Watcher) Silent(site string) {
	w.with(func(s *watch) { s.becomes(time.Now(), site, silent) })
}

// Stopped says that the agents of the site have said goodbye.
func (w *Watcher) Stopped(site string) {
	w.with(func(s *watch) { s.becomes(time.Now(), site, stopped) })
}

// Heard says that the site is heard again.
func (w *Watcher) Heard(site string) {
	w.with(func(s *watch) { s.becomes(time.Now(), site, calm) })
}

func (w *Watcher) with(f func(*watch)) {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	f(w.w)
}

// Run asks until ctx ends.
func (w *Watcher) Run(ctx context.Context) {
	if w == nil {
		return
	}
	var asking sync.WaitGroup
	defer asking.Wait()
	tick := time.NewTicker(time.Second / 2)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			var list []question
			w.with(func(s *watch) { list = s.due(now) })
			for _, q := range list {
				asking.Go(func() { w.ask(ctx, q) })
			}
		}
	}
}

// ask asks once. What could not be asked is no miss.
func (w *Watcher) ask(ctx context.Context, q question) {
	within, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	way, err := w.o.Ask(within, q.addr, q.way)
	if ctx.Err() != nil {
		return
	}
	var found []verdict
	first := false // it has just become reliable
	w.with(func(s *watch) {
		if err != nil {
			s.postpone(time.Now(), q)
			return
		}
		found = s.answered(time.Now(), q, way)
		x := s.sites[q.site]
		first = x != nil && x.mode == calm && x.good == reliable && way != None
	})
	if first {
		w.o.Log.Info("public address answers: its silence would be evidence", "site", q.site, "addr", q.addr, "way", way.String())
	}
	if err != nil {
		w.o.Log.Debug("ask a site's public address", "site", q.site, "addr", q.addr, "err", err)
	}
	for _, v := range found {
		w.o.Log.Info("public address of a silent site", "site", v.site, "answers", v.answers)
		w.o.Tell(v.site, v.answers)
	}
}

// postpone takes back a question that could not be asked.
func (w *watch) postpone(now time.Time, q question) {
	if s := w.sites[q.site]; s != nil && s.addr == q.addr {
		s.asked, s.next = false, now.Add(firstEvery)
	}
}
