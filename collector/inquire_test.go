package collector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"picket/collector/access"
	"picket/collector/detect"
	"picket/collector/inquiry"
	"picket/collector/web"
	"picket/internal/fleet"
	"picket/internal/uplink"
	"picket/probes"
)

// askable is a fleet that an inquirer asks: answers by agent, which is named as
// its site. Who has no answer is not connected.
type askable struct {
	mu      sync.Mutex
	cfg     fleet.Config
	sites   []detect.Site
	answer  map[string]func(ctx context.Context) (uplink.Tried, error)
	asked   map[string]probes.Spec
	audited []string
}

func answering(r probes.Result, refs int) func(context.Context) (uplink.Tried, error) {
	return func(context.Context) (uplink.Tried, error) {
		return uplink.Tried{Result: r, RefsOK: refs, RefsAsked: 3}, nil
	}
}

var (
	fine    = probes.Result{Kind: probes.HTTP, Outcome: probes.Up, DNS: time.Millisecond, Connect: time.Millisecond, Total: 5 * time.Millisecond, Addr: netip.MustParseAddr("192.0.2.1")}
	refuses = probes.Result{Kind: probes.HTTP, Outcome: probes.Down, Cause: probes.TCPRefused, DNS: time.Millisecond, Total: 5 * time.Millisecond, Err: "refused"}
)

func newAskable() *askable {
	a := &askable{answer: map[string]func(context.Context) (uplink.Tried, error){}, asked: map[string]probes.Spec{}, cfg: fleet.Config{
		Targets: []fleet.Target{{ID: "mail", Name: "Mail", Provider: "nimbus"}, {ID: "erp", Client: "acme"}, {ID: "hr", Client: "borealis"}},
		Checks: []fleet.Check{
			{ID: "mail/http", Target: "mail", Spec: probes.Spec{Kind: probes.HTTP, Host: "mail.example"}},
			{ID: "erp/tcp", Target: "erp", Spec: probes.Spec{Kind: probes.TCP, Host: "erp.acme.example", Port: 99}},
			{ID: "hr/tcp", Target: "hr", Spec: probes.Spec{Kind: probes.TCP, Host: "hr.borealis.example", Port: 99}},
		},
	}}
	for _, text := range []string{"acme/madrid North", "acme/lisbon West", "borealis/oslo North", "borealis/rome City"} {
		id, isp, _ := strings.Cut(text, " ")
		client, _, _ := strings.Cut(id, "/")
		a.sites = append(a.sites, detect.Site{ID: id, Client: client, Network: fleet.Network{Name: isp}, Agents: []string{id}})
		a.answer[id] = answering(fine, 3)
	}
	return a
}

func (a *askable) inquirer() *inquirer {
	return newInquirer(inquirerOptions{
		Config: func() *fleet.Config { return &a.cfg }, Provider: strings.ToUpper, Sites: func() []detect.Site { return a.sites },
		Ready: func(agent string) bool { return a.answer[agent] != nil },
		Try: func(ctx context.Context, agent string, t uplink.Try) (uplink.Tried, error) {
			a.mu.Lock()
			a.asked[agent] = t.Spec
			a.mu.Unlock()
			return a.answer[agent](ctx)
		},
		Snapshot: func(context.Context) (detect.Snapshot, error) { return detect.Snapshot{}, errors.New("busy") },
		Audit: func(_ context.Context, by, action, subject, _ string) {
			a.audited = append(a.audited, by+" "+action+" "+subject)
		},
		Log: slog.New(slog.DiscardHandler),
	})
}

var (
	technician = access.Principal{Name: "tess", Role: access.Technician, Via: "session"}
	ofAcme     = access.Principal{Name: "ana", Role: access.Viewer, Client: "acme", Via: "session"}
)

