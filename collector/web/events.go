package web

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net/http"
	"regexp"
	"time"
)

// fragment is the page's changing part, rendered.
type fragment struct {
	html   []byte
	digest [32]byte // of html without the ages, which change by themselves
	at     time.Time
}

// resendAfter is how long a stream says nothing while only ages move.
const resendAfter = 5 * time.Second

// events streams the page's changing part as server-sent events: "page" with
// the HTML whenever something but an age has changed, and every 5 s. Each
// write has a deadline, so that a reader who is gone is noticed.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	select {
	case s.streams <- struct{}{}:
		defer func() { <-s.streams }()
	default:
		fail(w, &Error{Status: http.StatusServiceUnavailable, Code: "streams", What: "too many pages are open", Fix: "close some; the page also works without the stream"})
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no")
	control := http.NewResponseController(w)
	var sent fragment
	tick := time.NewTicker(refreshEvery)
	defer tick.Stop()
	for {
		f, err := s.rendered(r)
		if err != nil {
			return // the browser asks again; the page itself says what is wrong
		}
		if f.digest != sent.digest || f.at.Sub(sent.at) >= resendAfter {
			if err := control.SetWriteDeadline(time.Now().Add(answerTimeout)); err != nil {
				return
			}
			if _, err := w.Write(event("page", f.html)); err != nil {
				return
			}
			if err := control.Flush(); err != nil {
				return
			}
			sent = f
		}
		select {
		case <-r.Context().Done():
			return
		case <-tick.C:
		}
	}
}

// event writes data in the form of the stream: each line on its own.
func event(name string, data []byte) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "event: %s\n", name)
	for line := range bytes.SplitSeq(bytes.TrimSpace(data), []byte("\n")) {
		fmt.Fprintf(&b, "data: %s\n", bytes.TrimRight(line, "\r"))
	}
	b.WriteByte('\n')
	return b.Bytes()
}

// rendered returns the changing part, drawn at most once a second for all.
func (s *Server) rendered(r *http.Request) (fragment, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.o.Now()
	if len(s.fragment.html) > 0 && now.Sub(s.fragment.at) < refreshEvery*9/10 {
		return s.fragment, nil
	}
	v, err := s.view(r)
	if err != nil {
		return fragment{}, err
	}
	var b bytes.Buffer
	if err := s.pages.templates.ExecuteTemplate(&b, "body", v); err != nil {
		return fragment{}, fmt.Errorf("draw the page: %w", err)
	}
	ages := regexp.MustCompile(`<(span class="age"|time)[^>]*>[^<]*<|aria-label="[^"]*"`)
	s.fragment = fragment{html: b.Bytes(), digest: sha256.Sum256(ages.ReplaceAll(b.Bytes(), nil)), at: now}
	return s.fragment, nil
}
