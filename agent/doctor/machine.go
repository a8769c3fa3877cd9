package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// secrets are the files of a state directory that nobody else may open.
func secrets() []string { return []string{"agent.key", "pending.key", "waiting.json", "proxy.secret"} }

// lookAtMachine looks at this program's file and at the state directory. there
// says that the directory must exist.
func lookAtMachine(dir string, there bool) Machine {
	var m Machine
	m.Exe, m.ExeErr = os.Executable()
	if m.ExeErr == nil {
		_, m.ExeErr = os.Stat(m.Exe)
	}
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !there:
		m.Free, m.FreeErr = freeBytes(existing(dir))
		return m
	case err != nil:
		m.DirErr = err
		return m
	case !info.IsDir():
		m.DirErr = fmt.Errorf("%s is not a directory", dir)
		return m
	}
	if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode&0o022 != 0 {
		m.Loose = append(m.Loose, fmt.Sprintf("%s (mode %04o)", dir, mode))
	}
	for _, name := range secrets() {
		info, err := os.Stat(filepath.Join(dir, name))
		if err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
			m.Loose = append(m.Loose, fmt.Sprintf("%s (mode %04o)", name, info.Mode().Perm()))
		}
	}
	m.Full = writable(dir)
	m.Free, m.FreeErr = freeBytes(dir)
	return m
}

// existing is the nearest folder above dir that is there.
func existing(dir string) string {
	for {
		if _, err := os.Stat(dir); err == nil || filepath.Dir(dir) == dir {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

// writable puts some bytes on the disk and takes them away again: a full disk
// still makes empty files.
func writable(dir string) error {
	f, err := os.CreateTemp(dir, "doctor-*.tmp")
	if err != nil {
		return err
	}
	_, err = f.Write(make([]byte, 8<<10))
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close(), os.Remove(f.Name()))
}