func TestWhoMayAskWhat(t *testing.T) {
	for _, c := range []struct {
		by           access.Principal
		target, site string
		code, says   string // of the refusal; "" for an answer
	}{
		{technician, "mail", "acme/madrid", "", ""},
		{technician, "mail", "", "", ""},
		{technician, "hr", "borealis/oslo", "", ""},
		{technician, "https://other.example/x", "acme/madrid", "", ""},
		{technician, "mial", "", "target", `did you mean "mail"?`},
		{technician, "nope", "", "target", "a host with its domain"},
		{technician, "https://other.example/reset?token=secret", "", "site", "may hold a secret"},
		{technician, "hr", "acme/madrid", "site", "private to another client"},
		{technician, "mail", "acme/nowhere", "site", "no site called"},
		{technician, "file:///etc/passwd", "", "target", "only http and https"},
		{technician, "https://u:p@other.example", "", "target", "password does not belong"},
		{ofAcme, "mail", "acme/madrid", "", ""},
		{ofAcme, "erp", "acme/madrid", "", ""},
		{ofAcme, "hr", "acme/madrid", "target", "no target called"},
		{ofAcme, "hr.borealis.example:99", "", "target", "no target called"},
		{ofAcme, "https://other.example/", "acme/madrid", "target", "only technicians"},
		{ofAcme, "mail", "borealis/oslo", "site", "no site called"},
	} {
		fleet := newAskable()
		f, err := fleet.inquirer().ask(t.Context(), c.by, inquiry.Question{Target: c.target, Site: c.site})
		refused, _ := errors.AsType[*web.Error](err)
		switch {
		case c.code == "" && (err != nil || f.Party != inquiry.Nobody || f.ID == ""):
			t.Errorf("%s asks about %q from %q: %v, %+v", c.by.Name, c.target, c.site, err, f)
		case c.code != "" && (refused == nil || refused.Code != c.code || !strings.Contains(refused.Error()+refused.Fix, c.says)):
			t.Errorf("%s asks about %q from %q: %v, wanted the refusal %s: %s", c.by.Name, c.target, c.site, err, c.code, c.says)
		case c.code != "" && len(fleet.asked) > 0:
			t.Errorf("%s was refused %q, and still %d sites were asked", c.by.Name, c.target, len(fleet.asked))
		case c.by == ofAcme && c.code == "" && (strings.Contains(fmt.Sprintf("%+v", f), "borealis") || strings.Contains(fmt.Sprintf("%+v", f), "City")):
			t.Errorf("%s asks about %q and is told of another client: %+v %v", c.by.Name, c.target, f, err)
		}
		if private := c.target == "erp" || c.target == "hr"; private && c.code == "" {
			for site := range fleet.asked {
				if client, _, _ := strings.Cut(site, "/"); client != map[string]string{"erp": "acme", "hr": "borealis"}[c.target] {
					t.Errorf("%s learned of the private target %s", site, c.target)
				}
			}
		}
		if typed := strings.HasPrefix(c.target, "https://other.example/x"); typed != (len(fleet.audited) == 1) {
			t.Errorf("asking about %q left in the trail: %q", c.target, fleet.audited)
		}
	}
}

func TestAnAnswerComesInTimeWhateverSitesDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newAskable()
		hang := func(ctx context.Context) (uplink.Tried, error) {
			<-ctx.Done()
			return uplink.Tried{}, ctx.Err()
		}
		f.answer["acme/madrid"] = hang
		f.answer["acme/lisbon"] = func(context.Context) (uplink.Tried, error) {
			return uplink.Tried{Refused: "busy"}, nil
		}
		f.answer["borealis/rome"] = nil // no session
		i := f.inquirer()
		began := time.Now()
		got, err := i.ask(t.Context(), technician, inquiry.Question{Target: "mail", Site: "acme/madrid"})
		if took := time.Since(began); err != nil || took > inquiryLongest || got.Took != took {
			t.Fatalf("%v after %v (said %v)", err, took, got.Took)
		}
		states := map[string]string{}
		for _, r := range got.Rows {
			states[r.Site] = r.State
		}
		if fmt.Sprint(states) != "map[acme/lisbon:refused acme/madrid:silent borealis/oslo:answered]" || got.Rows[0].Site != "acme/madrid" {
			t.Errorf("rows: %+v", got.Rows)
		}
		if s := f.asked["borealis/oslo"]; s.Host != "mail.example" || s.Timeout <= 0 || s.Timeout > probePatience {
			t.Errorf("asked: %+v", s)
		}

		kept, err := i.finding(got.ID, time.Now())
		if err != nil || kept.Sentence != got.Sentence || kept.Client != "acme" {
			t.Errorf("kept: %+v, %v", kept, err)
		}
		time.Sleep(findingsLife + time.Second)
		if _, err := i.finding(got.ID, time.Now()); !errors.Is(err, web.ErrNotFound) {
			t.Errorf("an hour later: %v", err)
		}

		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if _, err := i.ask(ctx, technician, inquiry.Question{Target: "mail", Site: "acme/madrid"}); !errors.Is(err, context.Canceled) {
			t.Errorf("nobody waits for it any more: %v", err)
		}
	})
}

func TestAskingIsLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newAskable().inquirer()
		ask := func(name string) error {
			_, err := i.ask(t.Context(), access.Principal{Name: name, Role: access.Technician}, inquiry.Question{Target: "mail"})
			return err
		}
		tooOften := func(err error) bool {
			e, ok := errors.AsType[*web.Error](err)
			return ok && e.Code == "too_often"
		}
		for n := range inquiryBurst {
			if err := ask("a"); err != nil {
				t.Fatalf("question %d: %v", n+1, err)
			}
		}
		if err := ask("a"); !tooOften(err) || !strings.Contains(err.(*web.Error).Fix, "11 s") && !strings.Contains(err.(*web.Error).Fix, "10 s") {
			t.Errorf("one more: %v", err)
		}
		if err := ask("b"); err != nil {
			t.Errorf("somebody else: %v", err)
		}
		time.Sleep(inquiryEvery)
		if err := ask("a"); err != nil {
			t.Errorf("after a while: %v", err)
		}
		if err := ask("a"); !tooOften(err) {
			t.Errorf("and at once again: %v", err)
		}
		time.Sleep(time.Hour)
		for n := range inquiryBurstAll {
			if err := ask(fmt.Sprint("crowd", n)); err != nil {
				t.Fatalf("of a crowd, number %d: %v", n+1, err)
			}
		}
		if err := ask("latecomer"); !tooOften(err) {
			t.Errorf("one more of a crowd: %v", err)
		}
		for n := range 3 * inquiryPeople {
			ask(fmt.Sprint("name", n))
			time.Sleep(inquiryEveryAll)
		}
		if n := len(i.people); n > inquiryPeople {
			t.Errorf("%d people are remembered", n)
		}
		if n := len(i.kept); n > findingsKept {
			t.Errorf("%d answers are kept", n)
		}
	})
}

func TestOnlyTheLineOrTheServiceIsBlamedOnEvidence(t *testing.T) {
	f := newAskable()
	for site := range f.answer {
		f.answer[site] = answering(refuses, 3)
	}
	got, err := f.inquirer().ask(t.Context(), technician, inquiry.Question{Target: "mail", Site: "acme/madrid"})
	if err != nil || got.Party != inquiry.Service || got.Rows[0].Layer != "tcp" || got.Rows[0].Cause != "tcp_refused" || !strings.Contains(got.Sentence, "It is NIMBUS") {
		t.Errorf("everybody is refused: %+v, %v", got, err)
	}
	f = newAskable()
	f.answer["acme/madrid"] = answering(refuses, 0)
	if got, err = f.inquirer().ask(t.Context(), technician, inquiry.Question{Target: "mail", Site: "acme/madrid"}); err != nil || got.Party != inquiry.Site {
		t.Errorf("madrid's references fail: %+v, %v", got, err)
	}
}

// TestAQueryStaysWithItsClient: the secret in a link that somebody typed must not
// travel to other clients' machines.
func TestAQueryStaysWithItsClient(t *testing.T) {
	fleet := newAskable()
	technician := access.Principal{Name: "tim", Role: access.Technician}
	if _, err := fleet.inquirer().ask(t.Context(), technician, inquiry.Question{Target: "https://other.example/reset?token=secret", Site: "acme/madrid"}); err != nil {
		t.Fatal(err)
	}
	if len(fleet.asked) == 0 {
		t.Fatal("nobody was asked")
	}
	for site := range fleet.asked {
		if !strings.HasPrefix(site, "acme/") {
			t.Errorf("%s learned of it", site)
		}
	}
}
