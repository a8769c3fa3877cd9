package cluster

import (
	"bytes"
	"context"
	"log"
	"log/slog"
)

// talk brings memberlist's lines, which say their own level, to slog at debug:
// what it calls an error is the daily life of a fleet of laptops.
type talk struct{ log *slog.Logger }

// newLogger returns the kind of logger that memberlist wants.
func newLogger(l *slog.Logger) *log.Logger { return log.New(talk{l}, "", 0) }

// Write takes one line.
func (t talk) Write(line []byte) (int, error) {
	if !t.log.Enabled(context.Background(), slog.LevelDebug) {
		return len(line), nil
	}
	msg := bytes.TrimSpace(line)
	level := "info"
	if rest, ok := bytes.CutPrefix(msg, []byte("[")); ok {
		if name, after, ok := bytes.Cut(rest, []byte("] ")); ok {
			level, msg = string(bytes.ToLower(name)), bytes.TrimPrefix(after, []byte("memberlist: "))
		}
	}
	t.log.Debug("gossip", "said", level, "msg", string(msg))
	return len(line), nil
}
