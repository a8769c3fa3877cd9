package identity

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// ErrJoinFile marks a file that is no bundle to join with, or a damaged one. Its
// message never holds the token.
var ErrJoinFile = errors.New("not a Picket join bundle")

const joinFormat = "picket.joinbundle/v1"

// JoinFile is what a machine needs to join that is brought there by hand: one
// file, to be kept like a password until it was used.
type JoinFile struct {
	Token Token
	// Root is the certificate of the root that the token pins, PEM: whoever must
	// allow the connection in a firewall that inspects TLS can see what it will find.
	Root    []byte
	Client  string    // for people
	Site    string    // "client/site", for people; "" of a tenant's token
	Expires time.Time // of the token, by the collector's clock
}

type joinFile struct {
	Format     string    `json:"format"`
	Collectors []string  `json:"collectors"` // as in the token, for people
	Pin        string    `json:"pin"`        // as in the token, for people
	Root       string    `json:"root"`
	Client     string    `json:"client,omitempty"`
	Site       string    `json:"site,omitempty"`
	Expires    time.Time `json:"expires,omitzero"`
	Token      string    `json:"token"`
}

// WriteJoinFile makes a bundle at path with mode 0600. A file that is there
// already is left alone: fs.ErrExist.
func WriteJoinFile(path string, f JoinFile) error {
	text := f.Token.String()
	if text == "" {
		return fmt.Errorf("write join bundle: %w", f.Token.Valid())
	}
	if err := pinnedRoot(f.Root, f.Token.Pin); err != nil {
		return fmt.Errorf("write join bundle: %w", err)
	}
	b, err := json.MarshalIndent(joinFile{Format: joinFormat, Collectors: f.Token.Addrs, Pin: f.Token.Pin.String(), Root: string(f.Root),
		Client: f.Client, Site: f.Site, Expires: f.Expires, Token: text}, "", "  ")
	if err != nil {
		return fmt.Errorf("write join bundle: %w", err)
	}
	out, err := os.OpenFile(filepath.Clean(path), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("write join bundle: %w", err)
	}
	_, err = out.Write(append(b, '\n'))
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
		return errors.Join(fmt.Errorf("write join bundle: %w", err), os.Remove(path))
	}
	return nil
}

// ReadJoinFile reads a bundle of at most 64 KiB. A file that other users can
// read is refused: the token in it is a secret. errors.Is: [ErrJoinFile],
// [ErrTokenCut], [ErrTokenForm], fs.ErrNotExist.
func ReadJoinFile(path string) (JoinFile, error) {
	b, err := readFile(path, secret)
	if err != nil {
		return JoinFile{}, fmt.Errorf("read join bundle: %w", err)
	}
	var f joinFile
	dec := json.NewDecoder(bytes.NewReader(b))
	if err := dec.Decode(&f); err != nil {
		return JoinFile{}, fmt.Errorf("%w: it is cut off or something else", ErrJoinFile)
	}
	if f.Format != joinFormat {
		return JoinFile{}, fmt.Errorf("%w that this version can read: format %q, known is %q", ErrJoinFile, clip(f.Format), joinFormat)
	}
	token, err := ParseToken(f.Token)
	if err != nil {
		return JoinFile{}, err
	}
	if err := pinnedRoot([]byte(f.Root), token.Pin); err != nil {
		return JoinFile{}, fmt.Errorf("%w: %w", ErrJoinFile, err)
	}
	return JoinFile{Token: token, Root: []byte(f.Root), Client: f.Client, Site: f.Site, Expires: f.Expires}, nil
}

// pinnedRoot fails unless one of the certificates is the one that pin names.
func pinnedRoot(rootPEM []byte, pin Pin) error {
	certs, err := decodeCerts(rootPEM)
	if err != nil {
		return fmt.Errorf("root: %w", err)
	}
	for _, c := range certs {
		if pinOf(c) == pin {
			return nil
		}
	}
	return errors.New("the root certificate in it is not the one that its token names")
}
