package collector

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"picket/collector/config"
	"picket/collector/store"
	"picket/internal/fleet"
)

// Last is the configuration that a data folder was run with last.
type Last struct {
	File   *config.File
	Source []byte // nil for the embedded defaults
	At     time.Time
	// Warning says that it is not quite what was applied, or not what the file
	// says now; "" if all is as it was.
	Warning string
}

// ErrNoLast: nothing was ever applied in this data folder.
var ErrNoLast = errors.New("nothing was applied yet")

// LastFile returns what was applied last in the data folder dir, for a restart.
// What can no longer be used (a newer version wants it otherwise, a file that it
// needs is gone) is replaced by the file under the same name, if that is good.
// errors.Is: [ErrNoLast], [store.ErrInUse]; errors.As: config.Problems.
func LastFile(ctx context.Context, dir string) (Last, error) {
	applied, err := lastApplied(ctx, dir)
	if err != nil {
		return Last{}, err
	}
	if applied.Name == "" && len(applied.Source) == 0 {
		return Last{File: config.Defaults(), At: applied.At}, nil
	}
	l := Last{Source: applied.Source, At: applied.At}
	when := applied.At.UTC().Format("2006-01-02 15:04 UTC")
	name := cmp.Or(applied.Name, filepath.Join(dir, "picket.yaml"))
	onDisk, text, diskErr := config.Load(name)
	if l.File, err = config.Parse(name, applied.Source); err == nil {
		if diskErr == nil && onDisk.Digest != l.File.Digest {
			l.Warning = fmt.Sprintf("%s is not what was applied on %s, which is used; look: picket config plan %s", name, when, name)
		}
		return l, nil
	}
	if diskErr != nil {
		return Last{}, fmt.Errorf("the configuration applied on %s: %w", when, err)
	}
	l.File, l.Source = onDisk, text
	l.Warning = fmt.Sprintf("the configuration applied on %s can no longer be used (%v), %s is used as it is now", when, err, name)
	return l, nil
}

func lastApplied(ctx context.Context, dir string) (store.Applied, error) {
	path := filepath.Join(dir, databaseName)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return store.Applied{}, ErrNoLast // opening would make one
	}
	db, err := store.Open(ctx, path, nil)
	if err != nil {
		return store.Applied{}, err
	}
	applied, err := db.LastConfig(ctx)
	if errors.Is(err, store.ErrNotFound) {
		err = ErrNoLast
	}
	return applied, errors.Join(err, db.Close())
}

// saveFirst keeps what the collector starts with.
func saveFirst(ctx context.Context, s *store.Store, o Options, now time.Time) (fleet.Config, bool, error) {
	name, err := absolute(o.File.Name)
	if err != nil {
		return fleet.Config{}, false, err
	}
	return s.SaveConfig(ctx, o.File.Fleet(), name, o.Source, now)
}

// absolute is the path of a fleet file for the next start, which may have
// another working directory; "" stays.
func absolute(name string) (string, error) {
	if name == "" {
		return "", nil
	}
	abs, err := filepath.Abs(name)
	if err != nil {
		return "", fmt.Errorf("find the configuration's folder: %w", err)
	}
	return abs, nil
}
