package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/memberlist"

	"picket/internal/fleet"
)

func TestTwelveMembersConvergeAndStayCalm(t *testing.T) {
	story(t, 12, func(c *crew) {
		calm := time.Now()
		time.Sleep(5 * time.Minute)
		for _, name := range c.names {
			for _, m := range c.at[name].Members() {
				if m.State != Alive || m.Since.After(calm) {
					t.Errorf("%s sees %s %v for %v: somebody was accused", name, m.Seat.Agent, m.State, time.Since(m.Since))
				}
			}
		}
		m := c.sees("agent-03", "agent-07")
		want := fleet.Seat{Agent: "agent-07", Site: "acme/agent-07", Client: "acme", Network: "AS1", Region: "eu"}
		if m.Seat != want || m.Facts.Version != "v1" || m.Self {
			t.Errorf("agent-07 is known as %+v", m)
		}
		if m.RTT != 40*time.Millisecond {
			t.Errorf("round trip %v, want 40 ms", m.RTT)
		}
		if !c.sees("agent-03", "agent-03").Self {
			t.Error("a member does not know itself")
		}
	})
}

func TestASilentDeathIsSeenByEverybody(t *testing.T) {
	story(t, 12, func(c *crew) {
		died := time.Now()
		c.h.set(c.h.lost, "agent-05", true)
		took := c.soon(20*time.Second, func() string { return c.blind("agent-05", Dead, 2) })
		t.Logf("nearly all saw it after %v, the last after %v more (virtual)", took, c.want(settle, "agent-05", Dead))
		for _, name := range c.names {
			for _, m := range c.at[name].Members() {
				if who := m.Seat.Agent; name != "agent-05" && who != "agent-05" && (m.State != Alive || m.Since.After(died)) {
					t.Errorf("%s accuses %s: %v", name, who, m.State)
				}
			}
		}
		c.h.set(c.h.lost, "agent-05", false)
		time.Sleep(rejoinMax)
		c.wantAllAlive()
	})
}

func TestWhoIsCutOffAccusesNobody(t *testing.T) {
	for range 3 { // the moment of the cut matters
		story(t, 8, func(c *crew) {
			c.h.set(c.h.down, "agent-02", true)
			c.want(settle, "agent-02", Dead)
			time.Sleep(2 * time.Minute)
			lost := 0
			for _, m := range c.at["agent-02"].Members() {
				switch m.State {
				case Dead, Left:
					t.Errorf("agent-02 says %s is %v", m.Seat.Agent, m.State)
				case Unknown:
					lost++ // the probe that was in flight
				}
			}
			if lost > 1 {
				t.Errorf("agent-02 went on probing without a line: lost %d", lost)
			}
			c.h.set(c.h.down, "agent-02", false)
			// The broadcast misses more than one of them in few runs of a hundred; the
			// exchange of whole states, every 30 s, tells them.
			c.soon(35*time.Second, func() string { return c.blind("agent-02", Alive, 1) })
			c.wantAllAlive()
		})
	}
}

func TestLeavingIsNotDying(t *testing.T) {
	story(t, 12, func(c *crew) {
		c.end("agent-04")
		c.want(settle, "agent-04", Left)
		time.Sleep(2 * time.Minute)
		c.want(0, "agent-04", Left) // and stays so

		c.start(c.options("agent-04"))
		c.wantAllAlive()
		c.h.set(c.h.lost, "agent-04", true)
		c.want(settle, "agent-04", Dead) // the old goodbye explains nothing any more
		c.h.set(c.h.lost, "agent-04", false)
	})
}

func TestAPartitionHeals(t *testing.T) {
	story(t, 8, func(c *crew) {
		split := func(on bool) {
			c.h.mu.Lock()
			defer c.h.mu.Unlock()
			for i, name := range c.names {
				if on && i%2 == 0 {
					c.h.side[name] = "even"
				} else {
					c.h.side[name] = ""
				}
			}
		}
		split(true)
		time.Sleep(5 * time.Minute) // both halves have forgotten each other
		if s := c.sees("agent-00", "agent-01").State; s != Dead {
			t.Fatalf("the other half is %v", s)
		}
		split(false)
		time.Sleep(rejoinMax)
		c.wantAllAlive()
	})
}

