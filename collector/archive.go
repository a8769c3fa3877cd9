package collector

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"picket/collector/store"
)

// A backup is one gzipped tar: first [Manifest] as manifest.json, then exactly
// the files that it lists, in its order, each a plain file with the size and
// checksum that it says. Nothing else is read, so there is no path, link or
// mode in an archive that could do harm.

// ErrBackup marks an archive that is damaged, cut off, or no backup of Picket.
var ErrBackup = errors.New("this is no whole backup of Picket")

const (
	backupSchema = "picket.backup/v1"
	manifestName = "manifest.json"
	databaseName = "picket.db"
	rootName     = "ca/root.crt" // without it no agent would know us again

	maxManifest = 256 << 10
	maxKeyFile  = 64 << 10  // bytes of one file beside the database
	maxKeyFiles = 512       // files beside the database
	maxDatabase = 256 << 30 // bytes
	maxPadding  = 1 << 20   // bytes of zeros behind the last file
)

// Manifest is what a backup says of itself.
type Manifest struct {
	Schema  string       `json:"schema"`  // picket.backup/v1
	Version string       `json:"version"` // of the program that made it
	Made    time.Time    `json:"made"`
	Inside  store.Inside `json:"inside"`
	Files   []BackupFile `json:"files"`
}

// BackupFile is one file of a backup.
type BackupFile struct {
	Name   string `json:"name"` // "picket.db", "ca/...", "acme/..."
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"` // in hexadecimal
}

// keyFile is how the files beside the database are named: in one of our folders,
// and never hidden.
var keyFile = regexp.MustCompile(`^(ca|acme)/[A-Za-z0-9_][A-Za-z0-9_.+@*-]{0,127}$`)

// check refuses what no program of ours would have written.
func (m *Manifest) check() error {
	if m.Schema != backupSchema {
		return fmt.Errorf("%w: its format is %.40q, this program knows %s", ErrBackup, m.Schema, backupSchema)
	}
	if len(m.Files) > maxKeyFiles+1 {
		return fmt.Errorf("%w: it has %d files", ErrBackup, len(m.Files))
	}
	seen := map[string]bool{}
	for _, f := range m.Files {
		limit := int64(maxKeyFile)
		switch {
		case f.Name == databaseName:
			limit = maxDatabase
		case !keyFile.MatchString(f.Name):
			return fmt.Errorf("%w: it has a file named %.200q", ErrBackup, f.Name)
		}
		lower := strings.ToLower(f.Name) // one file on Windows and macOS
		if seen[lower] {
			return fmt.Errorf("%w: it has %s twice", ErrBackup, f.Name)
		}
		seen[lower] = true
		if f.Size < 0 || f.Size > limit {
			return fmt.Errorf("%w: its file %s has %d bytes", ErrBackup, f.Name, f.Size)
		}
	}
	if !seen[databaseName] || !seen[rootName] {
		return fmt.Errorf("%w: the database or the keys are missing", ErrBackup)
	}
	return nil
}

// archiveWriter writes a backup, file by file.
type archiveWriter struct {
	zip  *gzip.Writer
	tar  *tar.Writer
	made time.Time
}

// newArchive begins a backup with its manifest.
func newArchive(w io.Writer, m *Manifest) (*archiveWriter, error) {
	zip, err := gzip.NewWriterLevel(w, gzip.BestSpeed) // the collector has better things to do
	if err != nil {
		return nil, err
	}
	a := &archiveWriter{zip: zip, tar: tar.NewWriter(zip), made: m.Made}
	doc, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, err
	}
	return a, a.add(manifestName, int64(len(doc)), bytes.NewReader(doc))
}

func (a *archiveWriter) add(name string, size int64, r io.Reader) error {
	h := &tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o600, Size: size, ModTime: a.made, Format: tar.FormatPAX}
	if err := a.tar.WriteHeader(h); err != nil {
		return err
	}
	if _, err := io.CopyN(a.tar, r, size); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

func (a *archiveWriter) close() error { return errors.Join(a.tar.Close(), a.zip.Close()) }

// VerifyBackup reads a whole backup and holds it against its manifest.
// errors.Is: [ErrBackup].
func VerifyBackup(ctx context.Context, r io.Reader) (Manifest, error) {
	return readArchive(ctx, r, func(BackupFile) (io.WriteCloser, error) { return discard{}, nil })
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }
func (discard) Close() error                { return nil }

