package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
)

const (
	// logSize and logFiles bound what a log takes on a client's disk: an agent
	// writes some ten lines a day, and a bad day's thousands still fit [E].
	logSize  = 4 << 20 // bytes
	logFiles = 3       // agent.log, agent.log.1, agent.log.2
)

// LogFile is a log of at most [logFiles] files of [logSize] bytes. It is safe
// for concurrent use.
type LogFile struct {
	path string
	most int64

	mu   sync.Mutex // guards the fields below
	f    *os.File   // nil after Close
	size int64
}

// OpenLog opens path to append to it; its folder is made.
func OpenLog(path string) (*LogFile, error) { return openLog(path, logSize) }

func openLog(path string, most int64) (*LogFile, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	l := &LogFile{path: path, most: most}
	if err := l.open(); err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	return l, nil
}

func (l *LogFile) open() error {
	f, err := os.OpenFile(l.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o640)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return errors.Join(err, f.Close())
	}
	l.f, l.size = f, info.Size()
	return nil
}

// Write appends p, to a new file if this one would grow too large. If the files
// cannot be moved, the current one is begun anew rather than let grow.
func (l *LogFile) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.f == nil {
		return 0, fs.ErrClosed
	}
	if l.size > 0 && l.size+int64(len(p)) > l.most {
		if err := l.turn(); err != nil {
			return 0, err
		}
	}
	n, err := l.f.Write(p)
	l.size += int64(n)
	return n, err
}

// turn moves every file one number up, and the last one away.
func (l *LogFile) turn() error {
	err := l.f.Close()
	l.f = nil
	for n := logFiles - 1; n > 0 && err == nil; n-- {
		from := l.path
		if n > 1 {
			from += "." + strconv.Itoa(n-1)
		}
		if err = os.Rename(from, l.path+"."+strconv.Itoa(n)); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	if err != nil {
		os.Truncate(l.path, 0) // best effort: see Write
	}
	return l.open()
}

// Close closes the log; what is written afterwards is refused.
func (l *LogFile) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.f == nil {
		return nil
	}
	err := l.f.Close()
	l.f = nil
	return err
}
