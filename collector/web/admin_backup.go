package web

import (
	"context"
	"io"
	"net/http"
	"time"
)

// Backups copies what the collector keeps.
type Backups interface {
	// Backup writes one archive to w; by stands in the audit trail. It may take
	// minutes before the first byte. An error that is an *[Error] and comes
	// before that is told as it is.
	Backup(ctx context.Context, by string, w io.Writer) error
}

// backupPause is how long a reader of a backup may take for one write.
const backupPause = time.Minute

// registerBackup adds the operators' verb
//
//	POST /backup    -> application/gzip
//
// which is for the unix socket alone: the archive holds the collector's keys.
// An archive that cannot be finished ends without the end of its encoding, so
// that no reader takes it for whole.
func (a api) registerBackup(mux *http.ServeMux, b Backups) {
	mux.HandleFunc("POST /backup", func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		// A backup takes longer than any answer; it ends when its reader leaves.
		if err := control.SetReadDeadline(time.Time{}); err != nil {
			a.fail(w, r, err)
			return
		}
		out := &patient{w: w, control: control}
		err := b.Backup(r.Context(), operator, out)
		switch {
		case err == nil:
		case !out.begun:
			if err := control.SetWriteDeadline(time.Now().Add(answerTimeout)); err == nil {
				w.Header().Del("Content-Type")
			}
			a.fail(w, r, err)
		default:
			a.log.Error("backup broken off", "err", err)
			panic(http.ErrAbortHandler) // ends the connection; net/http's way to say so
		}
	})
}

// patient is a response whose every write has its own time.
type patient struct {
	w       http.ResponseWriter
	control *http.ResponseController
	begun   bool
}

func (p *patient) Write(b []byte) (int, error) {
	if err := p.control.SetWriteDeadline(time.Now().Add(backupPause)); err != nil {
		return 0, err
	}
	if !p.begun {
		p.begun = true
		p.w.Header().Set("Content-Type", "application/gzip")
	}
	return p.w.Write(b)
}
