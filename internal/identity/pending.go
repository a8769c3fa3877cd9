package identity

import (
	"crypto/ecdsa"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// filePending is the key of an enrolment that was begun, with the id of its token.
const filePending = "pending.key"

// headerToken names the token in the PEM header of [filePending].
const headerToken = "Token"

// PendingKey is the key to enrol with by the token of this id: that of an earlier
// try whose answer was lost on the way, else a new one. It is on disk, mode 0600,
// before it is returned: a collector knows a repeated request by its key, and
// gives the same identity again without using the token up. [DropPending] ends it.
func PendingKey(dir, tokenID string) (*ecdsa.PrivateKey, error) {
	if key := pendingKey(dir, tokenID); key != nil {
		return key, nil
	}
	key, err := NewKey()
	if err != nil {
		return nil, err
	}
	b, err := encodeKey(key)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(b)
	block.Headers = map[string]string{headerToken: tokenID}
	if err := writeFile(filepath.Join(dir, filePending), pem.EncodeToMemory(block)); err != nil {
		return nil, err
	}
	return key, nil
}

// pendingKey is nil if there is none for this token. One that is damaged, open to
// others, or in use already is none: nothing is lost with it.
func pendingKey(dir, tokenID string) *ecdsa.PrivateKey {
	b, err := readFile(filepath.Join(dir, filePending), secret)
	if err != nil {
		return nil
	}
	if block, _ := pem.Decode(b); block == nil || block.Headers[headerToken] != tokenID {
		return nil
	}
	key, err := decodeKey(b)
	if err != nil {
		return nil
	}
	if used, err := readKey(dir, fileAgentKey); err != nil || used != nil && used.Equal(key) {
		return nil
	}
	return key
}

// DropPending forgets the key of an enrolment that is over.
func DropPending(dir string) error {
	if err := os.Remove(filepath.Join(dir, filePending)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the key of an enrolment that is over: %w", err)
	}
	return nil
}
