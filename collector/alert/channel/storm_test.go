package channel_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"picket/collector/alert"
	"picket/collector/alert/channel"
	"picket/collector/detect"
	"picket/collector/store"
)

// BenchmarkFromDecisionToReceipt measures what a storm costs on its way out: 500
// targets of one region are one incident, told on 15 routes of five kinds. The
// time counts from the decision, through the planning and the commit to the disk,
// to the receiver that has read the message.
func BenchmarkFromDecisionToReceipt(b *testing.B) {
	const each = 3
	type receipt struct {
		at  time.Time
		bad []string
	}
	got := make(chan receipt, 1000)
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		at := time.Now()
		var wrong []string
		switch {
		case strings.HasPrefix(r.URL.Path, "/slack"):
			wrong = channel.SlackForm(body)
		case strings.HasPrefix(r.URL.Path, "/teams"):
			wrong = channel.TeamsForm(body)
		case strings.HasPrefix(r.URL.Path, "/pagerduty"):
			wrong = channel.PagerForm(body)
		}
		got <- receipt{at, wrong}
	}))
	defer hook.Close()
	all := ways{}
	for k := range each {
		at := func(kind string) string { return fmt.Sprintf("%s/%s/%d", hook.URL, kind, k) }
		all[fmt.Sprintf("webhook-%d", k)] = channel.Webhook{URL: at("webhook"), Secret: withSecret}
		all[fmt.Sprintf("slack-%d", k)] = channel.Slack{URL: text(at("slack"))}
		all[fmt.Sprintf("teams-%d", k)] = channel.Teams{URL: text(at("teams"))}
		all[fmt.Sprintf("pagerduty-%d", k)] = channel.PagerDuty{URL: at("pagerduty"), Key: text(pagerSecret)}
		all[fmt.Sprintf("ticket-%d", k)] = channel.Ticket{URL: at("ticket"), Secret: withSecret}
	}
	s, err := store.Open(b.Context(), filepath.Join(b.TempDir(), "picket.db"), slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	box := durable{s}
	d := channel.New(channel.Options{Ways: all, Past: box})
	sender := alert.NewSender(alert.Options{Outbox: box, Routes: all.routes(), Deliver: d.Deliver})
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan struct{})
	go func() { defer close(done); sender.Run(ctx) }()
	defer func() { cancel(); <-done }()

	var took []time.Duration
	for n := 0; b.Loop(); n++ {
		i := storm(fmt.Sprintf("01STORM%d", n))
		decided := time.Now()
		letters, err := alert.NewPlanner(alert.PlannerOptions{Routes: all.routes()}).Plan(decided, i)
		if err != nil || len(letters) != len(all) {
			b.Fatalf("%d letters, %v", len(letters), err)
		}
		var ms []store.Message
		for _, l := range letters {
			ms = append(ms, store.Message{ID: l.ID, Incident: l.Incident, Route: l.Route, Event: string(l.Event), Body: l.Body, Created: l.Created})
		}
		doc, err := json.Marshal(i)
		if err == nil {
			err = s.SaveIncident(b.Context(), i.ID, doc, i.Opened, decided, true, ms)
		}
		if err != nil {
			b.Fatal(err)
		}
		sender.Notify()
		for range letters {
			r := <-got
			took = append(took, r.at.Sub(decided))
			if len(r.bad) > 0 {
				b.Error(r.bad)
			}
		}
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*95/100].Microseconds())/1000, "p95-ms")
	b.ReportMetric(float64(took[len(took)-1].Microseconds())/1000, "max-ms")
	b.ReportMetric(float64(len(all)), "routes")
}

// storm is 500 targets of a region that fail for 60 sites.
func storm(id string) detect.Incident {
	i := incident(id)
	i.Severity, i.DownSites, i.Sites, i.DownNetworks, i.Networks = detect.SeverityOutage, 60, 63, 9, 9
	for k := range 500 {
		name := fmt.Sprintf("azure-westeurope-%d", k)
		i.Targets = append(i.Targets, name)
		i.Evidence = append(i.Evidence, detect.Evidence{Site: fmt.Sprintf("client-%d/hq", k%60), Client: fmt.Sprintf("client-%d", k%60), Network: fmt.Sprintf("AS%d", k%9),
			Target: name, Answer: "down", Layer: "tls", Cause: "tls_timeout", Last: i.Started})
	}
	return i
}
