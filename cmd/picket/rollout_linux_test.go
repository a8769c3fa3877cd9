package main

import (
	"cmp"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"picket/collector/web"
	"picket/internal/identity"
)

// TestThirtyMachinesAndOneScript runs the install script that an RMM runs on thirty
// machines, each behind a router of its own and with a trouble that chance has
// chosen, every trouble at least once. Each machine delivers within a minute, or
// has told exactly one code. Then the script is run again, and changes nothing.
//
// PICKET_TEST_SEED repeats a mix.
func TestThirtyMachinesAndOneScript(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute and a half")
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root for namespaces; .ci/run runs it")
	}
	needTools(t, "ip", "nft", "ss", "sysctl", "tinyproxy", "squid", "unshare")
	r := newRollout(t)
	r.first()
	fleet := r.agents()
	r.again(fleet)
	var running []*process
	for _, m := range r.machines {
		if m.agent != nil {
			running = append(running, m.agent)
		}
	}
	r.discreet(r.dir, running...)
	r.settle()
}

// rollout is the network of [anyWorld] with thirty machines, and one of which an
// image was taken.
type rollout struct {
	*anyWorld
	pin      [32]byte // of the other servers
	used     string   // a token that is used up
	image    string   // of the first machine, after it has joined
	machines []*machine
}

const machines = 30

func newRollout(t *testing.T) *rollout {
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("PICKET_TEST_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("PICKET_TEST_SEED=%d", seed)
	r := &rollout{anyWorld: newAnyWorld(t, machines+1)}
	r.program()
	r.others()
	r.used = r.spend(t)
	r.takeImage()
	chance := rand.New(rand.NewPCG(seed, 0))
	mix := slices.Clone(troubles)
	for len(mix) < machines {
		mix = append(mix, troubles[chance.IntN(len(troubles))])
	}
	chance.Shuffle(len(mix), func(i, j int) { mix[i], mix[j] = mix[j], mix[i] })
	for i, of := range mix {
		r.machines = append(r.machines, r.machine(i+1, of))
	}
	return r
}

// program lays the agent out for all machines.
func (r *rollout) program() {
	r.t.Helper()
	dir := filepath.Join(r.dir, "program")
	if err := os.Mkdir(dir, 0o755); err != nil {
		r.t.Fatal(err)
	}
	if out, code := run1(r.t, exec.Command("cp", binary(r.t, "picket-agent"), dir)); code != 0 {
		r.t.Fatal(out)
	}
}

// others starts what stands in the core beside the collector.
func (r *rollout) others() {
	r.t.Helper()
	for _, addr := range []string{"198.18.0.11/16", "198.18.0.12/16", deafDNS + "/16"} {
		r.ip("-n", r.core, "addr", "add", addr, "dev", "wan")
	}
	ca := filepath.Join(r.dir, "other-ca")
	auth, err := identity.OpenAuthority(ca, time.Now())
	if err != nil {
		r.t.Fatal(err)
	}
	r.pin = auth.Pin()
	r.play(r.core, "others", targets{Late: lateServer, Newer: newerServer, CA: ca, Refuse: deafDNS + ":53"})
}

// takeImage joins one more machine, copies it, and starts it.
func (r *rollout) takeImage() {
	t := r.t
	t.Helper()
	m := r.machine(machines+1, troubles[0])
	p := r.script(m)
	<-p.done
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		t.Fatalf("%s: exit %d: %s", m, code, p.out)
	}
	r.image = filepath.Join(r.dir, "image")
	if out, code := run1(t, exec.Command("cp", "-a", m.root, r.image)); code != 0 {
		t.Fatal(out)
	}
	r.serve(m)
	eventually(t, time.Minute, "the first machine delivers", func() bool { return r.settled(m) })
}

// runAll runs the script on all machines at once.
func (r *rollout) runAll(each func(m *machine, out string, code int)) {
	r.t.Helper()
	var scripts []*process
	for _, m := range r.machines {
		scripts = append(scripts, r.script(m))
	}
	for i, p := range scripts {
		select {
		case <-p.done:
		case <-time.After(time.Minute):
			r.t.Fatalf("the script does not end: %s", p.name)
		}
		each(r.machines[i], p.out.String(), p.cmd.ProcessState.ExitCode())
	}
}

