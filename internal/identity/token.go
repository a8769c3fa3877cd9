package identity

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"unicode"
)

// The ways in which a string is no join token. Neither error ever repeats the
// string: it may hold a secret.
var (
	// ErrTokenCut: it was a token once; characters are missing or changed.
	ErrTokenCut = errors.New("join token is damaged")
	// ErrTokenForm: it is something else, or a token of a newer version.
	ErrTokenForm = errors.New("not a join token")
)

const (
	tokenPrefix = "pk1_"
	tokenFormat = 1

	// Limits of a token's parts. With all of them at their most a token stays
	// far below the 8,191 characters of a Windows command line.
	maxTokenAddrs  = 8
	maxAddr        = 255 // a DNS name at its longest is 253
	maxTokenID     = 64
	minTokenSecret = 16
	maxTokenSecret = 64
	maxTokenBlob   = 1 + len(Pin{}) + 1 + maxTokenID + 1 + maxTokenSecret + 1 + maxTokenAddrs*(1+maxAddr) + crc32.Size
)

// Token is what an operator pastes on a machine to make it an agent.
type Token struct {
	Addrs  []string // collector host:port, tried in order; 1 to 8
	Pin    Pin      // the collector's root
	ID     string   // names the token at the collector; 1 to 64 of [A-Za-z0-9_-]
	Secret []byte   // proves it; 16 to 64 random bytes
}

// String is the token as it is pasted, secret included: "pk1_" and the unpadded
// base64url of
//
//	format 1 | pin 32 | n id | n secret | count { n addr } | CRC-32C 4 (big endian)
//
// where n is one byte of length. A token that [Token.Valid] refuses gives "".
// slog prints a token without its secret; fmt does not know better.
func (t Token) String() string {
	if t.Valid() != nil {
		return ""
	}
	b := append([]byte{tokenFormat}, t.Pin[:]...)
	b = append(append(b, byte(len(t.ID))), t.ID...)
	b = append(append(b, byte(len(t.Secret))), t.Secret...)
	b = append(b, byte(len(t.Addrs)))
	for _, a := range t.Addrs {
		b = append(append(b, byte(len(a))), a...)
	}
	b = binary.BigEndian.AppendUint32(b, tokenSum(b))
	return tokenPrefix + base64.RawURLEncoding.EncodeToString(b)
}

// LogValue keeps the secret out of logs.
func (t Token) LogValue() slog.Value { return slog.StringValue("token " + t.ID) }

// Valid says what keeps t from being a token.
func (t Token) Valid() error {
	switch {
	case t.ID == "" || len(t.ID) > maxTokenID || strings.ContainsFunc(t.ID, func(r rune) bool { return !inert(r) }):
		return fmt.Errorf("token id must be 1 to %d of [A-Za-z0-9_-]", maxTokenID)
	case len(t.Secret) < minTokenSecret || len(t.Secret) > maxTokenSecret:
		return fmt.Errorf("token secret of %d bytes instead of %d to %d", len(t.Secret), minTokenSecret, maxTokenSecret)
	}
	return checkAddrs(t.Addrs)
}

// checkAddrs holds a list of collector addresses to 1..8 of host:port.
func checkAddrs(addrs []string) error {
	if len(addrs) == 0 || len(addrs) > maxTokenAddrs {
		return fmt.Errorf("%d collector addresses instead of 1 to %d", len(addrs), maxTokenAddrs)
	}
	for _, a := range addrs {
		if len(a) > maxAddr {
			return fmt.Errorf("collector address of %d characters", len(a))
		}
		host, port, err := net.SplitHostPort(a)
		if err != nil {
			return fmt.Errorf("collector address %q is not host:port", a)
		}
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return fmt.Errorf("collector address %q: port must be 1 to 65535", a)
		}
		if host == "" || strings.ContainsFunc(host, func(r rune) bool { return !inert(r) && !strings.ContainsRune(".:%", r) }) {
			return fmt.Errorf("collector address %q: host must be a name or an IP address", a)
		}
	}
	return nil
}

// ParseToken reads what [Token.String] wrote. White space anywhere in it is
// dropped, since terminals and mails wrap long lines.
func ParseToken(s string) (Token, error) {
	if len(s) > 2*maxTokenBlob {
		return Token{}, fmt.Errorf("%w: %d characters are too many", ErrTokenForm, len(s))
	}
	s = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, s)
	body, ok := strings.CutPrefix(s, tokenPrefix)
	if !ok {
		if s != "" && strings.HasPrefix(tokenPrefix, s) {
			return Token{}, fmt.Errorf("%w: only its beginning is here", ErrTokenCut)
		}
		return Token{}, fmt.Errorf("%w: it does not begin with %s", ErrTokenForm, tokenPrefix)
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(body)
	if err != nil {
		return Token{}, fmt.Errorf("%w: it has characters that no token has, or too few", ErrTokenCut)
	}
	if len(b) < crc32.Size+1 {
		return Token{}, fmt.Errorf("%w: it is too short", ErrTokenCut)
	}
	b, sum := b[:len(b)-crc32.Size], binary.BigEndian.Uint32(b[len(b)-crc32.Size:])
	if tokenSum(b) != sum {
		return Token{}, fmt.Errorf("%w: the checksum does not match", ErrTokenCut)
	}
	if b[0] != tokenFormat {
		return Token{}, fmt.Errorf("%w that this version can read: format %d, known is %d", ErrTokenForm, b[0], tokenFormat)
	}
	return decodeToken(b[1:])
}

// decodeToken reads the fields behind the format byte. The checksum has held,
// so what fails here was never written by us.
func decodeToken(b []byte) (t Token, err error) {
	r := fields{rest: b}
	copy(t.Pin[:], r.take(len(t.Pin)))
	t.ID = string(r.take(r.byte()))
	t.Secret = r.take(r.byte())
	for range r.byte() {
		if t.Addrs = append(t.Addrs, string(r.take(r.byte()))); r.short {
			break
		}
	}
	if r.short || len(r.rest) > 0 {
		return Token{}, fmt.Errorf("%w: its fields do not fill it", ErrTokenForm)
	}
	if err := t.Valid(); err != nil {
		return Token{}, fmt.Errorf("%w: %w", ErrTokenForm, err)
	}
	return t, nil
}

// tokenSum is a CRC-32C: it catches every change within 32 bits, so every
// single wrong character, by construction and not by chance.
func tokenSum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// fields reads length-prefixed bytes; short says that it ran out.
type fields struct {
	rest  []byte
	short bool
}

// take gives a copy of the next n bytes.
func (f *fields) take(n int) []byte {
	if n > len(f.rest) {
		f.short, f.rest = true, nil
		return nil
	}
	out := append([]byte(nil), f.rest[:n]...)
	f.rest = f.rest[n:]
	return out
}

func (f *fields) byte() int {
	if b := f.take(1); b != nil {
		return int(b[0])
	}
	return 0
}
