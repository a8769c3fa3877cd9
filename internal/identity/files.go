package identity

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// maxFile bounds what is read from any identity file. A chain of four P-256
// certificates is below 4 KiB, agent.json with a long policy below 30 KiB.
const maxFile = 64 << 10

// bits says whether the permission bits of this system mean anything.
const bits = runtime.GOOS != "windows"

// PrepareDir makes dir fit to keep keys, and proves that files can be made in
// it: it is created with mode 0700 if it does not exist, tightened to that if it
// is empty, and refused if other users may write to it.
func PrepareDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make identity directory: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("read identity directory: %w", err)
	}
	// A directory that holds things already may be a system directory named by
	// mistake: its mode is not ours to change.
	if len(entries) == 0 {
		if err := closeDir(dir); err != nil {
			return fmt.Errorf("close identity directory to others: %w", err)
		}
	}
	if err := checkDir(dir); err != nil {
		return err
	}
	probe := filepath.Join(dir, "writable")
	tmp, err := stage(probe, nil)
	if err != nil {
		return fmt.Errorf("write in identity directory: %w", err)
	}
	return os.Remove(tmp)
}

// checkDir refuses a directory in which others could replace the files.
func checkDir(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("look at identity directory: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is not a directory", dir)
	}
	if perm := info.Mode().Perm(); bits && perm&0o022 != 0 {
		return fmt.Errorf("directory %s (mode %04o) can be written by other users, who could replace the keys in it; repair: chmod 700 %s", dir, perm, dir)
	}
	return nil
}

// exists says whether there is a file of that name in dir.
func exists(dir, name string) (bool, error) {
	_, err := os.Lstat(filepath.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// secret and public say who may read a file.
const (
	secret fs.FileMode = 0o077 // bits that must not be set on a key
	public fs.FileMode = 0o022 // bits that must not be set on the rest
)

// readFile reads an identity file of at most maxFile bytes and refuses modes
// that have a bit of forbidden. A missing file is fs.ErrNotExist.
func readFile(path string, forbidden fs.FileMode) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	if perm := info.Mode().Perm(); bits && perm&forbidden != 0 {
		can := "written"
		if forbidden == secret {
			can = "read or written"
		}
		return nil, fmt.Errorf("%s (mode %04o) can be %s by other users; repair: chmod 600 %s", path, perm, can, path)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxFile {
		return nil, fmt.Errorf("%s is larger than %d bytes", path, maxFile)
	}
	return b, nil
}

// writeFile replaces path by data so that a crash leaves the old content or the
// new, never a mixture: it stages the data beside it and renames.
func writeFile(path string, data []byte) error {
	tmp, err := stage(path, data)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := commit(tmp, path); err != nil {
		return fmt.Errorf("replace %s: %w", path, err)
	}
	return nil
}

// stage puts data on the disk under path's temporary name, mode 0600. What an
// earlier crash left under that name is removed first.
func stage(path string, data []byte) (tmp string, err error) {
	tmp = path + ".tmp"
	if err := os.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		os.Remove(tmp) // best effort: the next stage removes it anyway
		return "", err
	}
	return tmp, nil
}

// commit gives the staged file its name and makes that durable.
func commit(tmp, path string) error {
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	if !bits {
		return nil // Windows cannot sync a directory
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
