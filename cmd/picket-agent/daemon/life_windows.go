package daemon

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/kardianos/service"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/eventlog"
)

// logTo writes to w, and under the service manager to the Event Log what an
// administrator wants to find there.
func (l *Life) logTo(w io.Writer) (slog.Handler, func() error, error) {
	text := slog.NewTextHandler(w, nil)
	if !l.managed() {
		return text, nil, nil
	}
	events, err := eventlog.Open(serviceName)
	if err != nil {
		return text, nil, err
	}
	return slog.NewMultiHandler(text, &eventHandler{log: events}), events.Close, nil
}

// eventHandler files records in the Event Log: those with a number, and
// warnings and errors.
type eventHandler struct {
	log  *eventlog.Log
	with []slog.Attr
}

// Enabled implements [slog.Handler]: what has a number is known only later.
func (h *eventHandler) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelInfo }

// WithAttrs implements [slog.Handler].
func (h *eventHandler) WithAttrs(as []slog.Attr) slog.Handler {
	return &eventHandler{log: h.log, with: append(h.with[:len(h.with):len(h.with)], as...)}
}

// WithGroup implements [slog.Handler]. An event has no groups: names are plain.
func (h *eventHandler) WithGroup(string) slog.Handler { return h }

// Handle implements [slog.Handler].
func (h *eventHandler) Handle(_ context.Context, r slog.Record) error {
	var text strings.Builder
	text.WriteString(r.Message)
	number := uint32(0)
	each := func(a slog.Attr) bool {
		if a.Key == eventKey && a.Value.Kind() == slog.KindInt64 {
			number = uint32(a.Value.Int64())
		} else {
			text.WriteString("\r\n" + a.String())
		}
		return true
	}
	for _, a := range h.with {
		each(a)
	}
	r.Attrs(each)
	switch {
	case r.Level >= slog.LevelError:
		return h.log.Error(or(number, EventError), text.String())
	case r.Level >= slog.LevelWarn:
		return h.log.Warning(or(number, EventWarning), text.String())
	case number != 0:
		return h.log.Info(number, text.String())
	}
	return nil
}

func or(n, otherwise uint32) uint32 {
	if n == 0 {
		return otherwise
	}
	return n
}

// startTime is how long Start waits for the agent to work: the manager gives a
// service 30 s before it calls it hung.
const startTime = 10 * time.Second

// live calls main. Under the service manager main is a service's: it begins when
// the manager says so and ends with its Stop. A main that fails ends the process
// without a word, for that is what the manager's recovery actions wait for; with
// a [Permanent] error the service says that it stopped, and is left in peace.
func (l *Life) live(ctx context.Context, main func(context.Context) error) error {
	if !l.managed() {
		l.ready = func() {}
		return main(ctx)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	p := &program{ctx: ctx, cancel: cancel, main: main, log: l.log, ready: make(chan struct{}), done: make(chan struct{})}
	l.ready = sync.OnceFunc(func() { close(p.ready) })
	s, err := service.New(p, &service.Config{Name: serviceName})
	if err != nil {
		return err
	}
	// Not s.Run: it decides by itself whether there is a manager.
	return errors.Join(svc.Run(serviceName, s.(svc.Handler)), p.err)
}

// managed says whether the service manager started us. The guess looks at the
// parent process, and Wine's does not look like that of Windows.
func (l *Life) managed() bool { return l.AsService || !service.Interactive() }

// program is main for kardianos/service.
type program struct {
	ctx    context.Context // of the process; a field because Start has none
	cancel context.CancelCauseFunc
	main   func(context.Context) error
	log    *slog.Logger
	ready  chan struct{} // closed when the agent works
	done   chan struct{} // closed when main has returned, unless the process ends with it
	err    error         // of main; read after done
}

// Start implements [service.Interface].
func (p *program) Start(service.Service) error {
	go func() {
		err := p.main(p.ctx)
		if err != nil {
			p.log.Error("the agent ended", "err", err)
		}
		if _, vain := errors.AsType[Permanent](err); !vain && p.ctx.Err() == nil {
			os.Exit(1)
		}
		p.err = err
		close(p.done)
	}()
	late := time.NewTimer(startTime)
	defer late.Stop()
	select {
	case <-p.ready:
	case <-late.C: // a large spool on a slow disk
	case <-p.done:
		return p.err
	}
	return nil
}

// Stop implements [service.Interface].
func (p *program) Stop(service.Service) error { return p.end(context.Canceled) }

// Shutdown implements [service.Shutdowner].
func (p *program) Shutdown(service.Service) error { return p.end(ErrShutdown) }

func (p *program) end(cause error) error {
	p.cancel(cause)
	<-p.done
	return p.err
}
