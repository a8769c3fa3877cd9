package uplink

import (
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/quic-go/quic-go/testutils/simnet"
)

// clones are the refusals that the collector was told of.
func (w *world) clones() (list []Clone) {
	for len(w.office.ch) > 0 {
		if ev := <-w.office.ch; ev.what == "clone" {
			list = append(list, ev.value.(Clone))
		}
	}
	return list
}

func (a *outpost) heard(what string) (list []any) {
	for len(a.ch) > 0 {
		if ev := <-a.ch; ev.what == what {
			list = append(list, ev.value)
		}
	}
	return list
}

func TestACopyOnAnotherMachineIsRefusedAndTheFirstStays(t *testing.T) {
	inVirtualTime(t, nil, func(t *testing.T, w *world) {
		stop := w.serve()
		a := w.agent("agent-1", time.Now())
		b := w.clone(a.bundle, "agent-1", newSpool(0xb1))
		a.machine, b.machine = Machine{1}, Machine{2}
		endA := w.run(a)
		a.await(t, "welcome")
		endB := w.run(b)
		err, _ := b.await(t, "disconnected").value.(error)
		if !errors.Is(err, ErrClone) || !strings.Contains(err.Error(), "box") || !strings.Contains(err.Error(), "10.0.1.") {
			t.Errorf("the copy was told %v", err)
		}
		time.Sleep(11 * time.Minute)
		all := w.clones()
		if len(all) < 2 || len(all) > 6 || !all[0].First || all[1].First || all[0].RefusedHost == "" || all[0].Refused == all[0].Stays {
			t.Errorf("the collector was told %+v", all)
		}
		if d := a.heard("disconnected"); len(d) != 0 || !a.client.Connected() {
			t.Errorf("the first one lost its place: %v", d)
		}
		endA() // the original is gone: what is left is no copy any more
		time.Sleep(6 * time.Minute)
		if !b.client.Connected() {
			t.Error("the only machine left is kept out")
		}
		endB()
		stop()
	})
}

func TestAnIdentityThatMovedIsNoCopy(t *testing.T) {
	var dead atomic.Bool
	drop := func(p simnet.Packet) bool { // the first machine loses its power
		return dead.Load() && p.From.(*net.UDPAddr).IP.Equal(net.IPv4(10, 0, 1, 0))
	}
	inVirtualTime(t, drop, func(t *testing.T, w *world) {
		stop := w.serve()
		a := w.agent("agent-1", time.Now())
		b := w.clone(a.bundle, "agent-1", newSpool(0xb1))
		a.machine, b.machine = Machine{1}, Machine{2}
		endA := w.run(a)
		a.await(t, "welcome")
		time.Sleep(10 * time.Second)
		dead.Store(true)
		time.Sleep(time.Second)
		endB := w.run(b)
		begun := time.Now()
		b.await(t, "welcome")
		if took := time.Since(begun); took > 10*time.Second {
			t.Errorf("the new machine waited %s", took)
		}
		if all := w.clones(); len(all) != 0 {
			t.Errorf("called a copy: %+v", all)
		}
		endA()
		endB()
		stop()
	})
}

func TestARestartOnTheSameMachineWaitsForNothing(t *testing.T) {
	inVirtualTime(t, nil, func(t *testing.T, w *world) {
		stop := w.serve()
		a := w.agent("agent-1", time.Now())
		b := w.clone(a.bundle, "agent-1", newSpool(0xb1))
		a.machine, b.machine = Machine{1}, Machine{1}
		endA := w.run(a)
		a.await(t, "welcome")
		begun := time.Now()
		endB := w.run(b)
		b.await(t, "welcome")
		if took := time.Since(begun); took > time.Second {
			t.Errorf("it waited %s", took)
		}
		endA()
		endB()
		stop()
	})
}

// TestACopyThatLooksTheSameIsFoundByItsComingBack: a virtual machine cloned with
// its memory has the same machine-id, name and boot.
func TestACopyThatLooksTheSameIsFoundByItsComingBack(t *testing.T) {
	for what, m := range map[string]Machine{"the same machine": {1}, "not told": {}} {
		t.Run(what, func(t *testing.T) {
			inVirtualTime(t, nil, func(t *testing.T, w *world) {
				stop := w.serve()
				a := w.agent("agent-1", time.Now())
				b := w.clone(a.bundle, "agent-1", newSpool(0xb1))
				a.machine, b.machine = m, m
				endA := w.run(a)
				a.await(t, "welcome")
				endB := w.run(b)
				b.await(t, "welcome")
				time.Sleep(time.Minute)
				if err, _ := b.await(t, "disconnected").value.(error); !errors.Is(err, ErrClone) {
					t.Errorf("the second one was told %v", err)
				}
				if !a.client.Connected() || b.client.Connected() {
					t.Error("the first one does not stay")
				}
				if all := w.clones(); len(all) == 0 || !all[0].First || len(all) > 2 {
					t.Errorf("the collector was told %+v", all)
				}
				endA()
				endB()
				stop()
			})
		})
	}
}
