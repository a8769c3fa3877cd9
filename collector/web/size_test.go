package web

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http/httptest"
	"regexp"
	"testing"
)

// maxFirstLoad is what the first visit of Now may cost, compressed.
const maxFirstLoad = 120_000

// TestFirstLoadIsLight adds up the page and every asset that it names.
func TestFirstLoadIsLight(t *testing.T) {
	for name, s := range map[string]*scene{"outage": outage(), "crowd": crowd()} {
		h := server(t, s).Handler()
		fetch := func(path string) []byte {
			r := httptest.NewRequest("GET", path, nil)
			r.Host = "127.0.0.1"
			r.Header.Set("Accept-Encoding", "br, gzip")
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != 200 {
				t.Fatalf("%s: %d", path, w.Code)
			}
			if w.Header().Get("Content-Encoding") != "gzip" && w.Body.Len() > 500 {
				t.Errorf("%s is not compressed", path)
			}
			return w.Body.Bytes()
		}
		page := fetch("/")
		total := len(page)
		z, err := gzip.NewReader(bytes.NewReader(page))
		if err != nil {
			t.Fatal(err)
		}
		plain, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		linked := regexp.MustCompile(`/assets/[^"]+`).FindAllString(string(plain), -1)
		if len(linked) < 3 {
			t.Fatalf("the page links %q", linked)
		}
		for _, path := range linked {
			total += len(fetch(path))
		}
		t.Logf("%s: page %d B (%d B plain), with %d assets %d B", name, len(page), len(plain), len(linked), total)
		if total > maxFirstLoad {
			t.Errorf("%s: the first load is %d B, wants at most %d", name, total, maxFirstLoad)
		}
	}
}

// TestAssetsAreServedPlainToo is for clients that know no compression.
func TestAssetsAreServedPlainToo(t *testing.T) {
	h := server(t, calm()).Handler()
	for _, path := range regexp.MustCompile(`/assets/[^"]+`).FindAllString(page(t, calm(), "/"), -1) {
		w := ask(h, "GET", path, "")
		if w.Code != 200 || w.Header().Get("Content-Encoding") != "" || w.Header().Get("Vary") != "Accept-Encoding" || w.Body.Len() < 100 {
			t.Errorf("%s: %d %v, %d B", path, w.Code, w.Header(), w.Body.Len())
		}
	}
}
