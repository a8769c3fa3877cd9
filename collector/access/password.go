package access

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
)

// Lengths of a password in bytes. There are no rules about its characters: length is what counts.
const (
	MinPassword = 12
	MaxPassword = 256
)

// ErrPassword marks a password that may not be used; the text says why.
var ErrPassword = errors.New("this password cannot be used")

// Cost is what one try of a password costs the machine. The zero value means
// the second choice of RFC 9106, section 4: 3 passes over 64 MiB in 4 lanes,
// some tens of milliseconds.
type Cost struct {
	Memory uint32 // KiB
	Passes uint32
	Lanes  uint8
}

func (c Cost) orDefault() Cost {
	if c == (Cost{}) {
		return Cost{Memory: 64 << 10, Passes: 3, Lanes: 4}
	}
	return c
}

// Bounds of a cost read from a stored hash, so that a damaged row cannot take the memory.
const (
	maxMemory = 256 << 10 // KiB
	maxPasses = 16
	saltBytes = 16
	keyBytes  = 32
)

// HashPassword returns the password as argon2id in PHC form, with a fresh salt,
// at the default [Cost]. It takes tens of milliseconds and 64 MiB. errors.Is: [ErrPassword].
func HashPassword(password string) (string, error) {
	if err := CheckPassword(password); err != nil {
		return "", err
	}
	return hashPassword(password, Cost{}.orDefault()), nil
}

// CheckPassword says why a password cannot be used. errors.Is: [ErrPassword].
func CheckPassword(password string) error {
	switch {
	case !utf8.ValidString(password):
		return fmt.Errorf("%w: it is not valid UTF-8 text", ErrPassword)
	case len(password) < MinPassword:
		return fmt.Errorf("%w: it has fewer than %d characters", ErrPassword, MinPassword)
	case len(password) > MaxPassword:
		return fmt.Errorf("%w: it has more than %d bytes", ErrPassword, MaxPassword)
	case strings.Trim(password, password[:1]) == "":
		return fmt.Errorf("%w: it is one character over and over", ErrPassword)
	}
	return nil
}

func hashPassword(password string, c Cost) string {
	salt := make([]byte, saltBytes)
	rand.Read(salt) // never fails
	key := argon2.IDKey([]byte(password), salt, c.Passes, c.Memory, c.Lanes, keyBytes)
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, c.Memory, c.Passes, c.Lanes, b64(salt), b64(key))
}

// phc is a stored hash, taken apart.
type phc struct {
	cost      Cost
	salt, key []byte
}

// parsePHC reads what [HashPassword] wrote. It never tells the text in its errors.
func parsePHC(s string) (h phc, err error) {
	bad := errors.New("the stored password is damaged: set a new one with `picket user password NAME`")
	parts := strings.Split(s, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return h, bad
	}
	if n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &h.cost.Memory, &h.cost.Passes, &h.cost.Lanes); n != 3 || err != nil {
		return h, bad
	}
	c := h.cost
	if c.Lanes < 1 || c.Passes < 1 || c.Passes > maxPasses || c.Memory < 8*uint32(c.Lanes) || c.Memory > maxMemory {
		return h, bad
	}
	var err1, err2 error
	h.salt, err1 = base64.RawStdEncoding.DecodeString(parts[4])
	h.key, err2 = base64.RawStdEncoding.DecodeString(parts[5])
	if err1 != nil || err2 != nil || len(h.salt) < 8 || len(h.salt) > 64 || len(h.key) < 16 || len(h.key) > 64 {
		return h, bad
	}
	return h, nil
}

// matches says whether the password is the one of h, in time that does not
// depend on where they differ.
func (h phc) matches(password string) bool {
	got := argon2.IDKey([]byte(password), h.salt, h.cost.Passes, h.cost.Memory, h.cost.Lanes, uint32(len(h.key)))
	return subtle.ConstantTimeCompare(got, h.key) == 1
}
