package agent

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"sync"
)

// Bounds of the log lines that an agent remembers for `picket-agent doctor
// --bundle`: services log to places that a technician may not be able to read.
const (
	tailLines = 1000
	tailLine  = 1 << 10 // bytes of one line
)

// tail is a log handler that also remembers the last lines, of level Info and up.
type tail struct {
	next, text slog.Handler
	lines      *lines
}

func newTail(next slog.Handler) *tail {
	l := &lines{}
	return &tail{next: next, text: slog.NewTextHandler(l, nil), lines: l}
}

// Enabled and the rest are slog.Handler.
func (t *tail) Enabled(ctx context.Context, l slog.Level) bool {
	return t.next.Enabled(ctx, l) || t.text.Enabled(ctx, l)
}

func (t *tail) Handle(ctx context.Context, r slog.Record) error {
	if t.text.Enabled(ctx, r.Level) {
		_ = t.text.Handle(ctx, r.Clone()) // into memory: it never fails
	}
	if !t.next.Enabled(ctx, r.Level) {
		return nil
	}
	return t.next.Handle(ctx, r)
}

func (t *tail) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &tail{next: t.next.WithAttrs(attrs), text: t.text.WithAttrs(attrs), lines: t.lines}
}

func (t *tail) WithGroup(name string) slog.Handler {
	return &tail{next: t.next.WithGroup(name), text: t.text.WithGroup(name), lines: t.lines}
}

// lines keeps the last lines that were written to it, one a call.
type lines struct {
	mu   sync.Mutex // guards the fields below
	kept [][]byte
	next int // to be replaced
}

func (l *lines) Write(b []byte) (int, error) {
	line := slices.Clone(b[:min(len(b), tailLine)])
	if len(b) > tailLine {
		line = append(line, '\n')
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.kept) < tailLines {
		l.kept = append(l.kept, line)
		return len(b), nil
	}
	l.kept[l.next] = line
	l.next = (l.next + 1) % tailLines
	return len(b), nil
}

// text is all of it, the oldest line first.
func (l *lines) text() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Join(append(slices.Clone(l.kept[l.next:]), l.kept[:l.next]...), nil)
}