func TestNobodyGetsInWithoutBeingOnTheRoster(t *testing.T) {
	story(t, 4, func(c *crew) {
		o := c.options("stranger")
		o.Allowed = func(string) bool { return true }
		c.start(o)
		time.Sleep(2 * time.Minute)
		for _, name := range c.names {
			if m := c.sees(name, "stranger"); m.State != Unknown {
				t.Errorf("%s sees the stranger %v", name, m.State)
			}
		}
		c.end("stranger")
	})
}

func TestRevokedIsForgotten(t *testing.T) {
	story(t, 4, func(c *crew) {
		c.end("agent-03")
		c.strike("agent-03")
		if n := len(c.at["agent-00"].Members()); n != 3 {
			t.Errorf("%d members, want 3", n)
		}
	})
}

func TestANewNameOnTheRosterIsMetSoon(t *testing.T) {
	for range 4 { // an exchange of states that is due anyway would do, too
		story(t, 3, func(c *crew) {
			c.start(c.options("agent-99")) // before the others know of it
			time.Sleep(30 * time.Second)
			c.enlist("agent-99")
			c.want(8*time.Second, "agent-99", Alive)
		})
	}
}

func TestFactsTravel(t *testing.T) {
	story(t, 6, func(c *crew) {
		// knows complains until everybody knows of agent-01 what it told.
		knows := func(facts Facts, site string) func() string {
			return func() string {
				for _, name := range c.names {
					if m := c.sees(name, "agent-01"); m.Facts != facts || m.Seat.Site != site || m.Seat.Agent != "agent-01" {
						return fmt.Sprintf("%s knows %+v", name, m)
					}
				}
				return ""
			}
		}
		c.at["agent-01"].SetFacts(Facts{Config: 7, Uplink: true, Voting: true})
		took := c.soon(settle, knows(Facts{Version: "v1", Config: 7, Uplink: true, Voting: true}, "acme/agent-01"))
		t.Logf("facts known to all of 6 after %v (virtual)", took)

		c.at["agent-01"].SetFacts(Facts{Version: "v2", Config: 7, Uplink: true, Why: "uplink"})
		c.at["agent-01"].SetSeat(fleet.Seat{Site: "acme/moved"})
		c.soon(settle, knows(Facts{Version: "v2", Config: 7, Uplink: true, Why: "uplink"}, "acme/moved"))
	})
}

func TestAliveIsBelievedOnlyFromTheRightAddress(t *testing.T) {
	c, err := New(newCrew(t, 3).options("agent-00"))
	if err != nil {
		t.Fatal(err)
	}
	node := func(name, addressOf string, port uint16) *memberlist.Node {
		return &memberlist.Node{Name: name, Addr: net.IP(fleet.Address(addressOf).AsSlice()), Port: port}
	}
	for _, k := range []struct {
		what string
		node *memberlist.Node
		ok   bool
	}{
		{"a name of the roster at its address", node("agent-01", "agent-01", fleet.Port), true},
		{"itself", node("agent-00", "agent-00", fleet.Port), true},
		{"a name of the roster at another's address", node("agent-01", "agent-02", fleet.Port), false},
		{"another port", node("agent-01", "agent-01", 80), false},
		{"no address", &memberlist.Node{Name: "agent-01", Port: fleet.Port}, false},
		{"a stranger", node("stranger", "stranger", fleet.Port), false},
	} {
		if err := c.table.NotifyAlive(k.node); (err == nil) != k.ok {
			t.Errorf("%s: %v", k.what, err)
		}
	}
}

func TestADeathWhileOurOwnLineIsDownProvesNothing(t *testing.T) {
	down := false
	table := newTable(newCrew(t, 2).options("agent-00"), func() bool { return down })
	other := &memberlist.Node{Name: "agent-01", Meta: []byte("not metadata")}
	for _, k := range []struct {
		down bool
		want State
	}{{true, Unknown}, {false, Dead}} {
		down = k.down
		table.NotifyJoin(other)
		table.NotifyLeave(other)
		if m := table.members(); len(m) != 1 || m[0].State != k.want || m[0].Seat.Agent != "agent-01" {
			t.Errorf("down %v: %+v", k.down, m)
		}
	}
}

