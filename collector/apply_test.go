package collector

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"picket/collector/config"
	"picket/collector/store"
	"picket/collector/web"
)

// running is a collector on loopback that was started with text.
func running(t *testing.T, text string) *Collector {
	t.Helper()
	path := fileWith(t, "picket.yaml", "listen: 127.0.0.1:0\nhttp: 127.0.0.1:0\nproviders: [{id: p}]\n"+text)
	file, src, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	sockets, err := Listen(file, dir)
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(t.Context(), Options{File: file, Source: src, Dir: dir, Sockets: sockets})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return c
}

// edited is the file in force with one text replaced by another.
func edited(t *testing.T, c *Collector, old, new string) web.ConfigFile {
	t.Helper()
	last, err := c.store.LastConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(last.Source), old) {
		t.Fatalf("%q is not in the file", old)
	}
	return web.ConfigFile{Name: last.Name, Source: []byte(strings.Replace(string(last.Source), old, new, 1))}
}

func target(id string) string {
	return "- {id: " + id + ", provider: p, host: 127.0.0.1, checks: [{kind: tcp, port: 9}]}\n"
}

func TestApplyingChangesTheRunningCollector(t *testing.T) {
	c := running(t, "targets:\n"+target("one"))
	s := source{c}
	f := edited(t, c, target("one"), target("one")+target("two")+"alerts: [{name: a, webhook: \"http://127.0.0.1:9/\", secret_env: PATH}]\n")

	plan, err := s.PlanConfig(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(plan.Changes); got != "[{+ target two tcp 0 false} {+ alert a  0 false}]" || plan.Targets != 2 || len(plan.Restart) != 0 {
		t.Errorf("plan %+v", plan)
	}
	if len(s.Targets()) != 1 {
		t.Error("planning changed something")
	}
	done, err := s.ApplyConfig(t.Context(), "ana", f, plan.ID)
	if err != nil || done.Config == 0 || done.ID != plan.ID {
		t.Fatalf("%+v, %v", done, err)
	}
	if got := s.Targets(); len(got) != 2 || got[1].ID != "two" {
		t.Errorf("watched: %+v", got)
	}
	st, err := s.Status(t.Context())
	if err != nil || st.Alerts.Routes != 1 || st.Config != done.Config {
		t.Errorf("status %+v, %v", st, err)
	}
	eventuallyTrue(t, "the judge knows the new target", func() bool {
		snap := s.Snapshot()
		return strings.Contains(fmt.Sprintf("%+v", snap), "two")
	})
	last, err := c.store.LastConfig(t.Context())
	if err != nil || string(last.Source) != string(f.Source) || last.Name != f.Name {
		t.Errorf("a restart would use %q, %v", last.Source, err)
	}
	trail, err := c.store.AuditLog(t.Context(), 1)
	if err != nil || len(trail) != 1 || trail[0].Action != "config.apply" || trail[0].Actor != "ana" || trail[0].Subject != f.Name {
		t.Errorf("audit %+v, %v", trail, err)
	}
	if plan, err = s.PlanConfig(t.Context(), f); err != nil || len(plan.Changes) != 0 {
		t.Errorf("what is in force is a change: %+v, %v", plan, err)
	}
}

func eventuallyTrue(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not within 5 s: " + what)
		}
	}
}

func TestAPlanThatIsOldIsRefused(t *testing.T) {
	c := running(t, "targets:\n"+target("one"))
	s := source{c}
	mine, theirs := edited(t, c, "id: one", "id: mine"), edited(t, c, "id: one", "id: theirs")
	plan, err := s.PlanConfig(t.Context(), mine)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(f web.ConfigFile, why string) {
		t.Helper()
		_, err := s.ApplyConfig(t.Context(), "ana", f, plan.ID)
		e, ok := errors.AsType[*web.Error](err)
		if !ok || e.Code != "plan" || !strings.Contains(e.Why, why) {
			t.Errorf("got %v, want a refusal: %s", err, why)
		}
	}
	refused(theirs, "the file changed")
	if _, err := s.ApplyConfig(t.Context(), "bob", theirs, ""); err != nil {
		t.Fatal(err)
	}
	refused(mine, "somebody applied another")
	if got := s.Targets(); got[0].ID != "theirs" {
		t.Errorf("watched: %+v", got)
	}
}

