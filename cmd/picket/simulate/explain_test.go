package simulate

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"picket/collector/detect"
	"picket/probes"
)

// recorded is a run made by hand, with all that a trace can tell.
func recorded(t *testing.T) *Recording {
	t.Helper()
	x := tale(wants())
	r, err := record(t.Context(), &x.s, 3, func(_ context.Context, _ *Scenario, o RunOptions) (*Run, error) {
		o.Trace.Note(-history, "fleet", "s01-1 has a session")
		o.Trace.Note(-time.Minute, "suspicion", "s01-1 doubts what was long ago")
		o.Trace.Note(time.Minute, "fault", "refused begins")
		o.Observer(59*time.Second, 1, 0, probes.Result{Outcome: probes.Up, Total: 20 * time.Millisecond})
		o.Observer(61*time.Second, 0, 0, probes.Result{Outcome: probes.Down, Total: time.Second})
		o.Trace.Note(61*time.Second, "suspicion", "s01-1 doubts azure-compute-westeurope/http (tcp_refused)")
		o.Trace.Note(61*time.Second, "round", "asks 12 agents")
		for k := range 11 {
			o.Trace.Note(61500*time.Millisecond, "vote", x.s.Fleet.Sites[k].ID+"-1: down tcp_refused")
		}
		o.Trace.Note(61600*time.Millisecond, "vote", "s12-1: up ")
		o.Trace.Note(61700*time.Millisecond, "incident", "as the trace tells it")
		open := also(region("a"), func(i *detect.Incident) {
			i.Title, i.Reason.Text, i.State = "Azure westeurope: outage", "11 of 12 sites on 6 ISPs <cannot> reach it.", detect.Confirmed
		})
		x.say(61.7, detect.Opened, open).say(61.9, detect.Changed, open).page(61.7, "opened", open)
		x.say(300, detect.Closed, also(open, func(i *detect.Incident) { i.State = detect.Resolved }))
		x.r.Notices = []detect.Notice{{At: noon.Add(400 * time.Second), Kind: "told", Cause: "liar", Text: "the votes of s12 are set aside"}}
		return &x.r, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestExplainTellsTheRunInOrder(t *testing.T) {
	var b bytes.Buffer
	if err := recorded(t).Explain(&b); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	rest := text
	for _, want := range []string{
		"T1", "seed 3, 12 sites", "+01:00.000  fault", "+01:01.000  suspicion", "asks 12 agents", "+01:01.500  vote", "and 4 more, until +01:01.600",
		"+01:01.700  incident", "opened a: provider-region azure westeurope, confirmed outage at tcp. Azure westeurope: outage. 11 of 12 sites",
		"page       opened: Azure westeurope: outage", "+05:00.000  incident   closed a", "+06:40.000  notice", "set aside", "exact", "after 1.7s", "OK",
	} {
		_, after, ok := strings.Cut(rest, want)
		if !ok {
			t.Fatalf("%q is missing, or stands too early, in:\n%s", want, text)
		}
		rest = after
	}
	for _, never := range []string{"has a session", "long ago", "as the trace tells it", "changed a:"} {
		if strings.Contains(text, never) {
			t.Errorf("%q is no news:\n%s", never, text)
		}
	}
}

func TestExplainTellsWhatIsWrong(t *testing.T) {
	r := recorded(t)
	r.Scenario.Forbid = []Forbid{{Match: Match{Kind: "provider-region"}, Line: 9}}
	r.Verdict = Judge(r.Scenario, r.Run)
	var b bytes.Buffer
	if err := r.Explain(&b); err != nil || !strings.Contains(b.String(), "NOT OK  forbidden (line 9") {
		t.Errorf("%v:\n%s", err, b.String())
	}
}

func TestPictureShowsTheDecision(t *testing.T) {
	r := recorded(t)
	svg := r.Picture()
	d := xml.NewDecoder(bytes.NewReader(svg))
	marks := map[string]int{}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("no XML: %v\n%s", err, svg)
		}
		e, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		if e.Name.Local == "script" {
			t.Error("there is a script")
		}
		for _, a := range e.Attr {
			if a.Name.Local == "class" {
				marks[a.Value]++
			}
			if strings.HasPrefix(a.Name.Local, "on") || a.Name.Local == "href" {
				t.Errorf("attribute %s", a.Name.Local)
			}
		}
	}
	// One more of each stands in the key; a failed look is a line and a cross.
	for class, want := range map[string]int{"no": 12, "yes": 2, "q": 2, "ko": 3, "ok": 2, "d": 2, "p": 2, "f": 1} {
		if marks[class] != want {
			t.Errorf("%d marks of class %s, want %d", marks[class], class, want)
		}
	}
	for _, want := range []string{"Confirmed after 1.7 s: Azure westeurope: outage", "Somebody is told after 1.7 s", "&lt;cannot&gt;", "s12", "prefers-color-scheme:dark", "T1, seed 3"} {
		if !strings.Contains(string(svg), want) {
			t.Errorf("%q is missing", want)
		}
	}
	if !bytes.Equal(svg, recorded(t).Picture()) {
		t.Error("the same run gives another picture")
	}
	if len(svg) > 64<<10 {
		t.Errorf("the picture has %d bytes", len(svg))
	}
}

func TestPictureOfNothing(t *testing.T) {
	x := tale()
	x.s.Faults = nil
	r := &Recording{Scenario: &x.s, Run: &x.r}
	if svg := string(r.Picture()); !strings.Contains(svg, "Nothing was declared.") || !strings.HasSuffix(strings.TrimSpace(svg), "</svg>") {
		t.Error(svg)
	}
}

// What the trace of a real run says must be understood by the picture.
func TestPictureOfARealRun(t *testing.T) {
	s := with(2*time.Minute, Fault{At: time.Minute, Rate: 1, What: What{Targets: []string{"azure-compute-eastus"}}, How: How{Name: Refused}})
	r, err := Record(t.Context(), &s, 1)
	if err != nil {
		t.Fatal(err)
	}
	svg := string(r.Picture())
	for class, least := range map[string]int{`class="no"`: 8, `class="q"`: 2, `class="ko"`: 3, `class="d"`: 2, `class="p"`: 2} {
		if n := strings.Count(svg, class); n < least {
			t.Errorf("%d times %s, want at least %d", n, class, least)
		}
	}
}

// TestPictureOfTheDocs: the picture in docs is what its command draws now.
func TestPictureOfTheDocs(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("the picture is drawn on amd64; elsewhere logarithms may round otherwise, and the luck of a seed with them")
	}
	const docs = "../../../docs/"
	src, err := os.ReadFile(docs + "decides.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s, err := Load("docs/decides.yaml", src)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Record(t.Context(), s, 1)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(docs + "decides.svg"); err != nil || !bytes.Equal(got, r.Picture()) {
		t.Errorf("docs/decides.svg is not what is drawn now (%v). Look at it, and if it is right draw it anew:\n"+
			"go run ./cmd/picket simulate docs/decides.yaml --seed 1 --picture docs/decides.svg", err)
	}
}

// TestHistoryIsAnsweredInItsTime: before 0 a vote follows its round by seconds too.
func TestHistoryIsAnsweredInItsTime(t *testing.T) {
	s := with(time.Second)
	s.Noise = calmNoise()
	r, err := Record(t.Context(), &s, 1)
	if err != nil {
		t.Fatal(err)
	}
	votes, round := 0, never
	for _, n := range r.notes {
		switch n.kind {
		case "round":
			round = n.at
		case "vote":
			if votes++; n.at-round > 10*time.Second {
				t.Fatalf("%s at %s, asked at %s", n.text, moment(n.at), moment(round))
			}
		}
	}
	if votes < 100 {
		t.Errorf("only %d votes", votes)
	}
}
