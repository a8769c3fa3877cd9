package official

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Options says what a [Poller] reads and how.
type Options struct {
	Book  *Book  // required
	Feeds []Feed // those of the book
	// Want says whether a provider's feeds are wanted now. It is asked before each
	// reading. Required.
	Want func(provider string) bool
	// Transport carries the requests; nil: a new one that goes through no proxy.
	Transport http.RoundTripper
	Version   string        // ours, for the User-Agent
	Every     time.Duration // between readings of a feed, more or less a third; 0: 90 s
	Within    time.Duration // bounds one reading; 0: 15 s
	Log       *slog.Logger  // nil discards
}

const (
	defaultEvery  = 90 * time.Second
	defaultWithin = 15 * time.Second
	maxBody       = 8 << 20 // Google's archive, the largest, has about one
	maxRedirects  = 4
	maxBackoff    = 10 // times Every, after failures in a row
)

// Poller reads feeds into a book. Make it with [NewPoller], run it once.
type Poller struct {
	o      Options
	client *http.Client
}

// NewPoller makes a poller.
func NewPoller(o Options) *Poller {
	o.Every, o.Within = cmp.Or(o.Every, defaultEvery), cmp.Or(o.Within, defaultWithin)
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	if o.Transport == nil {
		o.Transport = &http.Transport{MaxIdleConnsPerHost: 1, IdleConnTimeout: 3 * time.Minute, MaxResponseHeaderBytes: 64 << 10, ForceAttemptHTTP2: true}
	}
	return &Poller{o: o, client: &http.Client{Transport: o.Transport, CheckRedirect: followed}}
}

// Run reads until ctx ends: one goroutine per host, so that a host that hangs
// delays its own feeds and no other, and no host is asked two things at once.
func (p *Poller) Run(ctx context.Context) {
	hosts := map[string][]*reader{}
	for _, f := range p.o.Feeds {
		u, err := url.Parse(f.URL)
		if err != nil {
			p.o.Log.Error("status feed has no address", "feed", f.ID, "err", err)
			continue
		}
		hosts[u.Host] = append(hosts[u.Host], &reader{feed: f, host: u.Host})
	}
	var running sync.WaitGroup
	for _, host := range slices.Sorted(maps.Keys(hosts)) {
		running.Go(func() { p.host(ctx, hosts[host]) })
	}
	running.Wait()
	p.client.CloseIdleConnections()
}

// reader is one feed with what its server said of the body it sent last.
type reader struct {
	feed     Feed
	host     string
	body     []byte // for a 304; nil: ask without conditions
	kind     string
	etag     string
	modified string
	said     string // what the log was told last
	asked    bool
}

// host reads the feeds of one host in turn until ctx ends.
func (p *Poller) host(ctx context.Context, readers []*reader) {
	wait := rand.N(p.o.Every / 3) // not all at once, and not all collectors at the same second
	failed := 0
	for {
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		var longest time.Duration
		ok := true
		for _, r := range readers {
			if !p.o.Want(r.feed.Provider) {
				continue
			}
			after, err := p.read(ctx, r)
			if ctx.Err() != nil {
				return
			}
			ok = ok && err == nil
			longest = max(longest, after)
		}
		failed++
		if ok {
			failed = 0
		}
		wait = max(p.pause(failed), longest)
	}
}

// pause is how long a host is left in peace.
func (p *Poller) pause(failed int) time.Duration {
	every := p.o.Every*2/3 + rand.N(p.o.Every*2/3)
	if failed > 2 { // two in a row may be bad luck
		every *= time.Duration(min(1<<min(failed-2, 8), maxBackoff))
	}
	return every
}

// read reads one feed and tells the book. after is how long its server wants to
// be left alone.
func (p *Poller) read(ctx context.Context, r *reader) (after time.Duration, err error) {
	within, cancel := context.WithTimeout(ctx, p.o.Within)
	defer cancel()
	reply, after, err := p.fetch(within, r)
	var snap Snapshot
	if err == nil {
		snap, err = r.feed.Read(reply)
	}
	if ctx.Err() != nil {
		return 0, ctx.Err() // we are leaving; it is not the feed's fault
	}
	if err != nil {
		err = plainly(err)
		r.body = nil
	}
	p.o.Book.Take(time.Now(), r.feed.ID, snap, err)
	p.tell(r, snap.State, err)
	return after, err
}

