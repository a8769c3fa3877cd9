package config

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const worked = "targets: [{id: t, provider: p, host: a.example, checks: [dns]}]\nproviders: [{id: p}]\nmaintenance:\n"

func recurring(t *testing.T, entry string) (*File, error) {
	t.Helper()
	return Parse("m.yaml", []byte(worked+"- {"+entry+"}\n"))
}

// The clocks of Madrid go forward on 29 March 2026 and back on 25 October: ten in
// the evening is 21:00 UTC before and 20:00 UTC in summer.
func TestWorkComesAgainByTheClocksOfItsZone(t *testing.T) {
	f, err := recurring(t, `rrule: "FREQ=WEEKLY;BYDAY=SU", from: 2026-03-15T22:00, for: 2h, zone: Europe/Madrid, provider: p, note: patches`)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, w := range f.Planned(at("2026-03-01T00:00:00Z"), at("2026-04-13T00:00:00Z")) {
		got = append(got, w.From.Format("01-02T15:04")+" "+w.To.Format("01-02T15:04"))
		if w.Recurring() || w.Provider != "p" || w.Note != "patches" {
			t.Errorf("a window is %+v", w)
		}
	}
	want := "03-15T21:00 03-15T23:00, 03-22T21:00 03-22T23:00, 03-29T20:00 03-29T22:00, 04-05T20:00 04-05T22:00, 04-12T20:00 04-12T22:00"
	if s := strings.Join(got, ", "); s != want {
		t.Errorf("windows are %s\nwant %s", s, want)
	}
	autumn := f.Planned(at("2026-10-18T00:00:00Z"), at("2026-10-27T00:00:00Z"))
	if len(autumn) != 2 || !autumn[0].From.Equal(at("2026-10-18T20:00:00Z")) || !autumn[1].From.Equal(at("2026-10-25T21:00:00Z")) {
		t.Errorf("in autumn: %+v", autumn)
	}
	// One that is under way began before the time that is asked for.
	if now := f.Planned(at("2026-03-15T22:30:00Z"), at("2026-03-15T22:31:00Z")); len(now) != 1 {
		t.Errorf("in the middle of a window there is none: %+v", now)
	}
	if over := f.Planned(at("2026-03-15T23:00:00Z"), at("2026-03-15T23:10:00Z")); len(over) != 0 {
		t.Errorf("it goes on after its end: %+v", over)
	}
	if far := f.Planned(at("2040-01-01T00:00:00Z"), at("2040-01-15T00:00:00Z")); len(far) != 2 {
		t.Errorf("in fourteen years: %d windows in two weeks", len(far))
	}
}

func TestWorkThatComesAgainIsReadAsItIsMeant(t *testing.T) {
	for entry, want := range map[string]string{
		`rrule: FREQ=DAILY, from: "2026-03-01T22:00:00+01:00", for: 1h, zone: Europe/Madrid`:                   "2026-03-01T21:00:00Z",
		`rrule: "FREQ=MONTHLY;BYDAY=2TU", from: 2026-03-01T22:00, for: 4h, zone: Europe/Madrid`:                "2026-03-10T21:00:00Z", // from need not be one of them
		`rrule: "FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=24", from: 2026-01-01T08:00, for: 4h, zone: Europe/Madrid`:  "2026-12-24T07:00:00Z",
		`rrule: "FREQ=DAILY;INTERVAL=3;COUNT=4", from: 2026-03-01T00:30, for: 1h, zone: UTC`:                   "2026-03-01T00:30:00Z",
		`rrule: "FREQ=WEEKLY;BYDAY=MO,TH;UNTIL=20260310T000000Z", from: 2026-03-03T00:30, for: 1h, zone: UTC`:  "2026-03-05T00:30:00Z",
		`rrule: "FREQ=MONTHLY;BYDAY=FR;BYSETPOS=-1", from: 2026-03-01T18:00, for: 60h, zone: America/New_York`: "2026-03-27T22:00:00Z",
		`rrule: "FREQ=WEEKLY;BYDAY=SU", from: 2026-03-22T02:30, for: 30m, zone: Europe/Madrid`:                 "2026-03-22T01:30:00Z",
	} {
		f, err := recurring(t, entry)
		if err != nil {
			t.Errorf("%s: %v", entry, err)
			continue
		}
		all := f.Planned(at("2026-01-01T00:00:00Z"), at("2027-06-01T00:00:00Z"))
		if len(all) == 0 || !all[0].From.Equal(at(want)) || len(all) > maxRecurring {
			t.Errorf("%s begins with %+v of %d", entry, all[:min(1, len(all))], len(all))
		}
	}
	f, err := recurring(t, `rrule: "FREQ=DAILY;INTERVAL=3;COUNT=4", from: 2026-03-01T00:30, for: 1h, zone: UTC`)
	if err != nil || len(f.Planned(at("2026-03-02T00:00:00Z"), at("2030-01-01T00:00:00Z"))) != 3 {
		t.Errorf("COUNT counts from the first one: %v", err)
	}
}

