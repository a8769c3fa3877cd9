//go:build !windows

package daemon

import (
	"context"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
)

// logTo writes to w. In systemd's journal every line says how grave it is
// (sd-daemon(3)), and the journal knows the time.
func (*Life) logTo(w io.Writer) (slog.Handler, func() error, error) {
	if os.Getenv("JOURNAL_STREAM") == "" || w != io.Writer(os.Stderr) {
		return slog.NewTextHandler(w, nil), nil, nil
	}
	plain := slog.NewTextHandler(&journal{w: w}, &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})
	return plain, nil, nil
}

// journal puts systemd's priority before each line.
type journal struct{ w io.Writer }

func (j *journal) Write(line []byte) (int, error) {
	grade := "<6>"
	switch text := string(line[:min(len(line), 16)]); {
	case strings.HasPrefix(text, "level=ERROR"):
		grade = "<3>"
	case strings.HasPrefix(text, "level=WARN"):
		grade = "<4>"
	case strings.HasPrefix(text, "level=DEBUG"):
		grade = "<7>"
	}
	if _, err := j.w.Write(append([]byte(grade), line...)); err != nil {
		return 0, err
	}
	return len(line), nil
}

// live calls main and tells systemd, if it is there, how far it is.
func (l *Life) live(ctx context.Context, main func(context.Context) error) error {
	l.ready = func() { notify("READY=1") }
	defer context.AfterFunc(ctx, func() { notify("STOPPING=1") })()
	return main(ctx)
}

// notify sends systemd a word by the socket that it gave us, if it did: see
// sd_notify(3). Nothing depends on whether it arrives but systemd's own view.
func notify(word string) {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return
	}
	if path[0] == '@' {
		path = "\x00" + path[1:]
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return
	}
	defer c.Close()
	c.Write([]byte(word)) // see above
}