// tell logs what is new: a feed that is lost, and one that is back.
func (p *Poller) tell(r *reader, state State, err error) {
	said := ""
	if err != nil {
		said = err.Error()
	}
	if said == r.said && r.asked {
		return
	}
	switch {
	case said != "":
		p.o.Log.Warn("status feed cannot be read: what the provider says of itself is unknown", "feed", r.feed.ID, "url", r.feed.URL, "err", said)
	case r.asked:
		p.o.Log.Info("status feed can be read again", "feed", r.feed.ID, "state", string(state))
	}
	r.said, r.asked = said, true
}

// fetch asks for the feed. A 304 is the body of the last time, read anew at a
// later hour.
func (p *Poller) fetch(ctx context.Context, r *reader) (reply Reply, after time.Duration, err error) {
	req, err := http.NewRequestWithContext(context.WithValue(ctx, allowedKey{}, append([]string{r.host}, r.feed.Hosts...)), http.MethodGet, r.feed.URL, nil)
	if err != nil {
		return reply, 0, err
	}
	req.Header.Set("User-Agent", "Picket-status-reader/"+cmp.Or(p.o.Version, "0"))
	req.Header.Set("Accept", "application/json, application/rss+xml, application/xml;q=0.9, text/xml;q=0.9, */*;q=0.1")
	if r.body != nil {
		if r.etag != "" {
			req.Header.Set("If-None-Match", r.etag)
		}
		if r.modified != "" {
			req.Header.Set("If-Modified-Since", r.modified)
		}
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return reply, 0, err
	}
	defer resp.Body.Close()
	after = retryAfter(resp.Header.Get("Retry-After"), p.o.Every*maxBackoff)
	switch {
	case resp.StatusCode == http.StatusNotModified && r.body != nil:
		return Reply{Body: r.body, Type: r.kind, Now: time.Now()}, 0, nil
	case resp.StatusCode != http.StatusOK:
		return reply, after, fmt.Errorf("the server answered %d", resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	switch {
	case err != nil:
		return reply, after, err
	case len(body) > maxBody:
		return reply, after, fmt.Errorf("the answer is larger than %d MiB", maxBody>>20)
	}
	r.body, r.kind, r.etag, r.modified = nil, resp.Header.Get("Content-Type"), resp.Header.Get("ETag"), resp.Header.Get("Last-Modified")
	if r.etag != "" || r.modified != "" {
		r.body = body
	}
	return Reply{Body: body, Type: r.kind, Now: time.Now()}, 0, nil
}

// retryAfter is the wish of a server in seconds, as far as it is reasonable.
func retryAfter(s string, most time.Duration) time.Duration {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return 0
	}
	return min(time.Duration(min(n, 1<<20))*time.Second, most)
}

// allowedKey carries the hosts that may answer a request.
type allowedKey struct{}

// errElsewhere: a redirect leads to a host that is not the provider's feed. Some
// feeds send a reader to the instance nearest to it, which may be cut off.
type errElsewhere struct{ host string }

func (e errElsewhere) Error() string {
	return "it was redirected to " + e.host + ", which is not known as this feed's"
}

func followed(req *http.Request, via []*http.Request) error {
	allowed, _ := req.Context().Value(allowedKey{}).([]string)
	switch {
	case !slices.Contains(allowed, req.URL.Host):
		return errElsewhere{line(req.URL.Host, 100)}
	case via[0].URL.Scheme == "https" && req.URL.Scheme != "https":
		return errors.New("it was redirected away from TLS")
	case len(via) > maxRedirects:
		return errors.New("it was redirected in circles")
	}
	return nil
}

// plainly is err in words that stay the same while the trouble does, without
// addresses and ports of this connection.
func plainly(err error) error {
	if elsewhere, ok := errors.AsType[errElsewhere](err); ok {
		return elsewhere
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return errors.New("no answer in time")
	}
	if failed, ok := errors.AsType[*url.Error](err); ok {
		if failed.Timeout() {
			return errors.New("no answer in time")
		}
		return errors.New("it cannot be reached: " + rootWords(failed.Err))
	}
	return err
}

// rootWords is the innermost cause.
func rootWords(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return line(err.Error(), 120)
		}
		err = inner
	}
}
