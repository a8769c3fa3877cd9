package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// handOver gives uid and gid every file and directory below root, and root
// itself, that belongs to the user from.
func handOver(root *os.Root, from, uid, gid int) error {
	return fs.WalkDir(root.FS(), ".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist): // it went away while we walked
			return nil
		case err != nil:
			return fmt.Errorf("hand over the state: %w", err)
		case !entry.IsDir() && !entry.Type().IsRegular():
			return nil
		}
		if err := giveOne(root, path, from, uid, gid); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("hand over the state: %w", err)
		}
		return nil
	})
}

// giveOne looks at the file that it opened and changes that one, whatever has
// its name by then.
func giveOne(root *os.Root, path string, from, uid, gid int) error {
	f, err := root.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, syscall.ELOOP) || errors.Is(err, syscall.ENXIO) {
		return nil // it became a link or a socket
	}
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(st.Uid) != from || info.Mode().IsRegular() && st.Nlink != 1 || !info.IsDir() && !info.Mode().IsRegular() {
		return nil
	}
	return f.Chown(uid, gid)
}