// first runs the script for the first time and starts the agents that it joined.
func (r *rollout) first() {
	t := r.t
	t.Helper()
	r.runAll(func(m *machine, out string, code int) {
		r.told(m, out, code)
		if m.exit == 0 && code == 0 {
			r.serve(m)
		}
	})
	waiting := map[*machine]bool{}
	for _, m := range r.machines {
		waiting[m] = m.agent != nil
	}
	for len(waiting) > 0 {
		maps.DeleteFunc(waiting, func(m *machine, runs bool) bool {
			took := time.Since(m.begun)
			switch {
			case runs && !r.settled(m) && took <= time.Minute:
				return false
			case took > time.Minute:
				t.Errorf("%s is not settled after %v", m, took)
			}
			t.Logf("%-52s %-13s %-5s%s", m, m.way, cmp.Or(m.code, m.later), map[bool]string{true: took.Round(time.Second / 10).String()}[runs])
			return true
		})
	}
}

// settled says whether a machine whose agent runs delivers, or shows why not.
func (r *rollout) settled(m *machine) bool {
	if m.way == "" {
		out, code := r.monitored(m)
		return code == m.monitor && slices.Equal(codesIn(out), []string{m.later}) && strings.Contains(out, "fix: ")
	}
	s := r.status(r.t, m.n)
	return s.Transport == m.way && s.Spool.Syncs > 0 && s.Spool.Pending == 0
}

// told holds what the script said against what is to come of the trouble.
func (r *rollout) told(m *machine, out string, code int) {
	t := r.t
	t.Helper()
	var want []string
	if m.code != "" {
		want = []string{m.code}
	}
	if got := codesIn(out); code != m.exit || !slices.Equal(got, want) {
		t.Errorf("%s: exit %d, told %v, want exit %d and %v:\n%s", m, code, got, m.exit, want, out)
	}
	wantErrors := 0
	if m.exit != 0 {
		wantErrors = 1
	}
	if strings.Count(out, "error:") != wantErrors || m.code != "" && !strings.Contains(out, "fix: ") {
		t.Errorf("%s: one reason and a fix are wanted:\n%s", m, out)
	}
	if strings.Contains(out, m.token) || strings.Contains(out, proxySecret) {
		t.Errorf("%s: the script tells a secret:\n%s", m, out)
	}
}

// agents are the ids that the collector knows, with their sites.
func (r *rollout) agents() map[string]string {
	t := r.t
	t.Helper()
	out, code := run1(t, exec.Command(binary(t, "picket"), "agent", "list", "--json", "--data", r.data()))
	var list struct{ Data []web.Agent }
	if err := json.Unmarshal([]byte(out), &list); code != 0 || err != nil {
		t.Fatalf("agent list: exit %d, %v: %s", code, err, out)
	}
	all := map[string]string{}
	for _, a := range list.Data {
		all[a.ID] = a.Site
	}
	want := 2 // the one of the image, and the one that used a token up
	for _, m := range r.machines {
		if m.way != "" {
			want++
		}
	}
	if len(all) != want {
		t.Errorf("the collector knows %d agents, %d have joined:\n%s", len(all), want, out)
	}
	return all
}

// again runs the script on all machines once more.
func (r *rollout) again(fleet map[string]string) {
	t := r.t
	t.Helper()
	tokens, _ := run1(t, exec.Command(binary(t, "picket"), "token", "list", "--json", "--data", r.data()))
	for _, m := range r.machines {
		m.before, m.syncs = r.files(m), 0
		if m.way != "" {
			m.syncs = r.status(t, m.n).Spool.Syncs
		}
	}
	r.runAll(func(m *machine, out string, code int) {
		if m.exit != 0 {
			r.told(m, out, code)
		} else if code != 0 || len(codesIn(out)) != 0 || !strings.Contains(out, "Nothing was changed") {
			t.Errorf("%s: again: exit %d: %s", m, code, out)
		}
		now := r.files(m)
		for name := range now {
			if now[name] != m.before[name] {
				t.Errorf("%s: %s changed", m, name)
			}
		}
		if len(now) != len(m.before) {
			t.Errorf("%s: its files were %v, and are %v", m, slices.Sorted(maps.Keys(m.before)), slices.Sorted(maps.Keys(now)))
		}
		if left, err := os.ReadDir(filepath.Join(m.root, "tmp")); err != nil || len(left) != 0 {
			t.Errorf("%s: the script left %v, %v", m, left, err)
		}
	})
	if now := r.agents(); !maps.Equal(fleet, now) {
		t.Errorf("the agents changed from %v to %v", fleet, now)
	}
	if now, _ := run1(t, exec.Command(binary(t, "picket"), "token", "list", "--json", "--data", r.data())); now != tokens {
		t.Errorf("the tokens changed from\n%s\nto\n%s", tokens, now)
	}
	eventually(t, time.Minute, "all that delivered go on to do so", func() bool {
		for _, m := range r.machines {
			if m.agent == nil {
				continue
			}
			if !r.settled(m) || m.way != "" && r.status(t, m.n).Spool.Syncs <= m.syncs {
				return false
			}
		}
		return true
	})
}
