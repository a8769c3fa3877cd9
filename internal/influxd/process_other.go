//go:build !linux && !windows

package influxd

import (
	"os/exec"
	"syscall"
)

// detach gives the database a process group of its own, so that Ctrl-C in a
// terminal reaches only its parent, which stops it in order.
func detach(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}
