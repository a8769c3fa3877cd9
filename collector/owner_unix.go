//go:build !windows

package collector

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// owner is whose a data directory is.
type owner struct {
	uid, gid int
	foreign  bool // not ours: only root can work there
}

func ownerOf(dir string) (o owner, err error) {
	info, err := os.Stat(dir)
	if err != nil {
		return o, err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return o, nil
	}
	return owner{int(stat.Uid), int(stat.Gid), int(stat.Uid) != os.Geteuid()}, nil
}

// give gives an open file to the owner. It goes by the file and not by its name,
// which the owner of the folder could have given to another file meanwhile.
func (o owner) give(f *os.File) error {
	if !o.foreign {
		return nil
	}
	return f.Chown(o.uid, o.gid)
}

// apart makes a folder beside dir that nobody but us can reach into, on the same
// file system. errors.Is: [ErrForeign].
func (o owner) apart(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	parent := filepath.Dir(dir)
	refuse := func(why string) error {
		return fmt.Errorf("%w: %s is user %d's, and %s %s", ErrForeign, dir, o.uid, parent, why)
	}
	above, err := os.Stat(parent)
	if err != nil {
		return "", err
	}
	in, err := os.Stat(dir)
	if err != nil {
		return "", err
	}
	a, ok := above.Sys().(*syscall.Stat_t)
	d, dok := in.Sys().(*syscall.Stat_t)
	switch {
	case !ok || !dok || int(a.Uid) != os.Geteuid() || above.Mode().Perm()&0o022 != 0:
		return "", refuse("is not ours alone")
	case a.Dev != d.Dev:
		return "", refuse("is on another file system")
	}
	return os.MkdirTemp(parent, ".picket-restore-")
}

// adopt gives everything in tree, which nobody else can reach, to the owner.
func (o owner) adopt(tree string) error {
	if !o.foreign {
		return nil
	}
	return filepath.WalkDir(tree, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || path == tree { // the folder itself stays closed
			return err
		}
		return os.Lchown(path, o.uid, o.gid)
	})
}

// syncDir makes new names in dir durable.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
