package collector

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"picket/collector/store"
	"picket/collector/web"
)

// What a backup holds: the database, with everything that people and agents
// were told (identities, marks, rollups, incidents, the outbox, users, the text
// of the applied configuration), and the keys in ca/ and acme/. What it does
// not hold: secrets that the configuration names by file or environment, what
// InfluxDB has, points that InfluxDB refused, and logs.
//
// Why one archive with a manifest: half a backup (a database without its keys)
// looks like one until the day it is needed. The manifest comes first with a
// checksum for each file, so the reader knows at each byte what must follow.
//
// The database is copied on the disk first and read from there, since its size
// and checksum come before it; this needs as much room as the database has,
// for as long as somebody reads.

const (
	stageBackup  = ".backup"  // folder in the data directory, for the copy
	stageRestore = ".restore" // the same, for what a restore has read
)

// ErrNoData: the folder is no collector's data directory.
var ErrNoData = errors.New("there is no collector's database in it")

// backups makes backups of a collector that runs.
type backups struct {
	store        *store.Store
	dir, version string
	log          *slog.Logger

	mu sync.Mutex // held while one is made: the copy has one place
}

// newBackups removes what an earlier life left half-made: it may be all that
// fills the disk.
func newBackups(s *store.Store, dir, version string, log *slog.Logger) *backups {
	_ = os.RemoveAll(filepath.Join(dir, stageBackup)) // best effort: the next backup says why it cannot
	return &backups{store: s, dir: dir, version: version, log: log}
}

// write writes one backup to w and notes it in the audit trail. An error that
// comes before the first byte may be an [*web.Error].
func (b *backups) write(ctx context.Context, by string, w io.Writer) error {
	if !b.mu.TryLock() {
		return &web.Error{Status: http.StatusConflict, Code: "backup", What: "no backup was made", Why: "another one is being made now", Fix: "wait until it is done"}
	}
	defer b.mu.Unlock()
	// Before it leaves: who has the archive has the keys, finished or not.
	entry := store.Entry{At: time.Now(), Actor: by, Action: "store.backup"}
	if err := b.store.Audit(ctx, entry); err != nil {
		return err
	}
	m, err := writeBackup(ctx, b.dir, b.version, b.store.Backup, w)
	if err != nil {
		return err
	}
	b.log.Info("backup made", "by", by, "agents", m.Inside.Agents, "files", len(m.Files))
	return nil
}

// BackupDir writes a backup of a data directory on which no collector runs.
// errors.Is: [store.ErrInUse], [store.ErrNewer], [ErrNoData].
func BackupDir(ctx context.Context, dir, version string, w io.Writer) error {
	path := filepath.Join(dir, databaseName)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("back up %s: %w", dir, ErrNoData)
	}
	lock, err := store.Lock(path)
	if err != nil {
		return fmt.Errorf("back up %s: %w", dir, err)
	}
	defer lock.Close()
	_, err = writeBackup(ctx, dir, version, func(ctx context.Context, to string) error { return store.Copy(ctx, path, to) }, w)
	return err
}

// writeBackup writes a backup of dir to w; copyTo copies the database.
func writeBackup(ctx context.Context, dir, version string, copyTo func(context.Context, string) error, w io.Writer) (m Manifest, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("make a backup: %w", err)
		}
	}()
	stage := filepath.Join(dir, stageBackup)
	if err := errors.Join(os.RemoveAll(stage), os.Mkdir(stage, 0o700)); err != nil {
		return m, err
	}
	defer os.RemoveAll(stage) // what stays is removed at the next start
	database := filepath.Join(stage, databaseName)
	m = Manifest{Schema: backupSchema, Version: version, Made: time.Now().UTC().Truncate(time.Second)}
	if err := copyTo(ctx, database); err != nil {
		return m, err
	}
	if m.Inside, err = store.Inspect(ctx, database); err != nil {
		return m, err
	}
	keys := map[string][]byte{}
	for _, folder := range []string{"ca", "acme"} {
		if err := m.addFolder(dir, folder, keys); err != nil {
			return m, err
		}
	}
	if err := m.addDatabase(ctx, database); err != nil {
		return m, err
	}
	if err := m.check(); err != nil {
		return m, err
	}
	return m, writeFiles(ctx, w, &m, database, keys)
}

// addFolder reads the files of a folder into keys and lists them; a folder that
// is not there has none.
func (m *Manifest) addFolder(dir, folder string, keys map[string][]byte) error {
	entries, err := os.ReadDir(filepath.Join(dir, folder))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := folder + "/" + e.Name()
		path := filepath.Join(dir, folder, e.Name())
		info, err := os.Stat(path) // through links: a key may be mounted from elsewhere
		switch {
		case strings.HasSuffix(name, ".tmp"):
			continue // left by a write that was cut short
		case err != nil:
			return err
		case !info.Mode().IsRegular() || !keyFile.MatchString(name):
			continue // not ours
		case info.Size() > maxKeyFile:
			return fmt.Errorf("%s has %d bytes, which no key has", path, info.Size())
		}
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(src)
		m.Files = append(m.Files, BackupFile{Name: name, Size: int64(len(src)), SHA256: hex.EncodeToString(sum[:])})
		keys[name] = src
	}
	return nil
}

func (m *Manifest) addDatabase(ctx context.Context, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	hash := sha256.New()
	n, err := io.Copy(hash, untilDone{ctx, f})
	m.Files = append(m.Files, BackupFile{Name: databaseName, Size: n, SHA256: hex.EncodeToString(hash.Sum(nil))})
	return err
}

func writeFiles(ctx context.Context, w io.Writer, m *Manifest, database string, keys map[string][]byte) error {
	out, err := newArchive(w, m)
	if err != nil {
		return err
	}
	for _, f := range m.Files {
		var r io.Reader = bytes.NewReader(keys[f.Name])
		if f.Name == databaseName {
			file, err := os.Open(database)
			if err != nil {
				return err
			}
			defer file.Close()
			r = untilDone{ctx, file}
		}
		if err := out.add(f.Name, f.Size, r); err != nil {
			return err
		}
	}
	return out.close()
}
