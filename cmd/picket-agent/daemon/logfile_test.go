package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestALogIsBoundedAndKeepsTheNewest(t *testing.T) {
	path := filepath.Join(t.TempDir(), "logs", "agent.log")
	const most = 1000
	l, err := openLog(path, most)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 500 {
		if _, err := fmt.Fprintf(l, "line %04d\n", n); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Write([]byte("x")); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != logFiles {
		t.Fatalf("%v, %v", entries, err)
	}
	var all string
	for _, name := range []string{".2", ".1", ""} {
		b, err := os.ReadFile(path + name)
		if err != nil || len(b) == 0 || len(b) > most {
			t.Errorf("%s: %d bytes, %v", name, len(b), err)
		}
		all += string(b)
	}
	if !strings.HasSuffix(all, "line 0498\nline 0499\n") || strings.Count(all, "\n") != 300 {
		t.Errorf("%d lines, the last ones %q", strings.Count(all, "\n"), all[len(all)-40:])
	}
}

func TestALogGoesOnWhereItEnded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agent.log")
	for range 2 {
		l, err := openLog(path, 10)
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() { l.Write([]byte("abc\n")) })
		}
		wg.Wait()
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil || len(b) != 8 {
		t.Errorf("%q, %v", b, err)
	}
}
