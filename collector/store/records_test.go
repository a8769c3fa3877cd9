package store

import (
	"fmt"
	"testing"
	"time"
)

func TestFeedsAreRecordedOnceAndPruned(t *testing.T) {
	path, ctx := file(t), t.Context()
	s := openAt(t, path)
	minute := func(n int) time.Time { return at.Add(time.Duration(n) * time.Minute) }
	notice := Notice{ID: "azure-rss/n", Provider: "azure", Doc: []byte("one"), Published: minute(1), Seen: minute(2)}
	readings := []Reading{
		{Feed: "azure-rss", Provider: "azure", At: minute(0), State: "quiet"},
		{Feed: "azure-rss", Provider: "azure", At: minute(2), State: "degraded", Troubled: `[{"service":"x"}]`},
		{Feed: "slack", Provider: "slack", At: minute(1), Why: "no answer in time"},
	}
	for range 2 { // a save that was repeated is one
		if err := s.SaveFeeds(ctx, []Notice{notice}, readings); err != nil {
			t.Fatal(err)
		}
	}
	later := notice
	later.Doc, later.Seen = []byte("two"), minute(50)
	if err := s.SaveFeeds(ctx, []Notice{later}, nil); err != nil {
		t.Fatal(err)
	}
	s.Close()
	s = openAt(t, path)
	notices, err := s.Notices(ctx, "azure", minute(0))
	if err != nil || len(notices) != 1 || string(notices[0].Doc) != "two" || !notices[0].Seen.Equal(minute(2)) || !notices[0].Published.Equal(minute(1)) {
		t.Errorf("%+v, %v", notices, err)
	}
	for since, want := range map[int]int{-1: 3, 0: 3, 1: 3, 2: 2, 90: 2} { // what held then counts
		got, err := s.Readings(ctx, minute(since))
		if err != nil || len(got) != want {
			t.Errorf("since minute %d: %+v, %v", since, got, err)
		}
	}
	if p, err := s.Prune(ctx, at.Add(keepHours+time.Hour)); err != nil || p.Records != 2 {
		t.Errorf("pruned %+v, %v; want the notice and the reading that was superseded", p, err)
	}
}

func TestFeedRecordsAreBounded(t *testing.T) {
	s, ctx := openAt(t, file(t)), t.Context()
	var notices []Notice
	for i := range maxNotices + 10 {
		notices = append(notices, Notice{ID: fmt.Sprint("n", i), Provider: "azure", Seen: at.Add(time.Duration(i) * time.Second)})
	}
	if err := s.SaveFeeds(ctx, notices, nil); err != nil {
		t.Fatal(err)
	}
	got, err := s.Notices(ctx, "", time.Time{})
	if err != nil || len(got) != maxNotices || got[len(got)-1].ID != "n10" {
		t.Errorf("%d notices, %v", len(got), err)
	}
}

func TestCoverageByMinuteAndHour(t *testing.T) {
	path, ctx := file(t), t.Context()
	s := openAt(t, path)
	hour := at.Truncate(time.Hour)
	for n, sites := range []int{4, 4, 1, 3} {
		rows := []Coverage{{Provider: "azure", Region: "westeurope", Sites: sites, Networks: min(sites, 3), Confidence: min(sites, 3)},
			{Provider: "own", Client: "acme", Sites: 1, Networks: 1, Confidence: 2}}
		for range 2 { // a minute counts once
			if err := s.SaveCoverage(ctx, hour.Add(time.Duration(n)*time.Minute+7*time.Second), rows); err != nil {
				t.Fatal(err)
			}
		}
	}
	s.Close()
	s = openAt(t, path)
	q := CoverageQuery{From: hour, To: hour.Add(time.Hour), Provider: "azure"}
	minutes, err := s.CoverageHistory(ctx, q)
	if err != nil || len(minutes) != 4 || minutes[2].Sites != 1 || minutes[2].Confidence != 1 || !minutes[3].Start.Equal(hour.Add(3*time.Minute)) {
		t.Errorf("minutes: %+v, %v", minutes, err)
	}
	q.Hours, q.Provider = true, ""
	hours, err := s.CoverageHistory(ctx, q)
	want := Coverage{Start: hour, Provider: "azure", Region: "westeurope", Sites: 1, Networks: 1, Minutes: 4, MeanSites: 3, MeanNetworks: 2.5, Sure: 3}
	if err != nil || len(hours) != 2 || hours[0] != want || hours[1].Client != "acme" {
		t.Errorf("hours: %+v, %v", hours, err)
	}
	if _, err := s.Prune(ctx, at.Add(KeepMinutes+2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	q.Hours = false
	minutes, _ = s.CoverageHistory(ctx, q)
	q.Hours = true
	if hours, _ = s.CoverageHistory(ctx, q); len(minutes) != 0 || len(hours) != 2 {
		t.Errorf("after 14 days: %d minutes, %d hours", len(minutes), len(hours))
	}
	if p, err := s.Prune(ctx, at.Add(keepHours+2*time.Hour)); err != nil || p.Coverage != 2 {
		t.Errorf("after 13 months: %+v, %v", p, err)
	}
}

// TestLinesOfASiteFromWhenToWhen: the office loses its fibre for an hour, twice.
func TestLinesOfASiteFromWhenToWhen(t *testing.T) {
	path, ctx := file(t), t.Context()
	s := openAt(t, path)
	if _, err := s.CreateToken(ctx, NewToken{Client: "acme", Site: "madrid", Expires: time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	hour := func(n int) time.Time { return at.Add(time.Duration(n) * time.Hour) }
	on := func(n int, fibre, mobile time.Time) {
		t.Helper()
		lines := []Line{{Site: "acme/madrid", Family: 4, Key: "isp Fibre", Name: "Fibre", Usual: true, Since: fibre},
			{Site: "acme/madrid", Family: 4, Key: "isp Mobile", Name: "Mobile", Since: mobile}}
		for range 2 {
			if err := s.SavePresence(ctx, map[string][]Line{"acme/madrid": lines, "nobody/here": {{Site: "nobody/here", Key: "x", Since: hour(0)}}}, nil, hour(n)); err != nil {
				t.Fatal(err)
			}
		}
	}
	never := time.Time{}
	on(0, hour(0), never)
	on(5, never, hour(5))
	on(6, hour(6), never)
	s.Close()
	s = openAt(t, path)
	on(8, never, hour(8))
	on(9, hour(9), never)
	got, err := s.LineTimes(ctx, "", hour(-10), hour(100), 100)
	if err != nil {
		t.Fatal(err)
	}
	text := ""
	for _, l := range got {
		text += fmt.Sprintf("%s %d ", l.Name, int(l.Since.Sub(at).Hours()))
		if !l.Until.IsZero() {
			text += fmt.Sprint(int(l.Until.Sub(at).Hours()))
		}
		text += "; "
	}
	if text != "Fibre 0 5; Mobile 5 6; Fibre 6 8; Mobile 8 9; Fibre 9 ; " {
		t.Error(text)
	}
	if got, err = s.LineTimes(ctx, "acme/madrid", hour(5), hour(6), 100); err != nil || len(got) != 1 || got[0].Name != "Mobile" {
		t.Errorf("in that hour: %+v, %v", got, err)
	}
	if p, err := s.Prune(ctx, hour(7).Add(keepHours)); err != nil || p.Records != 2 {
		t.Errorf("pruned: %+v, %v", p, err)
	}
}
