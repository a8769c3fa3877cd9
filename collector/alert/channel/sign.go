package channel

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The headers of a delivery.
const (
	SignatureHeader   = "X-Picket-Signature"
	IdempotencyHeader = "Idempotency-Key"
)

// Why a delivery is not to be trusted.
var (
	ErrSignature = errors.New("the signature does not match")
	ErrStale     = errors.New("the signature is too old or from the future")
)

// Sign returns the value of [SignatureHeader] for body.
func Sign(secret, body []byte, now time.Time) string {
	t := strconv.FormatInt(now.Unix(), 10)
	return "t=" + t + ",v1=" + hex.EncodeToString(mac(secret, t, body))
}

func mac(secret []byte, t string, body []byte) []byte {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(t))
	h.Write([]byte{'.'})
	h.Write(body)
	return h.Sum(nil)
}

// Verify says whether the delivery with this header and these exact body bytes
// was signed with secret less than tolerance ago (5 minutes is usual). Several
// v1 values may stand in the header; one must match. errors.Is: [ErrSignature],
// [ErrStale].
func Verify(secret []byte, header http.Header, body []byte, now time.Time, tolerance time.Duration) error {
	value := header.Get(SignatureHeader)
	if value == "" || len(value) > 1024 || len(secret) == 0 {
		return fmt.Errorf("%w: header or secret is missing", ErrSignature)
	}
	var t string
	var signatures [][]byte
	for part := range strings.SplitSeq(value, ",") {
		key, v, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch key {
		case "t":
			t = v
		case "v1":
			if s, err := hex.DecodeString(v); err == nil {
				signatures = append(signatures, s)
			}
		}
	}
	unix, err := strconv.ParseInt(t, 10, 64)
	if err != nil {
		return fmt.Errorf("%w: no time in it", ErrSignature)
	}
	want, ok := mac(secret, t, body), false
	for _, s := range signatures {
		ok = hmac.Equal(s, want) || ok
	}
	if !ok {
		return ErrSignature
	}
	if age := now.Sub(time.Unix(unix, 0)); age > tolerance || age < -tolerance {
		return ErrStale
	}
	return nil
}