func TestAGoodbyeCountsOnlyFromItsOwner(t *testing.T) {
	story(t, 3, func(c *crew) {
		c.at["agent-00"].Packet(fleet.Address("nobody"), []byte(goodbye))
		c.at["agent-00"].Packet(fleet.Address("agent-00"), []byte(goodbye))
		c.at["agent-00"].Packet(fleet.Address("agent-01"), []byte(goodbye))
		c.h.set(c.h.lost, "agent-02", true)
		c.want(settle, "agent-02", Dead) // nobody else's goodbye was its own
		for _, whom := range []string{"agent-00", "agent-01"} {
			if got := c.sees("agent-00", whom).State; got != Alive {
				t.Errorf("%s is %v", whom, got) // and a goodbye alone kills nobody
			}
		}
	})
}

func TestGarbageIsHarmless(t *testing.T) {
	story(t, 3, func(c *crew) {
		for _, b := range []string{"", "\x00", "\xf4", "\xf4\x04cell", "\xf4\x04cell\x07\xff\xff", goodbye + "!", "GET / HTTP/1.0\r\n\r\n"} {
			c.at["agent-00"].Packet(fleet.Address("agent-01"), []byte(b))
		}
		here, there := net.Pipe()
		c.at["agent-00"].Stream(fleet.Address("agent-01"), there)
		here.Write([]byte("GET / HTTP/1.0\r\n\r\n"))
		here.Close()
		time.Sleep(time.Minute)
		c.wantAllAlive()
	})
}

func TestStreamsAreCountedAndClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := New(newCrew(t, 1).options("agent-00"))
		if err != nil {
			t.Fatal(err)
		}
		closed := 0
		var ends []net.Conn
		for i := range maxInbound + 5 { // nobody takes them: it does not run
			here, there := net.Pipe()
			c.Stream(fleet.Address(fmt.Sprint("agent-", i)), there)
			here.SetReadDeadline(time.Now().Add(time.Second))
			ends = append(ends, here)
		}
		for _, e := range ends {
			if _, err := e.Read(make([]byte, 1)); err != nil && !isTimeout(err) {
				closed++
			}
		}
		if closed != 5 {
			t.Errorf("%d streams refused, want 5", closed)
		}
		if err := c.transport.Shutdown(); err != nil {
			t.Fatal(err)
		}
		for _, e := range ends {
			e.SetReadDeadline(time.Now().Add(time.Second))
			if _, err := e.Read(make([]byte, 1)); isTimeout(err) {
				t.Fatal("a stream stayed open after the end")
			}
		}
		here, there := net.Pipe()
		c.Stream(fleet.Address("agent-01"), there)
		here.SetReadDeadline(time.Now().Add(time.Second))
		if _, err := here.Read(make([]byte, 1)); isTimeout(err) {
			t.Fatal("a stream that came after the end stayed open")
		}
	})
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

func TestAStreamIsBounded(t *testing.T) {
	c, err := New(newCrew(t, 1).options("agent-00"))
	if err != nil {
		t.Fatal(err)
	}
	here, there := net.Pipe()
	sent := make(chan int, 1)
	go func() {
		defer here.Close()
		total := 0
		b := labelled(state(maxNodes, 0))
		for {
			n, err := here.Write(b)
			total += n
			if err != nil {
				sent <- total
				return
			}
			b = node(maxValue)
		}
	}()
	s, err := c.transport.keep(there, fleet.Address("a"), fleet.Address("b"), false)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := s.Read(make([]byte, 100_000)); n > 0 || err == nil {
		t.Errorf("read %d bytes of an endless message: %v", n, err)
	}
	s.Close()
	if n := <-sent; n != maxStream {
		t.Errorf("%d bytes were taken, want %d", n, maxStream)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	good := newCrew(t, 1).options("agent-00")
	for what, spoil := range map[string]func(*Options){
		"no name":       func(o *Options) { o.Name = "" },
		"a slash":       func(o *Options) { o.Name = "a/b" },
		"a long name":   func(o *Options) { o.Name = string(make([]byte, 65)) },
		"no link":       func(o *Options) { o.Link = nil },
		"no roster":     func(o *Options) { o.Allowed = nil },
		"a great label": func(o *Options) { o.Label = string(make([]byte, 256)) },
	} {
		o := good
		spoil(&o)
		if _, err := New(o); err == nil {
			t.Errorf("%s is accepted", what)
		}
	}
}

func TestRunsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := New(newCrew(t, 1).options("agent-00"))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := c.Run(ctx); err != nil {
			t.Error(err)
		}
		if err := c.Run(ctx); err == nil {
			t.Error("it ran twice")
		}
	})
}
