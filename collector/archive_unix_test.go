//go:build !windows

package collector

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"
)

// archived is one file of an archive that a test makes by hand.
type archived struct {
	header tar.Header
	body   string
}

// forge makes an archive: a manifest, unless it is "", and entries.
func forge(t testing.TB, manifest string, entries ...archived) []byte {
	t.Helper()
	var b bytes.Buffer
	zip := gzip.NewWriter(&b)
	out := tar.NewWriter(zip)
	if manifest != "" {
		entries = append([]archived{{tar.Header{Name: manifestName, Typeflag: tar.TypeReg, Size: int64(len(manifest))}, manifest}}, entries...)
	}
	for _, e := range entries {
		if err := out.WriteHeader(&e.header); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(out, e.body); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(out.Close(), zip.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func plain(name, body string) archived {
	return archived{tar.Header{Name: name, Typeflag: tar.TypeReg, Size: int64(len(body)), Mode: 0o777}, body}
}

// listed is a manifest of a database, a root, and more files.
func listed(t testing.TB, more ...BackupFile) string {
	t.Helper()
	m := Manifest{Schema: backupSchema, Files: append([]BackupFile{fileOf("ca/root.crt", "root"), fileOf("picket.db", "db")}, more...)}
	doc, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(doc)
}

func fileOf(name, body string) BackupFile {
	sum := sha256.Sum256([]byte(body))
	return BackupFile{Name: name, Size: int64(len(body)), SHA256: hex.EncodeToString(sum[:])}
}

func TestABadArchiveLeavesNothing(t *testing.T) {
	good := backupOf(t, dataDir(t))
	flipped := bytes.Clone(good)
	// In the checksum at its end: within the stream a flipped bit may say the same,
	// where one zero of an empty page was copied from another.
	flipped[len(flipped)-8] ^= 1
	base := []archived{plain("ca/root.crt", "root"), plain("picket.db", "db")}
	with := func(more ...archived) []archived { return append(base[:2:2], more...) }
	for name, archive := range map[string][]byte{
		"nothing":            nil,
		"a text":             []byte("hello, this is no archive"),
		"flipped":            flipped,
		"cut in the middle":  good[:len(good)/2],
		"cut at the end":     good[:len(good)-3],
		"more behind":        append(bytes.Clone(good), "tail"...),
		"two in one":         append(bytes.Clone(good), good...),
		"no manifest":        forge(t, "", base...),
		"another schema":     forge(t, `{"schema":"picket.backup/v9","files":[]}`),
		"a long manifest":    forge(t, strings.Repeat(" ", maxManifest+1)+listed(t), base...),
		"no database":        forge(t, `{"schema":"picket.backup/v1","files":[{"name":"ca/root.crt","size":1,"sha256":""}]}`),
		"a way out":          forge(t, listed(t, fileOf("ca/../../evil", "x")), with(plain("ca/../../evil", "x"))...),
		"an absolute name":   forge(t, listed(t, fileOf("/tmp/evil", "x")), with(plain("/tmp/evil", "x"))...),
		"a hidden name":      forge(t, listed(t, fileOf("ca/.evil", "x")), with(plain("ca/.evil", "x"))...),
		"a file beside":      forge(t, listed(t, fileOf("picket.sock", "x")), with(plain("picket.sock", "x"))...),
		"twice":              forge(t, listed(t, fileOf("CA/root.crt", "root")), with(plain("CA/root.crt", "root"))...),
		"twice on Windows":   forge(t, listed(t, fileOf("ca/ROOT.crt", "root")), with(plain("ca/ROOT.crt", "root"))...),
		"not listed":         forge(t, listed(t), with(plain("ca/more", "x"))...),
		"not there":          forge(t, listed(t), base[0]),
		"in another order":   forge(t, listed(t), base[1], base[0]),
		"a symbolic link":    forge(t, listed(t), archived{tar.Header{Name: "ca/root.crt", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}, ""}, base[1]),
		"a hard link":        forge(t, listed(t), archived{tar.Header{Name: "ca/root.crt", Typeflag: tar.TypeLink, Linkname: "/etc/passwd"}, ""}, base[1]),
		"a link to nothing":  forge(t, listed(t, fileOf("ca/x", "")), with(archived{tar.Header{Name: "ca/x", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}, ""})...),
		"a folder":           forge(t, listed(t), archived{tar.Header{Name: "ca/root.crt", Typeflag: tar.TypeDir}, ""}, base[1]),
		"another checksum":   forge(t, listed(t), plain("ca/root.crt", "r00t"), base[1]),
		"another size":       forge(t, listed(t), plain("ca/root.crt", "rootroot"), base[1]),
		"too big":            forge(t, strings.Replace(listed(t), `"size":2`, `"size":281474976710656`, 1), base...),
		"a negative size":    forge(t, strings.Replace(listed(t), `"size":2`, `"size":-2`, 1), base...),
		"a long key":         forge(t, listed(t, BackupFile{Name: "ca/x", Size: maxKeyFile + 1}), base...),
		"no keys, no tables": forge(t, listed(t), base...), // as its manifest says, but not what it should be
	} {
		t.Run(name, func(t *testing.T) {
			parent := t.TempDir()
			dir := filepath.Join(parent, "a", "data")
			_, err := Restore(t.Context(), bytes.NewReader(archive), dir)
			if err == nil || name != "no keys, no tables" && !errors.Is(err, ErrBackup) {
				t.Errorf("restored: %v", err)
			}
			nothingIn(t, parent)
		})
	}
}

// FuzzReadArchive: whatever the manifest says and whatever follows it, nothing is
// kept under a name that was not checked, and no more than the manifest says. The
// zip is left out, since a fuzzer does not find its checksums, and so are the
// tar's headers as bytes: inputs stay short, so
// that the engine does not spend its time on making them shorter. A short run
// wants -fuzzminimizetime 1x all the same.
func FuzzReadArchive(f *testing.F) {
	root, db := []byte("root"), []byte("db")
	f.Add([]byte(listed(f)), "ca/root.crt", byte(tar.TypeReg), root, "picket.db", db)
	f.Add([]byte(listed(f, fileOf("ca/../x", "x"))), "ca/../x", byte(tar.TypeReg), []byte("x"), "picket.db", db)
	f.Add([]byte(listed(f)), "ca/root.crt", byte(tar.TypeReg), []byte("root, and far more than its manifest says"), "picket.db", db)
	f.Add([]byte(listed(f)), "ca/root.crt", byte(tar.TypeSymlink), []byte{}, "picket.db", db)
	f.Add([]byte(`{"schema":"picket.backup/v1","files":[]}`), "", byte(0), []byte{}, "", []byte{})
	f.Fuzz(func(t *testing.T, manifest []byte, first string, kind byte, one []byte, second string, two []byte) {
		var tarball bytes.Buffer
		out := tar.NewWriter(&tarball)
		for _, e := range []archived{plain(manifestName, string(manifest)), {tar.Header{Name: first, Typeflag: kind, Size: int64(len(one))}, string(one)}, plain(second, string(two))} {
			if out.WriteHeader(&e.header) != nil {
				return // no tar can have it
			}
			if _, err := io.WriteString(out, e.body); err != nil {
				return
			}
		}
		if out.Close() != nil {
			return
		}
		readTar(t.Context(), &tarball, func(file BackupFile) (io.WriteCloser, error) {
			if file.Name != databaseName && (!keyFile.MatchString(file.Name) || !filepath.IsLocal(file.Name)) {
				t.Errorf("kept %q", file.Name)
			}
			return &measure{t, file, 0}, nil
		})
	})
}

// measure is where a file goes that must not be larger than its manifest says.
type measure struct {
	t    *testing.T
	file BackupFile
	n    int64
}

func (m *measure) Write(b []byte) (int, error) {
	if m.n += int64(len(b)); m.n > m.file.Size {
		m.t.Errorf("%s got %d bytes, its manifest says %d", m.file.Name, m.n, m.file.Size)
	}
	return len(b), nil
}

func (m *measure) Close() error { return nil }
