package influx

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"regexp"
	"strconv"
)

// maxSalvage is how many requests one Write spends on finding bad lines. One
// bad line among 5,000 costs 26.
const maxSalvage = 256

// dropped reads InfluxDB 1.8's "partial write: ... dropped=17".
var dropped = regexp.MustCompile(`\bdropped=(\d+)\b`)

// salvaging is one search for the bad lines of a refused batch.
type salvaging struct {
	w    *Writer
	left int          // requests
	bad  []deadLetter // kept back until the search is over: if it is not, all is written again
}

// salvage writes the good ones of lines and sets the bad ones aside. first is
// the server's answer to all of them.
func (w *Writer) salvage(ctx context.Context, lines []byte, first *refusal) error {
	w.n.salvages.Add(1)
	s := &salvaging{w: w, left: maxSalvage}
	if err := s.split(ctx, lines, first); err != nil {
		return err
	}
	if len(s.bad) == 0 {
		return nil // it was only too much at once
	}
	w.n.refused.Add(uint64(len(s.bad)))
	err := w.dead.keep(s.bad)
	w.log.Warn("influx: lines refused", "lines", len(s.bad), "reason", s.bad[0].Reason, "kept", err == nil && w.dead.path != "", "err", err)
	return nil
}

// split writes a refused stretch in two halves, and those that are refused
// again, until single lines remain.
func (s *salvaging) split(ctx context.Context, lines []byte, r *refusal) error {
	n := count(lines)
	switch {
	case n == 1, allDropped(r, n):
		s.setAside(lines, r, "")
		return nil
	case s.left < 2:
		s.setAside(lines, r, " (among others; not tried alone)")
		return nil
	}
	s.left -= 2 // for both, before the first spends more on its own halves
	half := middle(lines)
	for _, part := range [][]byte{lines[:half], lines[half+1:]} {
		err := s.w.post(ctx, part)
		if again, ok := errors.AsType[*refusal](err); ok {
			err = s.split(ctx, part, again)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// allDropped says whether the server told that it dropped all n lines. It
// counts per shard, so fewer says nothing.
func allDropped(r *refusal, n int) bool {
	if r.status == http.StatusRequestEntityTooLarge {
		return false
	}
	m := dropped.FindStringSubmatch(r.message)
	if m == nil {
		return false
	}
	count, err := strconv.Atoi(m[1])
	return err == nil && count >= n
}

// count returns the number of lines; the last has no end.
func count(lines []byte) int { return bytes.Count(lines, []byte{'\n'}) + 1 }

// middle returns the position of a line end near the middle; there is one.
func middle(lines []byte) int {
	half := len(lines) / 2
	if i := bytes.LastIndexByte(lines[:half], '\n'); i >= 0 {
		return i
	}
	return half + bytes.IndexByte(lines[half:], '\n')
}

func (s *salvaging) setAside(lines []byte, r *refusal, note string) {
	for line := range bytes.SplitSeq(lines, []byte{'\n'}) {
		s.bad = append(s.bad, deadLetter{Status: r.status, Reason: r.message + note, Line: string(line)})
	}
}
