package independence

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// answers are what DNS says in a test, by kind and name.
type answers map[Question]Answer

func (a answers) answer(q Question) (Answer, bool) {
	got, ok := a[q]
	return got, ok
}

func dnsOf(mx map[string]string, cname map[string][]string) answers {
	a := answers{}
	for d, h := range mx {
		a[Question{Exchangers, d}] = Answer{Names: strings.Fields(h)}
	}
	for n, to := range cname {
		a[Question{Chain, n}] = Answer{Names: to}
	}
	return a
}

func providers(v Verdict) string {
	var ids []string
	for _, s := range v.Stands {
		ids = append(ids, s.Provider)
	}
	return strings.Join(ids, " ")
}

func TestWhatAWayReliesOn(t *testing.T) {
	world := dnsOf(map[string]string{
		"msp.example": "msp-example.mail.protection.outlook.com", "new.example": "new-example.a-v1.mx.microsoft",
		"g.example": "aspmx.l.google.com alt1.aspmx.l.google.com", "own.example": "mail.own.example",
		"filter.example": "eu-smtp-1.mimecast.com", "hidden.example": "mx1.pphosted.com",
	}, map[string][]string{
		"autodiscover.filter.example": {"autodiscover.outlook.com", "autod.ha-autod.office.com"},
		"hooks.own.example":           nil,
		"hooks.cdn.example":           {"hooks-cdn.azureedge.net", "hooks-cdn.afd.azureedge.net", "part-0012.t-0009.t-msedge.net"},
		"tm.example.com":              {"msp.trafficmanager.net", "vm1.hoster.example"},
		"mail.own.example":            nil, "autodiscover.own.example": nil, "autodiscover.hidden.example": nil,
	})
	for _, c := range []struct {
		name    string
		way     Way
		want    string
		unknown string
	}{
		{"Teams workflow", Way{Hosts: []string{"prod-23.westeurope.logic.azure.com"}}, "azure m365", ""},
		{"Teams workflow, new address", Way{Hosts: []string{"default1234.5a.environment.api.powerplatform.com"}}, "azure m365", ""},
		{"Teams connector", Way{Hosts: []string{"MSP.webhook.office.com."}}, "m365", ""},
		{"Slack", Way{Hosts: []string{"hooks.slack.com"}}, "aws slack", ""},
		{"PagerDuty", Way{Hosts: []string{"events.eu.pagerduty.com"}}, "aws", ""},
		{"a name that only ends alike", Way{Hosts: []string{"notslack.com"}}, "", "where notslack.com is hosted (DNS was not asked)"},
		{"an address", Way{Hosts: []string{"192.0.2.1"}}, "", ""},
		{"own server", Way{Hosts: []string{"hooks.own.example"}}, "", ""},
		{"behind a CDN", Way{Hosts: []string{"hooks.cdn.example"}}, "azure", ""},
		{"through a traffic manager", Way{Hosts: []string{"tm.example.com"}}, "azure", ""},
		{"not known", Way{Hosts: []string{"hooks.elsewhere.example"}}, "", "where hooks.elsewhere.example is hosted (DNS was not asked)"},
		{"mailbox at Microsoft", Way{Mail: []string{"ops@msp.example"}}, "m365", ""},
		{"mailbox at Microsoft, DNSSEC", Way{Mail: []string{"ops@new.example"}}, "m365", ""},
		{"mailbox at Google", Way{Mail: []string{"ops@g.example"}}, "google-workspace", ""},
		{"one mailbox elsewhere keeps the way open", Way{Mail: []string{"ops@msp.example", "boss@own.example"}}, "", ""},
		{"two at the same", Way{Mail: []string{"ops@msp.example", "boss@new.example"}}, "m365", ""},
		{"two at different ones", Way{Mail: []string{"ops@msp.example", "boss@g.example"}}, "", ""},
		{"sent through Microsoft", Way{Hosts: []string{"smtp.office365.com"}, Mail: []string{"boss@own.example"}}, "m365", ""},
		{"a filter before Microsoft", Way{Mail: []string{"ops@filter.example"}}, "m365", ""},
		{"a filter that tells nothing", Way{Mail: []string{"ops@hidden.example"}}, "", "who has the mailboxes of hidden.example (its mail goes through Proofpoint, which does not tell)"},
		{"mail, not known", Way{Mail: []string{"ops@elsewhere.example"}}, "", "who has the mailboxes of elsewhere.example (DNS was not asked)"},
	} {
		v := NewTable(nil).Judge(c.way, world.answer)
		if got := providers(v); got != c.want || strings.Join(v.Unknown, "; ") != c.unknown {
			t.Errorf("%s: relies on %q, unknown %q; want %q, %q", c.name, got, v.Unknown, c.want, c.unknown)
		}
	}
}

