package influx

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// deadLetter is one line of the dead-letter file.
type deadLetter struct {
	At     time.Time `json:"at"`
	Status int       `json:"status"`
	Reason string    `json:"reason"`
	Line   string    `json:"line"`
}

// deadLetters is the file of refused lines. At half of its limit it is renamed
// to ".old", replacing the one before, and begun anew: the newest are kept.
type deadLetters struct {
	path   string // "" keeps nothing
	limit  int64  // bytes of both files together
	unkept atomic.Uint64

	mu   sync.Mutex // guards the fields below
	file *os.File
	size int64
}

// keep appends letters, or counts them as not kept.
func (d *deadLetters) keep(letters []deadLetter) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.path == "" {
		d.unkept.Add(uint64(len(letters)))
		return nil
	}
	now := time.Now().UTC()
	for i, l := range letters {
		l.At = now
		if err := d.append(l); err != nil {
			d.unkept.Add(uint64(len(letters) - i))
			return fmt.Errorf("keep refused lines: %w", err)
		}
	}
	return nil
}

// append writes one letter; d.mu is held.
func (d *deadLetters) append(l deadLetter) error {
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	text = append(text, '\n')
	if int64(len(text)) > d.limit/2 {
		return errors.New("the line is longer than the file may be")
	}
	if err := d.open(); err != nil {
		return err
	}
	if d.size > 0 && d.size+int64(len(text)) > d.limit/2 {
		if err := d.turnOver(); err != nil {
			return err
		}
	}
	n, err := d.file.Write(text)
	d.size += int64(n)
	return err
}

func (d *deadLetters) open() error {
	if d.file != nil {
		return nil
	}
	f, err := os.OpenFile(d.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return err
	}
	d.file, d.size = f, info.Size()
	return nil
}

func (d *deadLetters) turnOver() error {
	err := d.file.Close()
	d.file, d.size = nil, 0
	if err != nil {
		return err
	}
	if err := os.Rename(d.path, d.path+".old"); err != nil {
		return err
	}
	return d.open()
}

func (d *deadLetters) close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.file == nil {
		return nil
	}
	err := d.file.Close()
	d.file = nil
	return err
}