func TestDoubtfulRulesAreRefused(t *testing.T) {
	const good = `from: 2026-03-01T22:00, for: 2h, zone: Europe/Madrid`
	for entry, want := range map[string]string{
		`rrule: FREQ=HOURLY, ` + good:                                                    "comes again too often",
		`rrule: FREQ=SECONDLY, ` + good:                                                  "comes again too often",
		`rrule: FREQ=FORTNIGHTLY, ` + good:                                               "cannot be read",
		`rrule: BYDAY=SU, ` + good:                                                       "needs FREQ",
		`rrule: "FREQ=DAILY;BYHOUR=3", ` + good:                                          "has BYHOUR: when it begins is said by from and zone",
		`rrule: "FREQ=WEEKLY;BIDAY=SU", ` + good:                                         "BYDAY",
		`rrule: "FREQ=WEEKLY;FREQ=DAILY", ` + good:                                       "twice",
		`rrule: "FREQ=WEEKLY;COUNT=2;UNTIL=20270101T000000Z", ` + good:                   "keep one",
		`rrule: "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", ` + good:                           "never comes",
		`rrule: "FREQ=WEEKLY;UNTIL=20200101T000000Z", ` + good:                           "never comes",
		`rrule: FREQ=DAILY, from: 2026-03-01T22:00, for: 24h, zone: UTC`:                 "it would never end",
		`rrule: FREQ=DAILY, from: 2026-03-01T22:00, for: 336h, zone: UTC`:                "it would never end",
		`rrule: FREQ=DAILY, from: 2026-03-01T22:00, for: 2h`:                             "needs rrule, from, for and zone",
		`from: 2026-03-01T22:00, for: 2h, zone: UTC`:                                     "needs rrule, from, for and zone",
		`rrule: FREQ=DAILY, from: 2026-03-01T22:00, for: 2h, zone: Madrid`:               "is no time zone",
		`rrule: FREQ=DAILY, from: 2026-03-01T22:00, to: 2026-03-01T23:00:00Z, zone: UTC`: "has no place in work that comes again",
		`rrule: FREQ=DAILY, from: 1970-01-01T22:00, for: 2h, zone: UTC`:                  "write one from 2010 to 2100",
		`rrule: FREQ=DAILY, from: tomorrow, for: 2h, zone: UTC`:                          "not a time",
		`rrule: "FREQ=WEEKLY;BYDAY=XX", ` + good:                                         "cannot be read",
		`rrule: "FREQ=DAILY;INTERVAL=-1", ` + good:                                       "",
		`rrule: "FREQ=DAILY;INTERVAL=9999999999999999999999", ` + good:                   "",
		`rrule: "FREQ=WEEKLY;BYDAY=", ` + good:                                           "",
		`rrule: "FREQ=YEARLY;BYWEEKNO=54;BYMONTHDAY=99", ` + good:                        "",
	} {
		began := time.Now()
		f, err := recurring(t, entry)
		if err == nil {
			t.Errorf("%s is taken: %+v", entry, f.Maintenance)
			continue
		}
		if !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "m.yaml:4:") {
			t.Errorf("%s: %v\nwant %q with line and column", entry, err, want)
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("%s takes %s to refuse", entry, took)
		}
	}
}

func TestWorkThatComesAgainInADiff(t *testing.T) {
	was, err := recurring(t, `from: "2026-03-01T22:00:00Z", to: "2026-03-01T23:00:00Z", provider: p`)
	if err != nil {
		t.Fatal(err)
	}
	now, err := recurring(t, `rrule: "FREQ=WEEKLY;BYDAY=SU", from: 2026-03-15T22:00, for: 2h, zone: Europe/Madrid, provider: p`)
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(Diff(was, now))
	for _, want := range []string{"2026-03-01T22:00:00Z to 2026-03-01T23:00:00Z provider p", "FREQ=WEEKLY;BYDAY=SU, for 2h, from 2026-03-15T21:00:00Z (Europe/Madrid) provider p"} {
		if !strings.Contains(got, want) {
			t.Errorf("the plan does not say %q: %s", want, got)
		}
	}
	if same := Diff(now, now); len(same) != 0 {
		t.Errorf("the same is another: %v", same)
	}
}

func at(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return t
}
