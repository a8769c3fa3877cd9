package identity

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
)

func sampleToken() Token {
	return Token{
		Addrs: []string{"collector.example.net:4443", "[2001:db8::1]:4443"}, Pin: Pin{1, 2, 3, 31: 255},
		ID: "01JD3V9Q3V7Z8XW5N4M2K1H0GT", Secret: []byte("0123456789abcdef0123456789abcdef"),
	}
}

// rawToken makes a string with a right checksum from any blob.
func rawToken(blob []byte) string {
	return tokenPrefix + base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint32(blob, tokenSum(blob)))
}

func TestTokenSurvivesPasting(t *testing.T) {
	want := sampleToken()
	s := want.String()
	t.Logf("%d characters with two addresses", len(s))
	if strings.ContainsFunc(s, func(r rune) bool { return !inert(r) }) {
		t.Errorf("%q has characters that shells interpret", s)
	}
	for name, pasted := range map[string]string{
		"as printed":     s,
		"with a newline": s + "\r\n",
		"wrapped":        s[:60] + "\n    " + s[60:],
	} {
		if got, err := ParseToken(pasted); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
}

// TestTokenFormatIsForever holds the bytes: tokens outlive versions.
func TestTokenFormatIsForever(t *testing.T) {
	const golden = "pk1_AQECAwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAD_GjAxSkQzVjlRM1Y3WjhYVzVONE0ySzFIMEdUIDAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVmAhpjb2xsZWN0b3IuZXhhbXBsZS5uZXQ6NDQ0MxJbMjAwMTpkYjg6OjFdOjQ0NDP-bhu9"
	if s := sampleToken().String(); s != golden {
		t.Errorf("the token of this version is\n%s\nwanted\n%s", s, golden)
	}
	if tok, err := ParseToken(golden); err != nil || !reflect.DeepEqual(tok, sampleToken()) {
		t.Errorf("read as %+v, %v", tok, err)
	}
}

func TestEveryTruncationIsRefused(t *testing.T) {
	s := sampleToken().String()
	for n := range len(s) {
		_, err := ParseToken(s[:n])
		if n > 0 && !errors.Is(err, ErrTokenCut) {
			t.Errorf("first %d of %d characters: %v", n, len(s), err)
		}
		if _, err := ParseToken(s[len(s)-n:]); err == nil {
			t.Errorf("last %d of %d characters were accepted", n, len(s))
		}
	}
}

func TestEveryMistypedCharacterIsRefused(t *testing.T) {
	tok := sampleToken()
	for range 3 { // lengths with 0, 4 and 2 idle bits in the last character
		refuseTypos(t, tok.String())
		tok.Secret = append(tok.Secret, 'x')
	}
}

// refuseTypos tries every wrong character, every missing one and every pair of
// swapped ones.
func refuseTypos(t *testing.T, s string) {
	t.Helper()
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_ .=+/\x00"
	for i := range len(s) {
		for _, c := range []byte(alphabet) {
			if s[i] == c {
				continue
			}
			_, err := ParseToken(s[:i] + string(c) + s[i+1:])
			switch {
			case err == nil:
				t.Errorf("%q at position %d was accepted", c, i)
			case i >= len(tokenPrefix) && !errors.Is(err, ErrTokenCut):
				t.Errorf("%q at position %d: %v, want ErrTokenCut", c, i, err)
			}
		}
		if _, err := ParseToken(s[:i] + s[i+1:]); err == nil {
			t.Errorf("without position %d it was accepted", i)
		}
		if i > 0 && s[i] != s[i-1] {
			swapped := []byte(s)
			swapped[i], swapped[i-1] = s[i-1], s[i]
			if _, err := ParseToken(string(swapped)); err == nil {
				t.Errorf("with positions %d and %d swapped it was accepted", i-1, i)
			}
		}
	}
}

func TestForeignStringsAreNoTokens(t *testing.T) {
	good := sampleToken()
	lost := good
	lost.Addrs = nil
	blob := func(change func([]byte) []byte) string {
		b, _ := base64.RawURLEncoding.DecodeString(good.String()[len(tokenPrefix):])
		return rawToken(change(b[:len(b)-4]))
	}
	for name, s := range map[string]string{
		"nothing":          "",
		"a word":           "hello",
		"another product":  "glsa_0123456789abcdef",
		"a newer prefix":   "pk2_" + good.String()[4:],
		"a newer format":   blob(func(b []byte) []byte { b[0] = 9; return b }),
		"something behind": blob(func(b []byte) []byte { return append(b, 0) }),
		"a field too long": blob(func(b []byte) []byte { b[33] = 255; return b }),
		"no fields":        rawToken([]byte{tokenFormat}),
		"very long":        tokenPrefix + strings.Repeat("A", 1<<20),
		"no port":          blob(func(b []byte) []byte { return bytes.Replace(b, []byte(":4443"), []byte("-4443"), 1) }),
		"port 0":           blob(func(b []byte) []byte { return bytes.Replace(b, []byte(":4443"), []byte(":0000"), 1) }),
		"a host of spaces": blob(func(b []byte) []byte { return bytes.Replace(b, []byte("collector"), []byte("coll ctor"), 1) }),
	} {
		tok, err := ParseToken(s)
		wantErr(t, name, err, ErrTokenForm)
		if !reflect.DeepEqual(tok, Token{}) {
			t.Errorf("%s: got %+v beside the error", name, tok)
		}
	}
	if lost.Valid() == nil || lost.String() != "" {
		t.Errorf("a token without addresses was written as %q", lost)
	}
}

func TestTokenKeepsItsSecretOutOfLogsAndErrors(t *testing.T) {
	var out bytes.Buffer
	tok := sampleToken()
	slog.New(slog.NewTextHandler(&out, nil)).Info("made", "token", tok)
	s := tok.String()
	_, err := ParseToken(s[:len(s)-1] + "!")
	if text := out.String() + fmt.Sprint(err); strings.Contains(text, s[100:130]) || strings.Contains(text, string(tok.Secret)) || !strings.Contains(text, tok.ID) {
		t.Errorf("logged: %s", text)
	}
}

func FuzzParseToken(f *testing.F) {
	s := sampleToken().String()
	f.Add(s)
	f.Add(s[:40])
	f.Add("pk1_")
	f.Add(rawToken([]byte{tokenFormat, 33: 255}))
	f.Fuzz(func(t *testing.T, s string) {
		check := func(s string) {
			tok, err := ParseToken(s)
			if err != nil {
				if !errors.Is(err, ErrTokenCut) && !errors.Is(err, ErrTokenForm) {
					t.Fatalf("%q: error of no kind: %v", s, err)
				}
				return
			}
			again, err := ParseToken(tok.String())
			if err != nil || !reflect.DeepEqual(tok, again) {
				t.Fatalf("%q: read %+v, again %+v, %v", s, tok, again, err)
			}
		}
		check(s)
		if len(s) < 2000 { // the same bytes with a checksum that holds, to get past it
			check(rawToken(append([]byte{tokenFormat}, s...)))
		}
	})
}
