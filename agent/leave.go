package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"picket/internal/uplink"
)

// Why an agent ends is known to whoever ends it, and to nobody else: a service
// manager ends every process by the same signal. The reason is looked for in
// this order:
//
//  1. a mark in the state directory, which the scripts of a package write before
//     they stop the service ([MarkLeave]): upgrade, uninstall;
//  2. the cause of the context that Run was given ([Leaving]), for a service
//     manager that tells (the shutdown order of Windows);
//  3. the machine itself, where it tells that it is going down (leave_linux.go);
//  4. else it was stopped.
//
// The reason changes no verdict: any goodbye means that nobody is missed. It is
// for the people who see a site without an agent.

// Leaving is the cause of a context that ends an agent for a known reason:
//
//	ctx, cancel := context.WithCancelCause(parent)
//	cancel(agent.Leaving(uplink.ByeShutdown))
type Leaving string

// Error implements error.
func (l Leaving) Error() string { return "leaving: " + string(l) }

// leaveMark is the file in the state directory that says why the next stop is.
const leaveMark = "leaving"

// leaveFor is how long a mark counts [E]: a service stops within a minute and a
// half, and a mark whose stop never came must not explain tomorrow's.
const leaveFor = 10 * time.Minute

// leaveMost bounds what is read of a mark.
const leaveMost = 32

// ErrLeave says that a reason is none of those that can be marked.
var ErrLeave = errors.New("not a reason to leave: it is upgrade or uninstall")

// MarkLeave notes in the state directory dir why the agent will be stopped in a
// moment: [uplink.ByeUpgrade] or [uplink.ByeUninstall]. It is for the scripts of
// a package, which often run as root in a directory of another user: an old
// mark is removed and the new one made anew, so that no link is followed.
// errors.Is: [ErrLeave].
func MarkLeave(dir, why string) (err error) {
	if why != uplink.ByeUpgrade && why != uplink.ByeUninstall {
		return fmt.Errorf("%w, not %.40q", ErrLeave, why)
	}
	path := filepath.Join(dir, leaveMark)
	if err := unmarkLeave(dir); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fmt.Errorf("mark why the agent stops: %w", err)
	}
	_, err = f.WriteString(why + "\n")
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("mark why the agent stops: %w", err)
	}
	return nil
}

// unmarkLeave removes the mark, if there is one.
func unmarkLeave(dir string) error {
	if err := os.Remove(filepath.Join(dir, leaveMark)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the mark of an earlier stop: %w", err)
	}
	return nil
}

// markedLeave is the reason that was marked a moment ago; "" none. A mark that
// cannot be read explains nothing and stops nobody.
func markedLeave(dir string, now time.Time) string {
	path := filepath.Join(dir, leaveMark)
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() || now.Sub(info.ModTime()).Abs() > leaveFor {
		return ""
	}
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	src, err := io.ReadAll(io.LimitReader(f, leaveMost))
	if err != nil {
		return ""
	}
	why := strings.TrimSpace(string(bytes.ToValidUTF8(src, nil)))
	if !slices.Contains([]string{uplink.ByeUpgrade, uplink.ByeUninstall}, why) {
		return ""
	}
	return why
}

// leaving is why the agent on dir ends now that ctx has ended.
func leaving(ctx context.Context, dir string, now time.Time) string {
	if why := markedLeave(dir, now); why != "" {
		return why
	}
	if l, ok := errors.AsType[Leaving](context.Cause(ctx)); ok && l != "" {
		return string(l)
	}
	if why := machineLeaves(); why != "" {
		return why
	}
	return uplink.ByeStop
}
