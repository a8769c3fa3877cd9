package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"time"

	"picket/collector/access"
)

// The stream's rhythm and its bounds.
const (
	refreshEvery = time.Second      // the changing part is drawn at most so often, for all of a scope
	beatEvery    = 5 * time.Second  // while nothing happens only a sign of life is sent
	resendAfter  = 15 * time.Second // and after so long the page, for its ages
	maxStreams   = 64               // streams at once; a browser has one per page
	maxStreamsOf = 12               // of one user, or of one address without a log-in
	maxScopes    = 256              // fragments that are kept
)

// fragment is the page's changing part, rendered.
type fragment struct {
	html   []byte
	digest [32]byte // of html without the ages, which change by themselves
	at     time.Time
}

// scope is what decides which fragment a reader gets: all who share it may see
// the same. No fragment contains anything of a session.
type scope struct {
	role    access.Role
	client  string
	session bool // may use forms
}

func scopeOf(p access.Principal) scope { return scope{p.Role, p.Client, p.Via == "session"} }

// ages matches what changes by itself.
func ages() *regexp.Regexp {
	return regexp.MustCompile(`(?s)<span class="age">.*?</span>|<time[^>]*>|aria-label="[^"]*"`)
}

// events streams the page's changing part as server-sent events: "page" with
// the HTML whenever something but an age has changed, and every 15 s; "beat"
// with the time every 5 s else. Each write has a deadline, so that a reader who
// is gone is noticed, and a reader whose rights end or change loses the stream.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Sec-Fetch-Site") == "cross-site" {
		fail(w, &Error{Status: http.StatusForbidden, Code: "origin", What: "the stream was refused", Why: "another web site asked for it"})
		return
	}
	leave, ok := s.enter(r)
	if !ok {
		w.Header().Set("Retry-After", "15")
		fail(w, &Error{Status: http.StatusServiceUnavailable, Code: "streams", What: "too many pages are open", Fix: "close some; the page also works without the stream"})
		return
	}
	defer leave()
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no")
	control := http.NewResponseController(w)
	send := func(name string, data []byte) bool {
		if err := control.SetWriteDeadline(time.Now().Add(answerTimeout)); err != nil {
			return false
		}
		if _, err := w.Write(event(name, data)); err != nil {
			return false
		}
		return control.Flush() == nil
	}
	var sent, beat fragment
	tick := time.NewTicker(refreshEvery)
	defer tick.Stop()
	for {
		f, err := s.rendered(r)
		if err != nil {
			return // the browser asks again; the page itself says what is wrong
		}
		switch {
		case f.digest != sent.digest || f.at.Sub(sent.at) >= resendAfter:
			if !send("page", f.html) {
				return
			}
			sent, beat = f, f
		case f.at.Sub(beat.at) >= beatEvery:
			if !send("beat", []byte(f.at.UTC().Format(time.RFC3339))) {
				return
			}
			beat = f
		}
		select {
		case <-r.Context().Done():
			return
		case <-tick.C:
		}
		if !s.still(r) {
			return
		}
	}
}

// enter takes a place for a stream; leave gives it back.
func (s *Server) enter(r *http.Request) (leave func(), ok bool) {
	p := who(r.Context())
	reader := p.Via + " " + p.Name // however often somebody logs in
	if p.Session == "" && p.Via != "token" {
		reader = s.remote(r).String()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.readers[reader] >= maxStreamsOf || s.streams >= maxStreams {
		return nil, false
	}
	s.readers[reader]++
	s.streams++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.streams--
		if s.readers[reader]--; s.readers[reader] <= 0 {
			delete(s.readers, reader)
		}
	}, true
}

// event writes data in the form of the stream: each line on its own. There a
// carriage return alone ends a line too, and what stands behind one could pass
// for an event.
func event(name string, data []byte) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "event: %s\n", name)
	for line := range bytes.FieldsFuncSeq(data, func(c rune) bool { return c == '\n' || c == '\r' }) {
		fmt.Fprintf(&b, "data: %s\n", line)
	}
	b.WriteByte('\n')
	return b.Bytes()
}

// drawing is a fragment that is being drawn; f and err are valid once done is closed.
type drawing struct {
	done chan struct{}
	f    fragment
	err  error
}

// rendered returns the changing part for the scope of r's principal, drawn at
// most once a second for all of that scope. Whoever asks meanwhile waits for the
// one who draws; nobody else does.
func (s *Server) rendered(r *http.Request) (fragment, error) {
	of := scopeOf(who(r.Context()))
	s.mu.Lock()
	if f, ok := s.fragments[of]; ok && s.o.Now().Sub(f.at) < refreshEvery*9/10 {
		s.mu.Unlock()
		return f, nil
	}
	d, others := s.drawings[of]
	if !others {
		d = &drawing{done: make(chan struct{}), err: errors.New("draw the page: it was not finished")}
		s.drawings[of] = d
	}
	s.mu.Unlock()
	if !others {
		s.drawFor(r, of, d)
		return d.f, d.err
	}
	select {
	case <-d.done:
		return d.f, d.err
	case <-r.Context().Done():
		return fragment{}, r.Context().Err()
	}
}

// drawFor draws the fragment of a scope and keeps it. That r's reader leaves
// meanwhile is no reason for the others of the scope to get nothing.
func (s *Server) drawFor(r *http.Request, of scope, d *drawing) {
	defer func() { // also when drawing panics
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.drawings, of)
		if d.err == nil {
			maps.DeleteFunc(s.fragments, func(_ scope, old fragment) bool { return d.f.at.Sub(old.at) > time.Minute })
			if len(s.fragments) < maxScopes {
				s.fragments[of] = d.f
			}
		}
		close(d.done)
	}()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), answerTimeout)
	defer cancel()
	now := s.o.Now()
	v, err := s.view(r.WithContext(ctx))
	if err != nil {
		d.err = err
		return
	}
	var b bytes.Buffer
	if err := s.pages.templates.ExecuteTemplate(&b, "body", v); err != nil {
		d.err = fmt.Errorf("draw the page: %w", err)
		return
	}
	d.f, d.err = fragment{html: b.Bytes(), digest: sha256.Sum256(s.ages.ReplaceAll(b.Bytes(), nil)), at: now}, nil
}
