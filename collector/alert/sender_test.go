package alert_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"picket/collector/alert"
)

// attempt is what a fake channel saw.
type attempt struct {
	id string
	at time.Duration // since the beginning
}

// deliveries runs a sender in virtual time against a channel that answers
// with the errors of script, per letter, then accepts.
func deliveries(t *testing.T, d time.Duration, letters []alert.Letter, script func(id string, n int) error) (seen []attempt, box *memory) {
	box = &memory{}
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		for _, l := range letters {
			l.Created = start
			box.add(l)
		}
		var mu sync.Mutex
		count := map[string]int{}
		ctx, cancel := context.WithCancel(t.Context())
		s := alert.NewSender(alert.Options{Outbox: box, Routes: []alert.Route{{Name: "page"}},
			Deliver: func(_ context.Context, _ alert.Route, l alert.Letter) error {
				mu.Lock()
				defer mu.Unlock()
				seen = append(seen, attempt{l.ID, time.Since(start)})
				count[l.ID]++
				return script(l.ID, count[l.ID])
			}})
		go s.Run(ctx)
		time.Sleep(d)
		cancel()
		synctest.Wait()
	})
	return seen, box
}

func letter(incident string, seq int) alert.Letter {
	return alert.Letter{ID: fmt.Sprintf("%s.page.%d", incident, seq), Incident: incident, Route: "page"}
}

func TestLettersOfAnIncidentKeepTheirOrder(t *testing.T) {
	seen, box := deliveries(t, time.Hour, []alert.Letter{letter("a", 1), letter("a", 2), letter("b", 1), letter("a", 3)}, func(id string, n int) error {
		if id == "a.page.1" && n <= 3 {
			return errors.New("the receiver answers 500")
		}
		return nil
	})
	var order []string
	for _, a := range seen {
		order = append(order, a.id)
	}
	want := []string{"a.page.1", "b.page.1", "a.page.1", "a.page.1", "a.page.1", "a.page.2", "a.page.3"}
	if !slices.Equal(order, want) {
		t.Errorf("got %v, want %v", order, want)
	}
	for _, e := range box.all {
		if !e.sent {
			t.Errorf("%s was not sent", e.ID)
		}
	}
}

func TestBackoffGrowsAndEndsAfterADay(t *testing.T) {
	seen, box := deliveries(t, 30*time.Hour, []alert.Letter{letter("a", 1)}, func(string, int) error { return errors.New("no route to host") })
	if !box.all[0].dead || box.all[0].sent {
		t.Error("it is not given up")
	}
	last := seen[len(seen)-1].at
	if last > 24*time.Hour || last < 23*time.Hour || len(seen) < 90 || len(seen) > 160 {
		t.Errorf("%d tries, the last after %v", len(seen), last)
	}
	for k := 1; k < len(seen); k++ {
		if wait := seen[k].at - seen[k-1].at; wait < 4*time.Second || wait > 18*time.Minute+time.Second {
			t.Errorf("try %d came %v after the one before", k+1, wait)
		}
	}
}

func TestADefiniteNoIsGivenUpSoonAndFreesTheNext(t *testing.T) {
	seen, box := deliveries(t, time.Hour, []alert.Letter{letter("a", 1), letter("a", 2), letter("b", 1)}, func(id string, n int) error {
		switch id {
		case "a.page.1":
			return fmt.Errorf("%w: the receiver answers 400", alert.ErrRefused)
		case "b.page.1":
			return fmt.Errorf("%w: the receiver answers 410", alert.ErrGone)
		}
		return nil
	})
	if len(seen) != 6+1+1 || !box.all[0].dead || !box.all[1].sent || !box.all[2].dead {
		t.Errorf("%v, %+v", seen, box.all[0])
	}
}

func TestLettersToARouteThatIsGoneAreBuried(t *testing.T) {
	box := &memory{}
	box.add(alert.Letter{ID: "x.old.1", Incident: "x", Route: "old", Created: time.Now()})
	_, stop := run(t, alert.Options{Outbox: box, Deliver: func(context.Context, alert.Route, alert.Letter) error { return nil }})
	box.waitFor(t, func(e *entry) bool { return e.dead })
	stop()
	if !strings.Contains(box.all[0].err, "no longer configured") {
		t.Errorf("got %q", box.all[0].err)
	}
}

// TestAReceiverMaySayWhen: its word counts, up to an hour.
func TestAReceiverMaySayWhen(t *testing.T) {
	seen, _ := deliveries(t, 3*time.Hour, []alert.Letter{letter("a", 1)}, func(_ string, n int) error {
		switch n {
		case 1:
			return alert.RetryAfter(errors.New("the receiver answers 429"), 2*time.Minute)
		case 2:
			return alert.RetryAfter(errors.New("the receiver answers 429"), 99*time.Hour)
		}
		return nil
	})
	if len(seen) != 3 || seen[1].at != 2*time.Minute || seen[2].at != 2*time.Minute+time.Hour {
		t.Errorf("got %v", seen)
	}
}

// TestWhoHasItIsNotToldAgain: some of the receivers refuse the letter for good.
func TestWhoHasItIsNotToldAgain(t *testing.T) {
	seen, box := deliveries(t, time.Hour, []alert.Letter{letter("a", 1)}, func(string, int) error {
		return fmt.Errorf("two of three: %w", alert.ErrPartly)
	})
	if len(seen) != 1 || !box.all[0].sent {
		t.Errorf("got %v, %+v", seen, box.all[0])
	}
}