func TestWhatWaitsForARestartIsSaidUntilThen(t *testing.T) {
	c := running(t, "targets:\n"+target("one"))
	s := source{c}
	f := edited(t, c, "http: 127.0.0.1:0", "http: 127.0.0.1:1\nlogin: true")
	done, err := s.ApplyConfig(t.Context(), "ana", f, "")
	if err != nil || fmt.Sprint(done.Restart) != "[http login]" {
		t.Fatalf("%+v, %v", done, err)
	}
	again, err := s.PlanConfig(t.Context(), f)
	if err != nil || len(again.Changes) != 0 || fmt.Sprint(again.Restart) != "[http login]" {
		t.Errorf("the page still is where it was: %+v, %v", again, err)
	}
}

func TestABrokenFileIsNotApplied(t *testing.T) {
	c := running(t, "targets:\n"+target("one"))
	s := source{c}
	for _, bad := range []struct {
		code string
		f    web.ConfigFile
	}{
		{"config", edited(t, c, "targets:", "tragets:")},
		{"config", web.ConfigFile{Name: "relative.yaml"}},
		{"secret", edited(t, c, "targets:", "influx: {url: \"http://127.0.0.1:9\", bucket: b, token_file: gone}\ntargets:")},
	} {
		_, err := s.ApplyConfig(t.Context(), "ana", bad.f, "")
		if e, ok := errors.AsType[*web.Error](err); !ok || e.Code != bad.code || e.Fix == "" && bad.f.Source != nil {
			t.Errorf("got %v, want a refusal %q", err, bad.code)
		}
	}
	if got := s.Targets(); len(got) != 1 || got[0].ID != "one" {
		t.Errorf("watched: %+v", got)
	}
}

// TestAnApplyDoesNotMoveTheDataFolder: a start without a file finds the
// configuration in the folder, so one that names another folder is never followed.
func TestAnApplyDoesNotMoveTheDataFolder(t *testing.T) {
	c := running(t, "targets:\n"+target("one"))
	s := source{c}
	with := func(dir string) web.ConfigFile { return edited(t, c, "targets:", "data: "+dir+"\ntargets:") }
	elsewhere := t.TempDir()
	_, planned := s.PlanConfig(t.Context(), with(elsewhere))
	_, applied := s.ApplyConfig(t.Context(), "ana", with(elsewhere), "")
	for _, err := range []error{planned, applied} {
		e, ok := errors.AsType[*web.Error](err)
		if !ok || e.Code != "data" || !strings.Contains(e.Why, elsewhere) || !strings.Contains(e.Why, c.o.Dir) || e.Fix == "" {
			t.Errorf("got %v", err)
		}
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(c.o.Dir, link); err != nil {
		t.Fatal(err)
	}
	done, err := s.ApplyConfig(t.Context(), "ana", with(link), "")
	if err != nil || len(done.Restart) != 0 {
		t.Errorf("the folder in use, by another name: %+v, %v", done, err)
	}
}

// TestATextThatMeansTheSameIsKept: a restart finds what was applied, not what the
// same thing was called before.
func TestATextThatMeansTheSameIsKept(t *testing.T) {
	c := running(t, "targets:\n"+target("one"))
	s := source{c}
	f := edited(t, c, "targets:", "# for the summer\ntargets:")
	if plan, err := s.PlanConfig(t.Context(), f); err != nil || len(plan.Changes) != 0 || plan.Same {
		t.Errorf("plan %+v, %v", plan, err)
	}
	if _, err := s.ApplyConfig(t.Context(), "ana", f, ""); err != nil {
		t.Fatal(err)
	}
	last, err := c.store.LastConfig(t.Context())
	if err != nil || string(last.Source) != string(f.Source) {
		t.Errorf("a restart would use %q, %v", last.Source, err)
	}
	plan, err := s.PlanConfig(t.Context(), f)
	if err != nil || !plan.Same {
		t.Errorf("plan %+v, %v", plan, err)
	}
	f.Name = filepath.Join(t.TempDir(), "moved.yaml")
	if plan, err = s.PlanConfig(t.Context(), f); err != nil || len(plan.Changes) != 0 || plan.Same {
		t.Errorf("at another place: %+v, %v", plan, err)
	}
}

func TestManyMayApplyAndLookAtOnce(t *testing.T) {
	c := running(t, "targets:\n"+target("one"))
	s := source{c}
	f := edited(t, c, "id: one", "id: n0")
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			mine := web.ConfigFile{Name: f.Name, Source: []byte(strings.Replace(string(f.Source), "id: n0", fmt.Sprintf("id: n%d", i), 1))}
			if _, err := s.ApplyConfig(t.Context(), "ana", mine, ""); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			for range 50 {
				s.Targets()
				c.registry.configFor("acme", "acme/a")
				c.publicAddrs()
			}
		})
	}
	wg.Wait()
	last, err := c.store.LastConfig(t.Context())
	if err != nil || last.Config.Targets[0].ID != s.Targets()[0].ID {
		t.Errorf("in force is %v, a restart would use %v (%v)", s.Targets()[0].ID, last.Config.Targets, err)
	}
}