// TestTheFileNamesItsProviders holds that what the fleet file watches counts,
// under the ids that it uses.
func TestTheFileNamesItsProviders(t *testing.T) {
	table := NewTable([]Watched{
		{ID: "o365", Name: "Microsoft 365", Hosts: []string{"outlook.office365.com"}},
		{ID: "hoster", Name: "Example Hosting", Hosts: []string{"api.hoster.example"}},
	})
	none := func(Question) (Answer, bool) { return Answer{}, true }
	if got := providers(table.Judge(Way{Hosts: []string{"msp.webhook.office.com"}}, none)); got != "o365" {
		t.Errorf("Teams relies on %q", got)
	}
	v := table.Judge(Way{Hosts: []string{"API.hoster.example"}}, none)
	if got := providers(v); got != "hoster" {
		t.Errorf("a host that is watched relies on %q", got)
	}
	if s, ok := v.On("hoster"); !ok || s.String() != "api.hoster.example" {
		t.Errorf("said as %q", s)
	}
	if s, _ := NewTable(nil).Judge(Way{Mail: []string{"a@m.example"}}, dnsOf(map[string]string{"m.example": "m.mail.protection.outlook.com"}, nil).answer).On(M365); s.String() != "Exchange Online has the mailboxes of m.example" {
		t.Errorf("said as %q", s)
	}
}

// TestKnownNamesNeedNoDNS holds that nothing is asked that the table knows.
func TestKnownNamesNeedNoDNS(t *testing.T) {
	table := NewTable(nil)
	got := table.Questions(Way{Hosts: []string{"prod-1.westeurope.logic.azure.com", "192.0.2.1", "localhost", "hooks.msp.example"}, Mail: []string{"a@msp.example", "b@msp.example"}})
	want := []Question{{Chain, "hooks.msp.example"}, {Exchangers, "msp.example"}, {Chain, "autodiscover.msp.example"}}
	if !slices.Equal(got, want) {
		t.Errorf("asks %v, want %v", got, want)
	}
}

// resolver answers, fails or hangs as the test says.
type resolver struct {
	asked int
	fail  error
	hang  bool
	mx    string
}

func (r *resolver) Exchangers(ctx context.Context, _ string) ([]string, error) {
	r.asked++
	if r.hang {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return []string{r.mx}, r.fail
}

func (r *resolver) Chain(context.Context, string) ([]string, error) { return nil, nil }

// TestABookForgetsNothingInAnOutage lives through a day: an answer is used until
// there is a newer one, and a resolver that fails takes nothing away.
func TestABookForgetsNothingInAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dns := &resolver{mx: "a.mail.protection.outlook.com"}
		b := NewBook(Options{Asker: dns})
		ask := []Question{{Exchangers, "msp.example"}}
		names := func() string {
			a, _ := b.Answer(ask[0])
			return strings.Join(a.Names, " ") + a.Err
		}
		if !b.Refresh(t.Context(), time.Now(), ask) || names() != dns.mx {
			t.Fatalf("first: %q", names())
		}
		if b.Refresh(t.Context(), time.Now().Add(time.Hour), ask) || dns.asked != 1 {
			t.Errorf("asked %d times within an hour", dns.asked)
		}
		time.Sleep(DefaultFresh)
		dns.hang = true
		if b.Refresh(t.Context(), time.Now(), ask); dns.asked != 2 || names() != dns.mx {
			t.Errorf("after a resolver that hangs: asked %d times, %q", dns.asked, names())
		}
		time.Sleep(retryAfter)
		dns.hang, dns.fail = false, errors.New("SERVFAIL")
		if b.Refresh(t.Context(), time.Now(), ask); dns.asked != 3 || names() != dns.mx {
			t.Errorf("after a resolver that fails: asked %d times, %q", dns.asked, names())
		}
		time.Sleep(retryAfter)
		dns.fail, dns.mx = nil, "mail.own.example"
		if !b.Refresh(t.Context(), time.Now(), ask) || names() != dns.mx {
			t.Errorf("after the mailboxes moved: %q", names())
		}
		if b.Refresh(t.Context(), time.Now(), nil); names() != "" {
			t.Errorf("nobody asks for it any more: %q", names())
		}
	})
}
