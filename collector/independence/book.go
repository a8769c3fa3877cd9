package independence

import (
	"context"
	"sync"
	"time"
)

// Asker asks DNS. An error is why there is no answer; a name that does not exist
// or has no such records is an answer without names.
type Asker interface {
	// Exchangers returns the most preferred mail exchangers of a domain.
	Exchangers(ctx context.Context, domain string) ([]string, error)
	// Chain returns the names that a name leads to by CNAME, in order.
	Chain(ctx context.Context, name string) ([]string, error)
}

// The bounds of a Book.
const (
	DefaultTimeout = 5 * time.Second
	DefaultFresh   = 6 * time.Hour
	retryAfter     = 15 * time.Minute // a question that failed is asked again after this
	askedAtOnce    = 8
	maxNames       = 32 // of one answer
)

// Options says what a Book works with.
type Options struct {
	Asker   Asker         // nil: DNS is not asked, and everything is unknown
	Timeout time.Duration // of one question; 0 means DefaultTimeout
	Fresh   time.Duration // an answer is asked for again after this; 0 means DefaultFresh
}

// Book keeps what DNS answered. It is safe for concurrent use.
type Book struct {
	o Options

	mu      sync.Mutex // guards pages
	pages   map[Question]page
	running sync.Mutex // held by Refresh
}

// page is one answer and when it was written.
type page struct {
	answer Answer
	asked  time.Time
}

// NewBook makes an empty book.
func NewBook(o Options) *Book {
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Fresh == 0 {
		o.Fresh = DefaultFresh
	}
	return &Book{o: o, pages: map[Question]page{}}
}

// Answer returns what is known of q.
func (b *Book) Answer(q Question) (Answer, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p, ok := b.pages[q]
	return p.answer, ok
}

// Refresh asks what of questions is not known or old by now, drops what is no
// longer asked for, and says whether any answer is another than before. A failure
// does not replace an answer.
func (b *Book) Refresh(ctx context.Context, now time.Time, questions []Question) (changed bool) {
	if b.o.Asker == nil {
		return false
	}
	b.running.Lock()
	defer b.running.Unlock()
	due := b.due(now, questions)
	places := make(chan struct{}, askedAtOnce)
	var g sync.WaitGroup
	var mu sync.Mutex // guards changed
	for _, q := range due {
		places <- struct{}{}
		g.Go(func() {
			defer func() { <-places }()
			got := b.ask(ctx, q)
			if ctx.Err() == nil && b.note(now, q, got) {
				mu.Lock()
				changed = true
				mu.Unlock()
			}
		})
	}
	g.Wait()
	return changed
}

// due forgets what nobody asks for, and returns what is to be asked now.
func (b *Book) due(now time.Time, questions []Question) (list []Question) {
	b.mu.Lock()
	defer b.mu.Unlock()
	wanted := map[Question]bool{}
	for _, q := range questions {
		if wanted[q] {
			continue
		}
		wanted[q] = true
		p, known := b.pages[q]
		age, keep := now.Sub(p.asked), b.o.Fresh
		if p.answer.Err != "" {
			keep = retryAfter
		}
		if !known || age >= keep || age < 0 {
			list = append(list, q)
		}
	}
	for q := range b.pages {
		if !wanted[q] {
			delete(b.pages, q)
		}
	}
	return list
}

func (b *Book) ask(ctx context.Context, q Question) Answer {
	ctx, cancel := context.WithTimeout(ctx, b.o.Timeout)
	defer cancel()
	ask := b.o.Asker.Chain
	if q.Kind == Exchangers {
		ask = b.o.Asker.Exchangers
	}
	names, err := ask(ctx, q.Name)
	if err != nil {
		return Answer{Err: err.Error()}
	}
	return Answer{Names: names[:min(len(names), maxNames)]}
}

// note writes an answer down and says whether it is another than before.
func (b *Book) note(now time.Time, q Question, got Answer) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	was, known := b.pages[q]
	if got.Err != "" && known && was.answer.Err == "" {
		was.asked = now.Add(retryAfter - b.o.Fresh) // what we knew counts; asked again soon
		b.pages[q] = was
		return false
	}
	b.pages[q] = page{got, now}
	return !known || !same(was.answer, got)
}

func same(a, b Answer) bool {
	if a.Err != b.Err || len(a.Names) != len(b.Names) {
		return false
	}
	for k := range a.Names {
		if a.Names[k] != b.Names[k] {
			return false
		}
	}
	return true
}