// readArchive reads a backup. keep is asked where each file goes, after the
// manifest was found good; what it wrote is worth something only if
// readArchive returns no error. errors.Is: [ErrBackup], the errors of keep.
func readArchive(ctx context.Context, r io.Reader, keep func(BackupFile) (io.WriteCloser, error)) (m Manifest, err error) {
	raw := bufio.NewReader(untilDone{ctx, r})
	zip, err := gzip.NewReader(raw)
	if err != nil {
		return m, broken(ctx, err)
	}
	zip.Multistream(false)
	if m, err = readTar(ctx, zip, keep); err != nil {
		return m, err
	}
	// To the end of the zip, where its own checksum is.
	if n, err := io.Copy(io.Discard, io.LimitReader(zip, maxPadding+1)); err != nil || n > maxPadding {
		return m, broken(ctx, orElse(err, "there is more behind its last file"))
	}
	if _, err := raw.Peek(1); !errors.Is(err, io.EOF) {
		return m, broken(ctx, orElse(err, "there is more behind its end"))
	}
	return m, nil
}

// readTar is readArchive for what is inside the zip, up to the end of the last file.
func readTar(ctx context.Context, r io.Reader, keep func(BackupFile) (io.WriteCloser, error)) (m Manifest, err error) {
	in := tar.NewReader(r)
	if m, err = readManifest(in); err != nil {
		return m, broken(ctx, err)
	}
	for _, f := range m.Files {
		if err := next(in, f.Name, f.Size); err != nil {
			return m, broken(ctx, err)
		}
		if err := readFile(ctx, in, f, keep); err != nil {
			return m, err
		}
	}
	if h, err := in.Next(); err == nil {
		return m, fmt.Errorf("%w: it has a file named %.200q that its manifest does not list", ErrBackup, h.Name)
	} else if !errors.Is(err, io.EOF) {
		return m, broken(ctx, err)
	}
	return m, nil
}

// orElse is err, or an error of this text if there is none.
func orElse(err error, text string) error {
	if err != nil {
		return err
	}
	return errors.New(text)
}

func readManifest(in *tar.Reader) (m Manifest, err error) {
	if err := next(in, manifestName, -1); err != nil {
		return m, err
	}
	doc, err := io.ReadAll(io.LimitReader(in, maxManifest+1))
	if err != nil {
		return m, err
	}
	if len(doc) > maxManifest {
		return m, errors.New("its manifest is too long")
	}
	if err := json.Unmarshal(doc, &m); err != nil {
		return m, fmt.Errorf("its manifest cannot be read: %w", err)
	}
	return m, m.check()
}

// next goes to the next file, which must be a plain one of this name and size; a
// negative size is any.
func next(in *tar.Reader, name string, size int64) error {
	h, err := in.Next()
	switch {
	case errors.Is(err, io.EOF):
		return fmt.Errorf("%s is missing", name)
	case err != nil:
		return err
	case h.Name != name:
		return fmt.Errorf("%s should come next, and %.200q does", name, h.Name)
	case h.Typeflag != tar.TypeReg || sparse(h):
		return fmt.Errorf("%s is not a plain file", name)
	case size >= 0 && h.Size != size:
		return fmt.Errorf("%s has %d bytes, its manifest says %d", name, h.Size, size)
	}
	return nil
}

// sparse says whether a file has holes, so that a few bytes of archive stand for
// any size. Backups have none.
func sparse(h *tar.Header) bool {
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return h.Format == tar.FormatGNU
}

// readFile hands the next file to keep and compares its checksum.
func readFile(ctx context.Context, in io.Reader, f BackupFile, keep func(BackupFile) (io.WriteCloser, error)) error {
	w, err := keep(f)
	if err != nil {
		return fmt.Errorf("restore %s: %w", f.Name, err)
	}
	hash := sha256.New()
	kept := &sink{w: w}
	_, err = io.Copy(io.MultiWriter(hash, kept), in)
	cerr := w.Close()
	switch {
	case kept.err != nil || err == nil && cerr != nil:
		return fmt.Errorf("restore %s: %w", f.Name, errors.Join(kept.err, cerr))
	case err != nil:
		return broken(ctx, err)
	case hex.EncodeToString(hash.Sum(nil)) != f.SHA256:
		return fmt.Errorf("%w: %s has another checksum than the manifest says", ErrBackup, f.Name)
	}
	return nil
}

// sink remembers that writing failed, which is not the archive's fault.
type sink struct {
	w   io.Writer
	err error
}

func (s *sink) Write(b []byte) (n int, err error) {
	n, s.err = s.w.Write(b)
	return n, s.err
}

// broken says that the archive is bad, unless reading was ended from outside.
func broken(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("read the backup: %w", context.Cause(ctx))
	case errors.Is(err, ErrBackup):
		return err
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: it is cut off", ErrBackup)
	}
	return fmt.Errorf("%w: %w", ErrBackup, err)
}

// untilDone is a reader that ends with its context.
type untilDone struct {
	ctx context.Context
	r   io.Reader
}

func (u untilDone) Read(b []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.r.Read(b)
}
