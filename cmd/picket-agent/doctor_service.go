package main

import (
	"context"
	"io"
	"os"
	"os/exec"
	"runtime"
	"time"

	"picket/agent/doctor"
	"picket/cmd/picket-agent/daemon"
)

// serviceState is what the service manager says of the agent of a state directory,
// as the end of "the service is"; "" if it says nothing, or of another directory.
func serviceState(state string) string {
	s, err := daemon.Open()
	if err != nil || s.Layout().State != state {
		return ""
	}
	switch st, err := s.Status(); {
	case err != nil:
		return ""
	case !st.Installed:
		return missingService
	case st.Running:
		return "running"
	}
	return stoppedService
}

// What serviceState says of a service that does not run.
const (
	stoppedService = "installed and stopped"
	missingService = "not installed (picket-agent service install)"
)

// Bounds of a service's log in a bundle.
const (
	logBytes   = 1 << 20
	logLines   = "1000"
	logPatient = 5 * time.Second
)

// serviceLog is the log that the service manager keeps of the agent of a state
// directory: it tells why an agent does not even start.
func serviceLog(ctx context.Context, state string) []doctor.File {
	l := daemon.Here()
	if l.State != state {
		return nil
	}
	var text []byte
	var err error
	switch {
	case l.LogPath() != "":
		text, err = lastOf(l.LogPath())
	case runtime.GOOS == "linux":
		ctx, cancel := context.WithTimeout(ctx, logPatient)
		defer cancel()
		text, err = exec.CommandContext(ctx, "journalctl", "--unit", "picket-agent", "--lines", logLines, "--no-pager", "--output", "short-iso").Output()
	default:
		return nil
	}
	if err != nil {
		text = []byte("not to be had: " + err.Error() + "\n")
	}
	return []doctor.File{{Name: "service-log.txt", About: "the service's log, its last lines", Data: text}}
}

// lastOf is the end of a file.
func lastOf(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if _, err := f.Seek(max(0, info.Size()-logBytes), io.SeekStart); err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(f, logBytes))
}
