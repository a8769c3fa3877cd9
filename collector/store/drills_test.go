package store

import (
	"slices"
	"testing"
	"time"
)

func TestDrillsAreKept(t *testing.T) {
	path := file(t)
	s, ctx := openAt(t, path), t.Context()
	for i, id := range []string{"a", "b", "c"} {
		if err := s.SaveDrill(ctx, Drill{ID: id, Doc: []byte("begun"), Begun: at.Add(time.Duration(i) * time.Hour)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.SaveDrill(ctx, Drill{ID: "b", Doc: []byte("found"), Begun: at, Ended: at.Add(90 * time.Minute)}); err != nil {
		t.Fatal(err)
	}
	ids := func(all []Drill, err error) (list []string) {
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range all {
			list = append(list, d.ID)
		}
		return list
	}
	if got := ids(s.Drills(ctx, 2)); !slices.Equal(got, []string{"c", "b"}) {
		t.Errorf("the newest two are %v", got)
	}
	if got := ids(s.OpenDrills(ctx)); !slices.Equal(got, []string{"c", "a"}) {
		t.Errorf("not ended: %v", got)
	}
	all, err := s.Drills(ctx, 0)
	if err != nil || len(all) != 3 {
		t.Fatal(all, err)
	}
	if b := all[1]; string(b.Doc) != "found" || !b.Begun.Equal(at.Add(time.Hour)) || !b.Ended.Equal(at.Add(90*time.Minute)) {
		t.Errorf("b is kept as %s, begun %s, ended %s", b.Doc, b.Begun, b.Ended)
	}
}
