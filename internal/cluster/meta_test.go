package cluster

import (
	"bytes"
	"encoding/hex"
	"log/slog"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/hashicorp/memberlist"

	"picket/internal/fleet"
)

// golden is version 1 of the format. It travels between versions: if this test
// fails, the format was broken, not the test.
const golden = "0103ac02" +
	"0a61636d652f7061726973" + // acme/paris
	"0461636d65" +
	"06415333333532"

func TestMetaIsTheSameForEver(t *testing.T) {
	a := about{
		seat:  fleet.Seat{Site: "acme/paris", Client: "acme", Network: "AS3352", Region: "eu"},
		facts: Facts{Version: "v0.1.0", Config: 300, Uplink: true, Voting: true, Why: "no_references"},
	}
	want := golden + "026575" + "0676302e312e30" + "0d6e6f5f7265666572656e636573"
	got := appendMeta(nil, a)
	if hex.EncodeToString(got) != want {
		t.Fatalf("metadata\n%x, want\n%s", got, want)
	}
	back, err := parseMeta(got)
	if err != nil || back != a {
		t.Errorf("read back %+v, %v", back, err)
	}
	later := append([]byte{9}, got[1:]...)
	later = append(later, "a field of tomorrow"...)
	if back, err := parseMeta(later); err != nil || back != a {
		t.Errorf("a later version reads as %+v, %v", back, err)
	}
	for n := range got {
		if _, err := parseMeta(got[:n]); err == nil {
			t.Errorf("cut off after %d bytes and accepted", n)
		}
	}
}

func TestMetaAlwaysFits(t *testing.T) {
	long := strings.Repeat("é", 500)
	b := appendMeta(nil, about{
		seat:  fleet.Seat{Site: long, Client: long, Network: long, Region: long},
		facts: Facts{Version: long, Config: math.MaxUint64, Uplink: true, Voting: true, Why: long + "\x00"},
	})
	if len(b) > memberlist.MetaMaxSize {
		t.Fatalf("%d bytes", len(b))
	}
	a, err := parseMeta(b)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(long, a.seat.Site) || !utf8.ValidString(a.seat.Site) {
		t.Errorf("cut to %q", a.seat.Site)
	}
}

func TestMetaIsPrintable(t *testing.T) {
	b := appendMeta(nil, about{seat: fleet.Seat{Site: "a\x1b[31m\xffb"}})
	if a, err := parseMeta(b); err != nil || a.seat.Site != "a?[31m?b" {
		t.Errorf("%q, %v", a.seat.Site, err)
	}
	b = bytes.Replace(b, []byte("?"), []byte("\x1b"), 1)
	if _, err := parseMeta(b); err == nil {
		t.Error("a terminal escape is accepted from others")
	}
}

func FuzzParseMeta(f *testing.F) {
	f.Add(appendMeta(nil, about{}))
	f.Add(appendMeta(nil, about{seat: fleet.Seat{Site: "acme/paris", Client: "acme"}, facts: Facts{Config: 1 << 60, Why: "x"}}))
	f.Add([]byte{1, 0, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := parseMeta(b)
		if err != nil {
			return
		}
		again := appendMeta(nil, a)
		if len(again) > memberlist.MetaMaxSize {
			t.Fatalf("%d bytes", len(again))
		}
		if len(a.seat.Site) <= maxSite && len(a.seat.Client) <= maxClient && len(a.seat.Network) <= maxNetwork &&
			len(a.seat.Region) <= maxRegion && len(a.facts.Version) <= maxVersion && len(a.facts.Why) <= maxWhy {
			if back, err := parseMeta(again); err != nil || back != a {
				t.Fatalf("%+v became %+v, %v", a, back, err)
			}
		}
	})
}

func TestMemberlistTalksAtDebug(t *testing.T) {
	var out bytes.Buffer
	l := newLogger(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})))
	l.Printf("[ERR] memberlist: something %d", 7)
	l.Printf("plain")
	if s := out.String(); !strings.Contains(s, `level=DEBUG msg=gossip said=err msg="something 7"`) || !strings.Contains(s, "msg=plain") {
		t.Error(s)
	}
	out.Reset()
	newLogger(slog.New(slog.NewTextHandler(&out, nil))).Printf("[ERR] memberlist: quiet")
	if out.Len() > 0 {
		t.Error(out.String())
	}
}
