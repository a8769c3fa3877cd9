package daemon

import (
	"context"
	"errors"
	"io"
	"log/slog"
)

// ErrShutdown is the cause of the context of a service that ends because the
// machine goes down, where the manager tells (Windows).
var ErrShutdown = errors.New("the machine shuts down")

// Numbers of events in the Windows Event Log, source PicketAgent. Their meaning
// never changes. The agent numbers its own: 210 the collector is away, 211 it
// is back, 400 it does not accept this agent.
const (
	EventWarning = 2   // a warning without a number of its own
	EventError   = 3   // an error without a number of its own
	EventStart   = 100 // the service runs
	EventStop    = 101 // the service ended as it was told to
)

// eventKey is the attribute by which a log line names its event, so that people
// find it in every log, and the Event Log files it under its number.
const eventKey = "event"

// Life is how `picket-agent run` lives: below a service manager, or in a shell.
// The zero value lives in a shell and logs to the writer that it is given.
type Life struct {
	// LogFile receives the log instead of the writer; "" means the writer.
	LogFile string
	// Settings is read into the environment first, where the service manager does
	// not do that; "" means nothing is read.
	Settings string
	// AsService says that the service manager of Windows started us; false means
	// that this is guessed.
	AsService bool

	log   *slog.Logger
	ready func()
}

// Logger is the log of this life, and Ready says that the agent works: both are
// for what [Life.Run] calls.
func (l *Life) Logger() *slog.Logger { return l.log }

// Ready tells the service manager that the agent works.
func (l *Life) Ready() { l.ready() }

// Permanent marks an error that another start would meet again, so that the
// service manager need not try.
type Permanent struct{ Err error }

func (p Permanent) Error() string { return p.Err.Error() }

// Unwrap returns what was marked.
func (p Permanent) Unwrap() error { return p.Err }

// Run calls main and returns what it does. The context of main ends with ctx, or
// when the service manager says so; its cause may be [ErrShutdown]. The log goes
// to LogFile or w, and under the manager of Windows to the Event Log as well.
func (l *Life) Run(ctx context.Context, w io.Writer, main func(context.Context) error) (err error) {
	shut := l.open(w)
	defer func() { err = errors.Join(err, shut()) }()
	if err := UseSettings(l.Settings); err != nil {
		l.log.Warn("the settings were left out", "err", err)
	}
	return l.live(ctx, func(ctx context.Context) error {
		l.log.Info("agent starts", eventKey, EventStart)
		err := main(ctx)
		if err == nil {
			l.log.Info("agent has stopped; what was not delivered is kept on disk", eventKey, EventStop)
		}
		return err
	})
}

// open opens the log and returns what closes it. Where it cannot be opened, the
// next best is used and told so: an agent without a log is better than none.
func (l *Life) open(w io.Writer) (shut func() error) {
	var trouble error
	var closers []func() error
	if l.LogFile != "" {
		f, err := OpenLog(l.LogFile)
		if err == nil {
			w, closers = f, append(closers, f.Close)
		}
		trouble = err
	}
	handler, end, err := l.logTo(w)
	if end != nil {
		closers = append(closers, end)
	}
	l.log = slog.New(handler)
	if trouble = errors.Join(trouble, err); trouble != nil {
		l.log.Warn("not every log could be opened", "err", trouble)
	}
	return func() error {
		var errs []error
		for _, c := range closers {
			errs = append(errs, c())
		}
		return errors.Join(errs...)
	}
}