func TestAFailedPreparationLeavesTheFolderAsItWas(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	o := PrepareOptions{Dir: dir, File: config.Defaults(), Admin: "ana", Password: "correct horse battery", Client: "acme", Site: "madrid"}
	if _, err := Prepare(t.Context(), o); err == nil { // no public address: the token would lead nowhere
		t.Fatal("a token without an address")
	}
	if err := PrepareCheck(dir); err != nil || exists(dir) {
		t.Errorf("the folder is not as before: %v", err)
	}
	o.Site = "a/b"
	if _, err := Prepare(t.Context(), o); !errors.Is(err, store.ErrName) || exists(dir) {
		t.Errorf("got %v", err)
	}
	o.Site, o.File.Public = "madrid", []string{"picket.example:4443"}
	done, err := Prepare(t.Context(), o)
	if err != nil || done.Site != "acme/madrid" || done.Token == "" {
		t.Fatalf("%+v, %v", done, err)
	}
	if _, err := Prepare(t.Context(), o); !errors.Is(err, ErrPrepared) {
		t.Errorf("a second time: %v", err)
	}
}

// TestAgentsAreToldWhatIsTypical: each of the checks that they may see, as the
// fleet knows it at the time; the configuration in force stays as it is.
func TestAgentsAreToldWhatIsTypical(t *testing.T) {
	c := running(t, "targets:\n"+target("one")+"- {id: vpn, client: acme, host: 127.0.0.1, checks: [{kind: tcp, port: 9}]}\n")
	c.registry.learned(map[string]time.Duration{"one/tcp": 80 * time.Millisecond, "vpn/tcp": 30 * time.Millisecond, "gone/tcp": time.Second})
	for client, want := range map[string]time.Duration{"acme": 30 * time.Millisecond, "globex": 0} {
		cfg := c.registry.configFor(client, client+"/a")
		if cfg.Checks[0].Typical != 80*time.Millisecond || cfg.Checks[1].Typical != want {
			t.Errorf("%s is told %+v", client, cfg.Checks)
		}
	}
	for _, k := range c.registry.currentConfig().Checks {
		if k.Typical != 0 {
			t.Errorf("the configuration in force says %v of %s", k.Typical, k.ID)
		}
	}
}
