package config

import (
	"strings"
	"testing"
)

func TestOneHTTPSCheckIsOneConnection(t *testing.T) {
	for checks, want := range map[string]string{
		"[dns, {kind: tcp, port: 443}, tls, http]": "dns http",
		"[http, tls]": "http",
		"[dns, tls]":  "dns tls",
		"[tls, {kind: http, url: 'http://a.example/'}]":         "tls http",
		"[tls, {kind: http, url: 'https://b.example/'}]":        "tls http",
		"[{kind: tcp, port: 25}, http]":                         "tcp http",
		"[{kind: tls, interval: 30s}, http]":                    "tls http",
		"[tls, {kind: http, port: 8443}]":                       "tls http",
		"[{kind: tls, port: 8443}, {kind: http, port: 8443}]":   "http",
		"[tls, {kind: http, family: 4}]":                        "tls http4",
		"[tls, {kind: http, path: /health, interval: 5m}, dns]": "http dns",
	} {
		f, err := Parse("p.yaml", []byte("targets:\n  - {id: x, provider: aws, host: a.example, checks: "+checks+"}\n"))
		if err != nil {
			t.Fatalf("%s: %v", checks, err)
		}
		var got []string
		for _, c := range f.Targets[0].Checks {
			got = append(got, strings.TrimPrefix(c.ID, "x/"))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: asked as %v, want %s", checks, got, want)
		}
		told := 0
		for _, w := range f.Warnings {
			if strings.Contains(w.Text, "left out") {
				told++
			}
		}
		if written := strings.Count(checks, "dns") + strings.Count(checks, "tcp") + strings.Count(checks, "tls") + strings.Count(checks, "{kind: http") + strings.Count(checks, ", http]") + strings.Count(checks, "[http"); told != written-len(got) {
			t.Errorf("%s: %d warnings for %d checks that were left out", checks, told, written-len(got))
		}
	}
}
