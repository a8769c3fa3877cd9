package alert

import (
	"errors"
	"strings"
	"testing"
	"time"

	"picket/collector/detect"
)

func silence(t *testing.T, matchers ...string) Silence {
	t.Helper()
	s := Silence{ID: "s", Comment: "planned", Author: "ana", Created: noon, Until: noon.Add(time.Hour)}
	for _, text := range matchers {
		m, err := ParseMatcher(text)
		if err != nil {
			t.Fatal(err)
		}
		s.Matchers = append(s.Matchers, m)
	}
	return s
}

func TestASilenceMutesWhatItNames(t *testing.T) {
	cloud := outage(func(i *detect.Incident) {
		i.Service, i.Targets = "storage", []string{"azure-blob-west", "azure-blob-north"}
	})
	site := detect.Incident{Kind: detect.KindSite, Site: "acme/madrid", Client: "acme"}
	own := detect.Incident{Kind: detect.KindTarget, Target: "acme-crm", Targets: []string{"acme-crm"}, Client: "acme", Provider: "crm"}
	for _, c := range []struct {
		matchers          string
		cloud, site, mine bool
	}{
		{"provider=azure", true, false, false},
		{"provider=AZURE", true, false, false},
		{"provider=azu", false, false, false},
		{"provider=a*e", true, false, false},
		{"provider=*", true, false, true},
		{"provider=aws", false, false, false},
		{"region=west*", true, false, false},
		{"region=*europe", true, false, false},
		{"region=*u*o*", true, false, false},
		{"region=*o*u*x", false, false, false},
		{"service=storage", true, false, false},
		{"kind=provider-region", true, false, false},
		{"kind=*", true, true, true},
		{"client=acme", false, true, true},
		{"client=acm?", false, false, false},
		{"site=acme/madrid", false, true, false},
		{"site=acme/*", false, true, false},
		{"site=*/madrid", false, true, false},
		{"target=azure-blob-*", true, false, false},
		{"target=azure-blob-west", false, false, false}, // it concerns another too
		{"target=acme-crm", false, false, true},
		{"route=desk", true, true, true},
		{"route=page", false, false, false},
		{"provider=azure region=westeurope route=d*k", true, false, false},
		{"provider=azure region=northeurope", false, false, false},
	} {
		s := silence(t, strings.Fields(c.matchers)...)
		if a, b, d := s.Mutes(&cloud, "desk"), s.Mutes(&site, "desk"), s.Mutes(&own, "desk"); a != c.cloud || b != c.site || d != c.mine {
			t.Errorf("%s mutes cloud %v, site %v, own %v", c.matchers, a, b, d)
		}
	}
}

func TestWhatIsNoSilence(t *testing.T) {
	for text, why := range map[string]string{"": "form field=value", "azure": "form field=value", "cloud=azure": "no field", "provider=": "no value",
		"provider=a\nb": "control", "provider=" + strings.Repeat("x", 201): "longer"} {
		if _, err := ParseMatcher(text); !errors.Is(err, ErrSilence) || !strings.Contains(err.Error(), why) {
			t.Errorf("%.20q: %v", text, err)
		}
	}
	for name, c := range map[string]struct {
		change func(*Silence)
		why    string
	}{
		"good":             {func(*Silence) {}, ""},
		"thirty days":      {func(s *Silence) { s.Until = noon.Add(MaxSilence) }, ""},
		"for longer":       {func(s *Silence) { s.Until = noon.Add(MaxSilence + time.Hour) }, "at most 30"},
		"over":             {func(s *Silence) { s.Until = noon }, "before it begins"},
		"of nothing":       {func(s *Silence) { s.Matchers = nil }, "nothing about what"},
		"twice the same":   {func(s *Silence) { s.Matchers = append(s.Matchers, s.Matchers...) }, "given twice"},
		"without a reason": {func(s *Silence) { s.Comment = "" }, "no comment"},
		"with a novel":     {func(s *Silence) { s.Comment = strings.Repeat("x", 501) }, "longer"},
		"with a forgery":   {func(s *Silence) { s.Comment = "x\nended by ana" }, "one line"},
	} {
		s := silence(t, "provider=azure")
		c.change(&s)
		if err := s.Check(); (err == nil) != (c.why == "") || err != nil && (!errors.Is(err, ErrSilence) || !strings.Contains(err.Error(), c.why)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheLongestSilenceCounts(t *testing.T) {
	i := outage()
	short, long, ended, other := silence(t, "provider=azure"), silence(t, "kind=*"), silence(t, "kind=*"), silence(t, "provider=aws")
	long.ID, long.Until = "long", noon.Add(2*time.Hour)
	ended.ID, ended.Until, ended.Ended = "ended", noon.Add(9*time.Hour), noon
	other.ID, other.Until = "other", noon.Add(9*time.Hour)
	all := []Silence{short, ended, long, other}
	for after, want := range map[time.Duration]string{-time.Minute: "", 0: "long", 90 * time.Minute: "long", 2 * time.Hour: ""} {
		if got, ok := Muting(all, noon.Add(after), &i, "page"); ok != (want != "") || got.ID != want {
			t.Errorf("after %s: %q %v", after, got.ID, ok)
		}
	}
}

// FuzzLike: the pattern of the text itself is like it, and nothing panics.
func FuzzLike(f *testing.F) {
	f.Add("azure", "a*e")
	f.Add("", "**")
	f.Fuzz(func(t *testing.T, text, pattern string) {
		like(text, pattern)
		if !like(text, "*") || !strings.Contains(text, "*") && !like(text, text) {
			t.Errorf("%q is not like itself", text)
		}
	})
}
