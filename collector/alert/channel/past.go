package channel

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"sync"
	"time"

	"picket/collector/alert"
)

// Past is what the outbox remembers of a route: some receivers must hear again
// what they were told, or be told of it by the name it had first.
type Past interface {
	// Letters returns the bodies of all letters to a route about an incident, the
	// oldest first, whatever became of them.
	Letters(ctx context.Context, route, incident string) ([][]byte, error)
	// Standing returns the incidents whose last letter to the route is not
	// "resolved", or was written after since. A test of the route is none of them.
	Standing(ctx context.Context, route string, since time.Time) ([]string, error)
}

// past returns the messages to a route about an incident before the one with
// that sequence, the oldest first.
func (d *Deliverer) past(ctx context.Context, route, incident string, before int) ([]alert.Message, error) {
	if d.letters == nil {
		return nil, nil
	}
	bodies, err := d.letters.Letters(ctx, route, incident)
	if err != nil {
		return nil, fmt.Errorf("read what was told: %w", err)
	}
	var all []alert.Message
	for _, body := range bodies {
		var m alert.Message
		if err := json.Unmarshal(body, &m); err == nil && m.Sequence < before && !m.Shadow {
			all = append(all, m)
		}
	}
	return all, nil
}

// firstOf is the message that gave an incident its names; they stay, whatever
// the incident is called by now.
func firstOf(past []alert.Message, m alert.Message) alert.Message {
	if len(past) > 0 {
		return past[0]
	}
	return m
}

// maxHalves is how many letters are remembered that some receivers have and
// others do not yet.
const maxHalves = 256

// halves remembers who has a letter that is not yet with everybody. It is safe
// for concurrent use.
type halves struct {
	mu  sync.Mutex                 // guards the field below
	got map[string]map[string]bool // by letter: who has it
}

// who returns who has a letter.
func (h *halves) who(letter string) map[string]bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return maps.Clone(h.got[letter])
}

// add notes that somebody has a letter.
func (h *halves) add(letter string, who ...string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(who) == 0 {
		return
	}
	if len(h.got) >= maxHalves || h.got == nil {
		h.got = map[string]map[string]bool{} // somebody may get a letter twice, under the same key
	}
	if h.got[letter] == nil {
		h.got[letter] = map[string]bool{}
	}
	for _, w := range who {
		h.got[letter][w] = true
	}
}

// end forgets a letter that needs no other attempt.
func (h *halves) end(letter string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.got, letter)
}
