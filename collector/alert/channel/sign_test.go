package channel

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"picket/collector/alert"
)

func TestVerify(t *testing.T) {
	secret, body := []byte("k"), []byte(`{"a":1}`)
	now := time.Unix(1_770_000_000, 0)
	good := Sign(secret, body, now)
	// A vector for those who write a receiver in another language:
	// printf '1770000000.{"a":1}' | openssl dgst -sha256 -hmac k
	if want := "t=1770000000,v1=42e6d90b540d0398d61d50863f7317702e219d7d448e135d4578a146650218b7"; good != want {
		t.Errorf("signature %q, want %q", good, want)
	}
	for _, c := range []struct {
		name, header string
		body         string
		at           time.Time
		want         error
	}{
		{"good", good, `{"a":1}`, now, nil},
		{"a second signature of a rotated secret", good + ",v1=00", `{"a":1}`, now.Add(time.Minute), nil},
		{"another body", good, `{"a":2}`, now, ErrSignature},
		{"too old", good, `{"a":1}`, now.Add(6 * time.Minute), ErrStale},
		{"from the future", good, `{"a":1}`, now.Add(-6 * time.Minute), ErrStale},
		{"missing", "", `{"a":1}`, now, ErrSignature},
		{"another time", "t=1770000001" + good[12:], `{"a":1}`, now, ErrSignature},
		{"no time", good[13:], `{"a":1}`, now, ErrSignature},
		{"rubbish", "t=,v1=zz,=,", `{"a":1}`, now, ErrSignature},
	} {
		h := http.Header{}
		h.Set(SignatureHeader, c.header)
		if err := Verify(secret, h, []byte(c.body), c.at, 5*time.Minute); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	h := http.Header{}
	h.Set(SignatureHeader, Sign(nil, body, now))
	if err := Verify(nil, h, body, now, time.Minute); err == nil {
		t.Error("an empty secret verifies nothing")
	}
}

func FuzzVerify(f *testing.F) {
	f.Add("t=1,v1=00", []byte("x"))
	f.Fuzz(func(t *testing.T, header string, body []byte) {
		h := http.Header{SignatureHeader: {header}}
		if Verify([]byte("k"), h, body, time.Unix(1, 0), time.Minute) == nil {
			t.Error("forged")
		}
	})
}

func TestAnswersOfReceivers(t *testing.T) {
	for code, want := range map[int]string{200: "", 202: "", 204: "", 301: "no", 400: "no", 404: "no", 401: "no", 410: "gone",
		408: "later", 425: "later", 429: "later", 500: "later", 503: "later"} {
		resp := &http.Response{StatusCode: code, Header: http.Header{}}
		resp.Header.Set("Retry-After", "120")
		err := answer(resp)
		got := "later"
		switch {
		case err == nil:
			got = ""
		case errors.Is(err, alert.ErrGone):
			got = "gone"
		case errors.Is(err, alert.ErrRefused):
			got = "no"
		}
		if got != want {
			t.Errorf("%d: %q, want %q", code, got, want)
		}
	}
}
